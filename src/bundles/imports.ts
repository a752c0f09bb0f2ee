/** Checks a bundle's imports, with the list that the bundler writes. */
import { readFileSync, realpathSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, dirname, extname, relative, resolve } from 'node:path'
import { z } from 'zod'
import type { Capabilities } from '../capabilities/schema.ts'
import { FunctionError, type Problem, type SourcePosition } from '../errors.ts'
import { isInside } from '../lib/is-inside.ts'
import { nodeNameOf, nodeRefusal, nodeStubOf } from './node-modules.ts'
import { PackageFiles } from './package-files.ts'
import { inNodeModules, installed, packageOf } from './packages.ts'
import { type Project, rootRemedy } from './project.ts'

const importSchema = z.looseObject({
  path: z.string(),
  kind: z.string(),
  /** The specifier in the source, if it differs. */
  original: z.string().optional(),
  external: z.boolean().optional(),
  /** The file's bytes or text, whatever its ending. */
  embedded: z.boolean().optional(),
})

const metafileSchema = z.looseObject({
  inputs: z.record(z.string(), z.looseObject({ imports: z.array(importSchema) })),
  /** The imports of the bundle itself, if there are any but `fn:...`. */
  outside: z.array(z.string()),
  /** By module: the specifiers that it imports only where it handles the failure. */
  handled: z.record(z.string(), z.array(z.string())),
  /** Uses of globals that harm nothing, by their offsets in the bundle. */
  harmless: z.array(z.int()),
  /** Texts that say that a global is missing. */
  messages: z.array(z.object({ name: z.string(), at: z.int() })),
  outputs: z.record(
    z.string(),
    z.looseObject({
      entryPoint: z.string().optional(),
      exports: z.array(z.string()).optional(),
    }),
  ),
})

export type Metafile = z.infer<typeof metafileSchema>
export type Import = z.infer<typeof importSchema>

/** An import that a bundle may not have. */
export interface ImportFault {
  /** The importing module, as the bundler's list names it. */
  importer: string
  edge: Import
  /** The rest of a sentence that begins with the specifier. */
  why: string
  /** The runtime or profile has no such module, or it was not found. */
  absent: boolean
  /** The module of Node that a stub in the bundle replaces. */
  stub?: string
}

/** The bundler's list, without the prefixes that attributes and kinds of files get there. */
export function parseMetafile(text: string): Metafile {
  const meta = metafileSchema.parse(JSON.parse(text))
  const plain = (path: string) => path.replace(/^as[-:]\w+:/, '')
  const inputs = Object.entries(meta.inputs).map(([path, { imports, ...rest }]) => [
    plain(path),
    {
      ...rest,
      imports: imports.map((edge) => ({
        ...edge,
        path: plain(edge.path),
        ...(edge.original !== undefined && { original: plain(edge.original) }),
        ...(/^as:(?!file:)/.test(edge.path) && { embedded: true }),
      })),
    },
  ])
  return { ...meta, inputs: Object.fromEntries(inputs), outside: meta.outside.map(plain) }
}

/**
 * Finds imports that lead outside the project root, imports of built-in modules that the runtime
 * does not have, and imports that were not bundled.
 */
export function importFaults(
  project: Project,
  capabilities: Capabilities,
  meta: Metafile,
): ImportFault[] {
  const outside = new Set(meta.outside)
  return Object.entries(meta.inputs).flatMap(([importer, { imports }]) => {
    if (!isFile(project, importer)) return []
    // The import that left the root is reported, and not those behind it.
    if (!liesInside(project, importer)) return []
    return imports.flatMap((edge) => {
      const found = refusal(project, capabilities, importer, edge, outside)
      return found === undefined ? [] : [{ importer, edge, ...found }]
    })
  })
}

/**
 * Refuses a bundle with a module that lies outside the project root. Every module comes from an import
 * that `importFaults` checked, unless the bundler's list is incomplete.
 *
 * @throws {FunctionError} BUNDLE_REFUSED
 */
export function checkInputs(project: Project, meta: Metafile): void {
  for (const path of Object.keys(meta.inputs)) {
    if (isFile(project, path) && !liesInside(project, path)) {
      const remedy = rootRemedy(project, realPath(resolve(project.root, path)))
      throw new FunctionError('BUNDLE_REFUSED', `${path} lies outside ${remedy}.`)
    }
  }
}

/**
 * Finds imports that became a file beside the bundle: `with { type: 'file' }`, an unknown ending.
 *
 * @param outputs names of files that the bundler wrote beside the bundle
 */
export function separateFiles(
  project: Project,
  meta: Metafile,
  outputs: readonly string[],
): Problem[] {
  const why =
    "would become a separate file, and a bundle is one file of code: import it with { type: 'text' } or with { type: 'bytes' }"
  return outputs.flatMap((output) => {
    // An asset is named <name>-<hash>.<extension> after its file, a style sheet after the entry.
    const extension = extname(output)
    const stem = basename(output, extension).replace(/^file:|-[0-9a-z]+$/g, '')
    const isOrigin = ({ path, embedded }: Import) =>
      !embedded &&
      (basename(path) === stem + extension || (extension === '.css' && extname(path) === '.css'))
    const origins = Object.entries(meta.inputs).flatMap(([importer, { imports }]) =>
      imports.filter(isOrigin).map((edge) => ({ importer, edge, why })),
    )
    const message = `The bundler wrote ${output} beside the bundle, and a bundle is one file of code.`
    if (origins.length === 0) return [{ message }]
    // What lies outside is a fault of its own.
    const inside = origins.filter(({ edge }) => liesInside(project, edge.path))
    return inside.map((origin) => problemOf(project, origin))
  })
}

