/**
 * Replaces the values of secrets in what a function prints, in one pass over the text.
 *
 * All values are searched at once, by the automaton of Aho and Corasick over UTF-8: the time does not
 * depend on their number, nor on how much they resemble each other, which the tenant decides. Only the
 * first bytes of a long value are in the automaton, to bound its memory; from there on the text is
 * compared with the value. Spaces do not count, so that a value is found that a line prints in several
 * pieces: `console.log(secret.slice(0, 5), secret.slice(5))`.
 */

/** Shorter values are not masked: they would be found in ordinary words. */
export const MIN_MASKED_LENGTH = 8
/** Bytes of a value that are in the automaton. A text that goes on like a value for so long is masked. */
const MAX_PREFIX = 32

const SPACE = 32
const BYTES = 256

export interface MaskedSecret {
  name: string
  value: string
}

interface Pattern {
  name: string
  /** Without spaces. */
  bytes: Buffer
}

/** In bytes of the text. */
interface Span {
  start: number
  end: number
  name: string
}

export class Masker {
  /** By the list of secrets, which all workers of a version share. */
  static readonly #known = new WeakMap<readonly MaskedSecret[], Masker>()
  readonly #secrets: readonly MaskedSecret[]
  #automaton: Automaton | undefined

  private constructor(secrets: readonly MaskedSecret[]) {
    this.#secrets = secrets
  }

  /** Undefined if there is nothing to mask. */
  static of(secrets: readonly MaskedSecret[]): Masker | undefined {
    if (secrets.every(({ value }) => value.length < MIN_MASKED_LENGTH)) return undefined
    const known = Masker.#known.get(secrets)
    if (known !== undefined) return known
    const masker = new Masker(secrets.filter(({ value }) => value.length >= MIN_MASKED_LENGTH))
    Masker.#known.set(secrets, masker)
    return masker
  }

  /** The text with `[secret NAME]` in the place of each value. */
  mask(text: string): string {
    if (text.length < MIN_MASKED_LENGTH) return text
    this.#automaton ??= new Automaton(patternsOf(this.#secrets))
    const bytes = Buffer.from(text)
    const spans = this.#automaton.find(bytes)
    if (spans.length === 0) return text
    let masked = ''
    let at = 0
    for (const { start, end, name } of spans) {
      masked += `${bytes.toString('utf8', at, start)}[secret ${name}]`
      at = end
    }
    return masked + bytes.toString('utf8', at)
  }
}

/** Each value as it is, and as it stands in JSON or in an inspected object. */
function patternsOf(secrets: readonly MaskedSecret[]): Pattern[] {
  return secrets.flatMap(({ name, value }) => {
    const written = JSON.stringify(value).slice(1, -1)
    return [...new Set([value, written])]
      .map((text) => ({ name, bytes: Buffer.from(text.replaceAll(' ', '')) }))
      .filter(({ bytes }) => bytes.length > 0)
  })
}

/** State 0 is the beginning. No transition leads there, so that 0 stands for none. */
class Automaton {
  /** Of a state with one transition: its byte and the next state. */
  readonly #byte: Uint8Array
  readonly #next: Int32Array
  /** Of the others: where their 256 transitions begin in `#rows`; -1 for the former. */
  readonly #row: Int32Array
  readonly #rows: Int32Array
  /** The state of the longest proper suffix. */
  readonly #fallback: Int32Array
  /** The patterns of a state that is the end of one, with a common prefix, sorted. */
  readonly #found: (Pattern[] | undefined)[] = [undefined]

