/** Finds the globals that the bundler marked, says which of them are a problem, and takes the marks off. */
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'
import type { SourcePosition } from '../errors.ts'
import { globalRefusal, MADE_GLOBALS, MARK, marked } from './globals.ts'

/** What a deployment tells of a bundle that it takes nevertheless. */
export interface BundleWarning extends SourcePosition {
  message: string
}

interface Use {
  name: string
  /** Only asked for by `typeof`, which is no harm. */
  probe: boolean
  /** As source maps count: from 1, from 0. */
  line: number
  column: number
}

/** Every marked global of the bundle, in order, and the bundle as it is to be. */
export function takeMarks(
  bundle: Uint8Array,
  watched: readonly string[],
): { code: Uint8Array; uses: Use[] } {
  if (!Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength).includes(MARK)) {
    return { code: bundle, uses: [] }
  }
  const names = new Map(watched.map((name) => [marked(name), name]))
  const pattern = new RegExp(`(?<![\\w$])${MARK}[\\w$]+`, 'g')
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
 * One warning for each global that is not there and that sources of the tenant's name; where some
 * of them do more than probe for it, at the first of those.
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
