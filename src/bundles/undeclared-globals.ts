/** Finds the globals that the bundler marked, removes the marks, and warns about missing globals. */
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'
import type { SourcePosition } from '../errors.ts'
import { globalRefusal, MADE_GLOBALS, marked, UNDECLARED_MARK } from './globals.ts'

/** A warning about a bundle that is accepted. */
export interface BundleWarning extends SourcePosition {
  message: string
}

interface Use {
  name: string
  /** Used only with `typeof`, which is harmless. */
  probe: boolean
  /** As in source maps: lines from 1, columns from 0. */
  line: number
  column: number
}

/** Returns the marked globals of the bundle in order, and the bundle without the marks. */
export function takeMarks(
  bundle: Uint8Array,
  watched: readonly string[],
): { code: Uint8Array; uses: Use[] } {
  if (!Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength).includes(UNDECLARED_MARK)) {
    return { code: bundle, uses: [] }
  }
  const names = new Map(watched.map((name) => [marked(name), name]))
  const pattern = new RegExp(`(?<![\\w$])${UNDECLARED_MARK}[\\w$]+`, 'g')
  const text = new TextDecoder().decode(bundle)
  const uses: Use[] = []
  let line = 1
  let lineStart = 0
  const clean = text.replace(pattern, (mark: string, at: number) => {
    const name = names.get(mark)
    if (name === undefined) {
      return mark
    }
    for (;;) {
      const end = text.indexOf('\n', lineStart)
      if (end === -1 || end >= at) break
      line++
      lineStart = end + 1
    }
    if (name !== 'Function' && name !== 'eval') {
      const probe = /\btypeof $/.test(text.slice(Math.max(0, at - 10), at))
      uses.push({ name, probe, line, column: at - lineStart })
    } else if (text[at + mark.length] === '(') {
      uses.push({ name, probe: false, line, column: at - lineStart })
    }
    return name
  })
  return { code: new TextEncoder().encode(clean), uses }
}

/**
 * Returns one warning for each missing global that the tenant's sources use: at its first real use, or
 * at its first `typeof` if there is no other use.
 */
export function globalWarnings(uses: readonly Use[], map: Uint8Array): BundleWarning[] {
  const missing = uses.filter(({ name }) => MADE_GLOBALS[name] === undefined)
  if (missing.length === 0) {
    return []
  }
  const trace = new TraceMap(new TextDecoder().decode(map))
  const found = new Map<string, { use: Use; position: SourcePosition }>()
  for (const use of missing) {
    const before = found.get(use.name)
    if (before !== undefined && (!before.use.probe || use.probe)) {
      continue
    }
    const { source, line, column } = originalPositionFor(trace, use)
    if (source !== null && !/^\w+:/.test(source)) {
      found.set(use.name, { use, position: { file: source, line, column: column + 1 } })
    }
  }
  return [...found.values()].map(({ use, position }) => ({
    message: `'${use.name}' ${globalRefusal(use.name)}${use.probe ? '; the bundle only tests whether it exists' : ''}.`,
    ...position,
  }))
}