  constructor(patterns: readonly Pattern[]) {
    const edges: { from: number; byte: number; to: number }[] = []
    const known = new Map<number, number>()
    for (const pattern of patterns) {
      let state = 0
      for (const byte of pattern.bytes.subarray(0, MAX_PREFIX)) {
        let next = known.get(state * BYTES + byte)
        if (next === undefined) {
          next = this.#found.push(undefined) - 1
          known.set(state * BYTES + byte, next)
          edges.push({ from: state, byte, to: next })
        }
        state = next
      }
      const same = this.#found[state]
      if (same === undefined) this.#found[state] = [pattern]
      else same.push(pattern)
    }
    for (const same of this.#found) same?.sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    const states = this.#found.length
    const children = new Uint16Array(states)
    for (const { from } of edges) children[from] = (children[from] as number) + 1
    this.#byte = new Uint8Array(states)
    this.#next = new Int32Array(states)
    this.#fallback = new Int32Array(states)
    this.#row = new Int32Array(states).fill(-1)
    let rows = 0
    for (let state = 0; state < states; state++) {
      if (state > 0 && (children[state] as number) < 2) continue
      this.#row[state] = rows
      rows += BYTES
    }
    this.#rows = new Int32Array(rows)
    for (const { from, byte, to } of edges) {
      const row = this.#row[from] as number
      if (row >= 0) this.#rows[row + byte] = to
      else {
        this.#byte[from] = byte
        this.#next[from] = to
      }
    }
    this.#link(edges)
  }

  /** Where values are, in order, without overlap. */
  find(text: Uint8Array): Span[] {
    const spans: Span[] = []
    /** Positions of the last bytes that are not spaces, by their number modulo MAX_PREFIX. */
    const places = new Uint32Array(MAX_PREFIX)
    let seen = 0
    let state = 0
    for (let at = 0; at < text.length; at++) {
      const byte = text[at] as number
      if (byte === SPACE) continue
      places[seen % MAX_PREFIX] = at
      seen++
      state = this.#step(state, byte)
      const patterns = this.#found[state]
      if (patterns === undefined) continue
      const prefix = Math.min((patterns[0] as Pattern).bytes.length, MAX_PREFIX)
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

  #step(from: number, byte: number): number {
    for (let state = from; ; state = this.#fallback[state] as number) {
      const row = this.#row[state] as number
      if (row >= 0) {
        const next = this.#rows[row + byte] as number
        if (next !== 0 || state === 0) return next
      } else if (this.#byte[state] === byte && this.#next[state] !== 0) {
        return this.#next[state] as number
      }
    }
  }

  /** Breadth first: the states of the shorter suffixes are complete. */
  #link(edges: readonly { from: number; byte: number; to: number }[]): void {
    const below = Map.groupBy(edges, ({ from }) => from)
    const queue = [0]
    for (const from of queue) {
      for (const { byte, to } of below.get(from) ?? []) {
        if (from !== 0) this.#fallback[to] = this.#step(this.#fallback[from] as number, byte)
        this.#found[to] ??= this.#found[this.#fallback[to] as number]
        queue.push(to)
      }
    }
  }
}

/**
 * How far the text goes on like one of the values, which are sorted and have the first bytes in common.
 * A value that is cut off is masked as far as it goes.
 */
function extended(
  text: Uint8Array,
  from: number,
  patterns: readonly Pattern[],
): { end: number; name: string } {
  let [low, high] = [0, patterns.length]
  let end = from
  for (let at = from, length = MAX_PREFIX; at < text.length; at++) {
    const byte = text[at] as number
    if (byte === SPACE) continue
    // -1 behind the end of a value: such a value is the first one.
    const byteAt = (index: number) => (patterns[index] as Pattern).bytes[length] ?? -1
    const first = lowest(low, high, (index) => byteAt(index) >= byte)
    const behind = lowest(first, high, (index) => byteAt(index) > byte)
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
  let { start, name } = span
  for (let last = spans.at(-1); last !== undefined && last.end > start; last = spans.at(-1)) {
    // The name of the first one: the rest is its continuation.
    if (last.start <= start) name = last.name
    start = Math.min(start, last.start)
    spans.pop()
  }
  spans.push({ start, end: span.end, name })
}