type Refusal = Pick<ImportFault, 'why' | 'absent' | 'stub'>

const OF_ANOTHER_PLATFORM =
  'is a module of another platform, which quickjs-ng functions do not have'

function refusal(
  project: Project,
  capabilities: Capabilities,
  importer: string,
  edge: Import,
  outside: ReadonlySet<string>,
): Refusal | undefined {
  const stub = nodeStubOf(edge.path)
  if (stub !== undefined) {
    return { why: nodeRefusal(stub, capabilities) ?? OF_ANOTHER_PLATFORM, absent: true, stub }
  }
  const node = nodeNameOf(edge.path)
  if (node !== undefined) {
    const why = nodeRefusal(node, capabilities)
    return why === undefined ? undefined : { why, absent: true }
  }
  if (edge.path.startsWith('functions:missing:')) {
    const why = OF_ANOTHER_PLATFORM
    const name = (edge.original ?? edge.path).replace(/^node:/, '')
    return { why: name === 'http2' ? `${why}: use fetch` : why, absent: true }
  }
  // On quickjs-ng this is a type-only import, which is not in the bundle, or one of the bundler itself.
  if (/^(node|bun):/.test(edge.path) || isBuiltin(edge.path) || edge.path === 'bun') {
    return undefined
  }
  if (edge.external === true) {
    // An import that nothing needs was not followed, and the bundle does not contain it.
    return outside.has(edge.path) || /^\w+:/.test(edge.path)
      ? {
          why: 'was not bundled, and a worker can load nothing outside its bundle',
          absent: false,
        }
      : undefined
  }
  const why = isFile(project, edge.path) ? fileRefusal(project, importer, edge) : undefined
  return why === undefined ? undefined : { why, absent: false }
}

/** Why a source must not have a file in its bundle; undefined if it may. */
export function fileRefusal(project: Project, importer: string, edge: Import): string | undefined {
  const { root } = project
  const path = realPath(resolve(root, edge.path))
  if (path === undefined || !isInside(root, path))
    return `lies outside ${rootRemedy(project, path)}`
  if (path.slice(root.length).includes('/.git/')) {
    return 'lies in .git, which may contain passwords and is not bundled'
  }
  return mayReach(root, resolve(root, importer), edge.original ?? edge.path, path)
    ? undefined
    : 'is a file of the project, which an installed package may not import'
}

/**
 * Whether an import of an installed package stays in packages: its author must not put the project's
 * own files into the bundle. A linked package of the workspace is reached by its name.
 */
function mayReach(root: string, importer: string, specifier: string, path: string): boolean {
  if (inNodeModules(path)) return true
  const isName = /^[@\w]/.test(specifier)
  const home = isName ? installed(root, packageOf(specifier), dirname(importer)) : undefined
  const real = home === undefined ? undefined : realPath(home)
  if (real !== undefined && isInside(real, path)) return true
  if (inNodeModules(importer)) return false
  // The name may also be one of `paths` in tsconfig.json, which is the project's own.
  return real === undefined || !leadsTo(root, importer, specifier, path)
}

/** Does the package.json of a package lead to a file? */
function leadsTo(root: string, importer: string, specifier: string, path: string): boolean {
  const files = new PackageFiles(root)
  return [true, false].some((browser) =>
    ['import', 'require'].some((kind) => {
      const names = new Set([kind, 'module', ...(browser ? ['browser'] : [])])
      return files.resolve(importer, specifier, { names, browser })?.file === path
    }),
  )
}

/** False for the bundler's modules and data: URLs. */
function isFile({ root }: Project, path: string): boolean {
  return !/^(node|bun|data|functions):/.test(path) || realPath(resolve(root, path)) !== undefined
}

function liesInside({ root }: Project, path: string): boolean {
  const real = realPath(resolve(root, path))
  return real !== undefined && isInside(root, real)
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

/** Where an import stands in the sources. */
export function importPosition(
  project: Project,
  importer: string,
  specifier: string,
): SourcePosition {
  const path = resolve(project.root, importer)
  return { file: relative(project.root, path), ...findImport(readSource(path), specifier) }
}

export function problemOf(
  project: Project,
  { importer, edge, why }: Pick<ImportFault, 'importer' | 'edge' | 'why'>,
): Problem {
  const specifier = edge.original ?? edge.path
  const position = importPosition(project, importer, specifier)
  return { message: `'${specifier}' ${why}.`, position }
}

export function readSource(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The position where a source imports `specifier`: the bundler's list has the file, but no line. */
export function findImport(source: string, specifier: string): { line: number; column: number } {
  const literals = source.matchAll(/(['"`])((?:\\.|(?!\1)[^\\\n])*)\1/g)
  const found = [...literals].filter((match) => unescapeLiteral(match[2] ?? '') === specifier)
  const imported = found.find((match) =>
    /\b(?:from|import|require)\s*\(?\s*$/.test(
      source.slice(Math.max(0, match.index - 80), match.index),
    ),
  )
  const before = source.slice(0, (imported ?? found[0])?.index ?? 0)
  const lineStart = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: before.length - lineStart + 1 }
}

function unescapeLiteral(literal: string): string {
  return literal.replace(/\\(?:x([0-9a-f]{2})|u\{?([0-9a-f]{1,6})\}?|(.))/gi, (_, x, u, other) =>
    other === undefined
      ? String.fromCodePoint(Math.min(0x10ffff, Number.parseInt(x ?? u, 16)))
      : other,
  )
}
