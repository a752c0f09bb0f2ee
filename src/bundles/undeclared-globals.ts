/** Finds the globals that the bundler marked, removes the marks, and warns about missing globals. */
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'
import type { SourcePosition } from '../errors.ts'
import { globalRefusal, makerOf, marked, UNDECLARED_MARK } from './globals.ts'
import { type BundleWarning, warningAt } from './warnings.ts'

/** Where something stands in a bundle. As in source maps: lines from 1, columns from 0. */
interface Place {
  line: number
  column: number
}

export interface Use extends Place {
  name: string
  /** It is behind a test that fails in a worker, or only such a test. */
  harmless: boolean
}

/** What the bundler's process found out about the uses, by offsets in the bundle. */
interface Findings {
  harmless: readonly number[]
  messages: readonly { name: string; at: number }[]
}

export interface Uses {
  /** In the order of the bundle. */
  uses: Use[]
  /** Texts that say that a global is missing. */
  messages: (Place & { name: string })[]
}

/** A use of a missing global, where the sources have it. */
export interface SourceUse {
  name: string
  position: SourcePosition
  /** It is only tested for, but the same source has an error for the case that it is missing. */
  tested: boolean
  /** The code reaches it by another name; only its error says so. */
  hidden?: boolean
}

/** Returns the marked globals of the bundle, and the bundle without the marks. */
export function takeMarks(
  bundle: Uint8Array,
  watched: readonly string[],
  findings: Findings,
): Uses & { code: Uint8Array } {
  if (!Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength).includes(UNDECLARED_MARK)) {
    return { code: bundle, uses: [], messages: [] }
  }
  const names = new Map(watched.map((name) => [marked(name), name]))
  const pattern = new RegExp(`(?<![\\w$])${UNDECLARED_MARK}[\\w$]+`, 'g')
  const text = new TextDecoder().decode(bundle)
  const harmless = new Set(findings.harmless)
  const uses: Use[] = []
  const placeOf = placesIn(text)
  const clean = text.replace(pattern, (mark: string, at: number) => {
    const name = names.get(mark)
    if (name === undefined) {
      return mark
    }
    if ((name !== 'Function' && name !== 'eval') || text[at + mark.length] === '(') {
      uses.push({ name, harmless: harmless.has(at), ...placeOf(at) })
    }
    return name
  })
  const placeOfMessage = placesIn(text)
  const messages = findings.messages
    .toSorted((a, b) => a.at - b.at)
    .map(({ name, at }) => ({ name, ...placeOfMessage(at) }))
  return { code: new TextEncoder().encode(clean), uses, messages }
}

/** Returns the places of offsets, which must be asked for in ascending order. */
function placesIn(text: string): (at: number) => Place {
  let line = 1
  let lineStart = 0
  return (at) => {
    for (;;) {
      const end = text.indexOf('\n', lineStart)
      if (end === -1 || end >= at) break
      line++
      lineStart = end + 1
    }
    return { line, column: at - lineStart }
  }
}

/** The uses of missing globals in the tenant's sources that may fail in a worker. */
export function missingUses({ uses, messages }: Uses, map: Uint8Array): SourceUse[] {
  const missing = uses.filter(({ name }) => makerOf(name) === undefined)
  if (missing.length === 0) {
    return []
  }
  const trace = new TraceMap(new TextDecoder().decode(map))
  const positionOf = (place: Place): SourcePosition | undefined => {
    const { source, line, column } = originalPositionFor(trace, place)
    const known = source !== null && !/^\w+:/.test(source)
    return known ? { file: source, line, column: column + 1 } : undefined
  }
  const withRequests = new Set(
    missing.filter(({ name }) => name === 'XMLHttpRequest').map((use) => positionOf(use)?.file),
  )
  // The code reaches it by another name, and has an error for a worker.
  const hidden = messages.flatMap((message) => {
    const position = message.name === 'XHR' ? positionOf(message) : undefined
    if (position === undefined || withRequests.has(position.file)) return []
    return [{ name: 'XMLHttpRequest', position, tested: false, hidden: true }]
  })
  const errors = new Set(
    messages.flatMap((message) => {
      const position = positionOf(message)
      return position === undefined ? [] : [`${message.name} ${position.file}`]
    }),
  )
  const found = missing.flatMap((use) => {
    const { name, harmless } = use
    const position = positionOf(use)
    if (position === undefined) return []
    const hasError = harmless && errors.has(`${name} ${position.file}`)
    return harmless && !hasError ? [] : [{ name, position, tested: harmless }]
  })
  return [...found, ...hidden]
}

/**
 * Returns one warning for each missing global, with its places: those that are not tested for, or else
 * those where its absence is an error.
 *
 * @param noteOf what else is to be said of a global that is used at a position
 */
export function globalWarnings(
  uses: readonly SourceUse[],
  noteOf: (use: SourceUse) => string | undefined,
): BundleWarning[] {
  // What the code itself has an error for is the most likely to matter.
  const sorted = uses.toSorted((a, b) => Number(b.tested) - Number(a.tested))
  return [...Map.groupBy(sorted, ({ name }) => name)].map(([name, all]) => {
    const untested = all.filter(({ tested }) => !tested)
    const counted = untested.length > 0 ? untested : all
    const notes = counted.map(noteOf).filter((note) => note !== undefined)
    const why =
      untested.length > 0
        ? [...new Set(notes)].map((note) => `; ${note}`).join('')
        : '; this code tests for it, and has an error for the case that it is missing'
    const message = `'${name}' ${globalRefusal(name)}${why}.`
    return warningAt(
      message,
      counted.map(({ position }) => position),
    )
  })
}
