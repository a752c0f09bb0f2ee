/**
 * The places of a bundle that depend on the module where they were written: `import.meta`,
 * `__dirname`, `__filename`, and `import()` or `require()` of what is only known at run time. The bundler joins all
 * modules into one, so it marks the first three (`MODULE_DEFINES`). The source map says which module each
 * place comes from, and whether an `import(` is code or part of a text.
 */
import { TraceMap, traceSegment } from '@jridgewell/trace-mapping'

/** What every mark begins with. Bun writes others than ASCII characters as escapes. */
export const SITE_MARK = '$fn$'

/** Replacements as long as what they replace, so that the columns of the source map stay valid. */
export const MODULE_DEFINES: Readonly<Record<string, string>> = {
  'import.meta': `${SITE_MARK}meta$$$`,
  __dirname: `${SITE_MARK}dir$$`,
  __filename: `${SITE_MARK}file$$`,
}

/**
 * `import` is an `import()`; `fs` the specifier of an import statement that names node:fs; `require` and
 * `resolve` are what the bundler left of `require()` and `require.resolve()`.
 */
type SiteKind = 'import' | 'import.meta' | '__dirname' | '__filename' | 'fs' | 'require' | 'resolve'

const KINDS = new Map(
  Object.entries(MODULE_DEFINES).map(([name, mark]) => [mark, name as SiteKind]),
)
const MARKS = [...KINDS.keys()].map((mark) => mark.replaceAll('$', '\\$')).join('|')

const MARKED = `(?<![\\w$])(?:${MARKS})(?![\\w$])`
const IMPORT_CALL = '(?<![\\w$#]|[^.]\\.)import\\('
/** The bundler's name for a `require` that it did not follow. */
export const REQUIRE_MARK = '__require'
const REQUIRE_CALL = `(?<![\\w$.#])${REQUIRE_MARK}(?:\\.resolve)?\\(`
const CALLS = new Map<string, SiteKind>([
  ['import(', 'import'],
  [`${REQUIRE_MARK}(`, 'require'],
  [`${REQUIRE_MARK}.resolve(`, 'resolve'],
])
const FS_IMPORT = '"(?:node:)?fs(?:/promises)?"(?<=^import [^"\\n]*"[^"\\n]*")(?=;?$)'

export interface Site {
  kind: SiteKind
  /** Index in the bundle's code. */
  at: number
  /** What stands there. */
  text: string
  /** As the source map has it; undefined in code of the bundler itself. */
  source: string | undefined
  /** From 1. */
  line: number
  column: number
}

/**
 * The sites of a bundle in order.
 *
 * @param contents the texts of the map's sources
 */
export function findSites(code: string, map: string, contents: readonly (string | null)[]): Site[] {
  const pattern = new RegExp(`${MARKED}|${IMPORT_CALL}|${REQUIRE_CALL}|${FS_IMPORT}`, 'gm')
  const found = [...code.matchAll(pattern)]
  if (found.length === 0) return []
  const trace = new TraceMap(map)
  const lines = linesOf(contents)
  const sites: Site[] = []
  let line = 0
  let lineStart = 0
  for (const { 0: text, index: at } of found) {
    for (;;) {
      const end = code.indexOf('\n', lineStart)
      if (end === -1 || end >= at) break
      line++
      lineStart = end + 1
    }
    const kind = KINDS.get(text) ?? CALLS.get(text) ?? 'fs'
    // An import statement is mapped at the start of its line.
    const column = kind === 'fs' ? 0 : at - lineStart
    const segment = traceSegment(trace, line, column) ?? []
    const [mapped, source = -1, sourceLine = 0, sourceColumn = 0] = segment
    const isCode =
      mapped === column &&
      lines(source)[sourceLine]?.startsWith(
        kind === 'import' || kind === 'fs' ? 'import' : 'require',
        sourceColumn,
      )
    // The marks are in code only.
    if (!KINDS.has(text) && !isCode) continue
    const name = trace.sources[source] ?? undefined
    sites.push({ kind, at, text, source: name, line: sourceLine + 1, column: sourceColumn + 1 })
  }
  return sites
}

function linesOf(contents: readonly (string | null)[]): (source: number) => string[] {
  const lines = new Map<number, string[]>()
  return (source) => {
    let found = lines.get(source)
    if (found === undefined) {
      found = (contents[source] ?? '').split('\n')
      lines.set(source, found)
    }
    return found
  }
}
