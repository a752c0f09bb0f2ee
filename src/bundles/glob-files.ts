/** The files that a glob pattern in a source matches. */
import { type Dirent, readdirSync, realpathSync } from 'node:fs'
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import { FunctionError, type SourcePosition } from '../errors.ts'
import { isInside } from '../lib/is-inside.ts'
import { BINARY_ENDINGS, MAX_MATCHES, TEXT_ENDINGS } from './bundler/asset-types.ts'
import type { GlobPattern } from './glob-pattern.ts'
import { inNodeModules } from './packages.ts'
import { type Project, rootRemedy } from './project.ts'

/** Entries of folders that the search for one pattern looks at. */
const MAX_ENTRIES = 20_000

const DATA_ENDINGS = ['.json', '.jsonc', '.toml', '.yaml', '.yml']
const SCRIPT = /\.(?:[cm]?[jt]s|[jt]sx)$/
/** What a TypeScript source is called after it is compiled. */
const COMPILED: Readonly<Record<string, string>> = {
  '.cts': '.cjs',
  '.mts': '.mjs',
  '.ts': '.js',
  '.tsx': '.js',
}

/** Paths as the expression may give them, with the absolute path of the file of each. */
export type GlobMatches = Map<string, string>

/**
 * Folders named node_modules and what begins with a dot are left out, and links to folders are not
 * followed. Without `anyEnding` so are files for which an import has no rule.
 *
 * @param importer the source with the expression, absolute
 * @throws {FunctionError} BUNDLE_REFUSED at `position` if a match lies outside the project root, or if
 * there are too many
 */
export function globFiles(
  project: Project,
  importer: string,
  pattern: GlobPattern,
  position: SourcePosition,
  anyEnding: boolean,
): GlobMatches {
  const refuse = (why: string): never => {
    throw new FunctionError('BUNDLE_REFUSED', `'${pattern.text}' ${why}.`, { position })
  }
  const base = realPath(resolve(dirname(importer), pattern.folder))
  const matches: GlobMatches = new Map()
  if (base === undefined) return matches
  if (!isInside(project.root, base)) {
    // Its files are not looked at.
    refuse(`leads outside ${rootRemedy(project, base)}`)
  }
  let entries = 0
  const add = (file: string): void => {
    const path = relative(base, file)
    const names = namesOf(path).map((name) => pattern.folder + name)
    const found = names.filter((name) => pattern.matches.test(name))
    if (found.length === 0 || !(anyEnding || hasRule(path))) return
    const real = realPath(file)
    if (real === undefined) return
    if (!isInside(project.root, real)) {
      refuse(`matches ${path}, which lies outside ${rootRemedy(project, real)}`)
    }
    if (inNodeModules(importer) && !inNodeModules(real)) return
    // The name of a source itself counts before a name that it gets by its ending.
    for (const name of found) if (!matches.has(name) || name.endsWith(path)) matches.set(name, file)
    if (new Set(matches.values()).size > MAX_MATCHES) {
      refuse(`matches more than ${MAX_MATCHES} files: write more of the path into the source`)
    }
  }
  const walk = (folder: string): void => {
    for (const entry of entriesOf(folder)) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue
      if (++entries > MAX_ENTRIES) {
        refuse(
          `searches a folder of more than ${MAX_ENTRIES} files: write more of the path into the source`,
        )
      }
      const path = join(folder, entry.name)
      if (entry.isDirectory()) walk(path)
      else if (entry.isFile() || entry.isSymbolicLink()) add(path)
    }
  }
  walk(base)
  return matches
}

/** The name of a file, for a script also that of what it compiles to, and that without its ending. */
function namesOf(path: string): string[] {
  const ending = extname(path)
  if (!SCRIPT.test(path)) return [path]
  const stem = path.slice(0, -ending.length)
  const compiled = COMPILED[ending]
  return compiled === undefined ? [path, stem] : [path, stem + compiled, stem]
}

function hasRule(path: string): boolean {
  const name = basename(path)
  if (/\.d\.[cm]?ts$/.test(name)) return false
  const ending = extname(name).toLowerCase()
  return SCRIPT.test(name) || [...DATA_ENDINGS, ...TEXT_ENDINGS, ...BINARY_ENDINGS].includes(ending)
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    )
  } catch {
    return []
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}
