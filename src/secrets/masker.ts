/**
 * Replaces the values of secrets in what a function prints, in one pass over the text.
 *
 * All values are searched at once, by the automaton of Aho and Corasick: the time does not depend on
 * their number, nor on how much they resemble each other, which the tenant decides. Only the first
 * characters of a long value are in the automaton, to bound its memory; from there on the text is
 * compared with the value. Spaces do not count, so that a value is found that a line prints in several
 * pieces: `console.log(secret.slice(0, 5), secret.slice(5))`.
 */

/** Shorter values are not masked: they would be found in ordinary words. */
export const MIN_MASKED_LENGTH = 8
/** Characters of a value that are in the automaton. */
const MAX_PREFIX = 32

const SPACE = 32
/** More than there are code units, so that state and code unit make one key. */
const CODES = 0x10000

export interface MaskedSecret {
  name: string
  value: string
}

interface Pattern {
  name: string
  /** Without spaces. */
  text: string
}

interface Span {
  start: number
  end: number
  name: string
}

export class Masker {
  readonly #secrets: readonly MaskedSecret[]
  #automaton: Automaton | undefined

  private constructor(secrets: readonly MaskedSecret[]) {
    this.#secrets = secrets
  }

  /** Undefined if there is nothing to mask. */
  static of(secrets: readonly MaskedSecret[]): Masker | undefined {
    const masked = secrets.filter(({ value }) => value.length >= MIN_MASKED_LENGTH)
    return masked.length === 0 ? undefined : new Masker(masked)
  }

  /** The text with `[secret NAME]` in the place of each value. */
  mask(text: string): string {
    if (text.length < MIN_MASKED_LENGTH) return text
    this.#automaton ??= new Automaton(patternsOf(this.#secrets))
    const spans = this.#automaton.find(text)
    if (spans.length === 0) return text
    let masked = ''
    let at = 0
    for (const { start, end, name } of spans) {
      masked += `${text.slice(at, start)}[secret ${name}]`
      at = end
    }
    return masked + text.slice(at)
  }
}

/** Each value as it is, and as it stands in JSON or in an inspected object. */
function patternsOf(secrets: readonly MaskedSecret[]): Pattern[] {
  return secrets.flatMap(({ name, value }) => {
    const written = JSON.stringify(value).slice(1, -1)
    return [...new Set([value, written])]
      .map((text) => ({ name, text: text.replaceAll(' ', '') }))
      .filter(({ text }) => text !== '')
  })
}

class Automaton {
  /** The next state, by state and code unit. State 0 is the beginning. */
  readonly #next = new Map<number, number>()
  /** The state of the longest proper suffix. */
  readonly #fallback: number[] = [0]
  /** The longest pattern that ends in a state. */
  readonly #found: (Pattern[] | undefined)[] = [undefined]
  readonly #depth: number[] = [0]

  constructor(patterns: readonly Pattern[]) {
    for (const pattern of patterns) this.#add(pattern)
    this.#link()
  }

  /** Where values are, in order, without overlap. */
  find(text: string): Span[] {
    const spans: Span[] = []
    /** Positions of the last characters that are not spaces, by their number modulo MAX_PREFIX. */
    const places = new Uint32Array(MAX_PREFIX)
    let seen = 0
    let state = 0
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === SPACE) continue
      places[seen % MAX_PREFIX] = at
      seen++
      state = this.#step(state, code)
      const patterns = this.#found[state]
      if (patterns === undefined) continue
      const prefix = Math.min((patterns[0] as Pattern).text.length, MAX_PREFIX)
      const start = places[(seen - prefix) % MAX_PREFIX] as number
      const { end, name } = extended(text, at + 1, patterns)
      // A value with many spaces has a short pattern, which alone is not the value.
      if (end - start >= MIN_MASKED_LENGTH) add(spans, { start, end, name })
      if (end > at + 1) {
        at = end - 1
        state = 0
      }
    }
    return spans
  }

  #step(from: number, code: number): number {
    for (let state = from; ; state = this.#fallback[state] as number) {
      const next = this.#next.get(state * CODES + code)
      if (next !== undefined) return next
      if (state === 0) return 0
    }
  }

  #add(pattern: Pattern): void {
    let state = 0
    const { text } = pattern
    for (let at = 0; at < Math.min(text.length, MAX_PREFIX); at++) {
      const key = state * CODES + text.charCodeAt(at)
      let next = this.#next.get(key)
      if (next === undefined) {
        next = this.#depth.length
        this.#next.set(key, next)
        this.#depth.push((this.#depth[state] as number) + 1)
        this.#fallback.push(0)
        this.#found.push(undefined)
      }
      state = next
    }
    const patterns = this.#found[state]
    if (patterns === undefined) this.#found[state] = [pattern]
    else patterns.push(pattern)
  }

  /** Breadth first: the states of the shorter suffixes are complete. */
  #link(): void {
    for (const patterns of this.#found) patterns?.sort((a, b) => (a.text < b.text ? -1 : 1))
    const edges = [...this.#next].map(([key, to]) => ({
      from: Math.floor(key / CODES),
      code: key % CODES,
      to,
    }))
    edges.sort((a, b) => (this.#depth[a.from] as number) - (this.#depth[b.from] as number))
    for (const { from, code, to } of edges) {
      if (from !== 0) this.#fallback[to] = this.#step(this.#fallback[from] as number, code)
      this.#found[to] ??= this.#found[this.#fallback[to] as number]
    }
  }
}

/**
 * How far the text goes on like one of the values, which are sorted and have the first characters in
 * common. A value that is cut off is masked as far as it goes.
 */
function extended(
  text: string,
  from: number,
  patterns: readonly Pattern[],
): { end: number; name: string } {
  let [low, high] = [0, patterns.length]
  let end = from
  for (let at = from, length = MAX_PREFIX; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === SPACE) continue
    // NaN behind the end of a value: such a value is the first one.
    const codeAt = (index: number) => (patterns[index] as Pattern).text.charCodeAt(length)
    const first = lowest(low, high, (index) => codeAt(index) >= code)
    const behind = lowest(first, high, (index) => codeAt(index) > code)
    if (first === behind) break
    low = first
    high = behind
    length++
    end = at + 1
  }
  return { end, name: (patterns[low] as Pattern).name }
}

/** The lowest index of which the condition holds, where it holds from some index on. */
function lowest(from: number, to: number, holds: (index: number) => boolean): number {
  let [low, high] = [from, to]
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** Adds a span that ends behind all others, and joins those that it overlaps. */
function add(spans: Span[], span: Span): void {
  let { start } = span
  for (let last = spans.at(-1); last !== undefined && last.end > start; last = spans.at(-1)) {
    start = Math.min(start, last.start)
    spans.pop()
    // The first one's name: what follows is only its continuation.
    if (last.start <= span.start) span.name = last.name
  }
  spans.push({ ...span, start })
}
