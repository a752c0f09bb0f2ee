/** Checks a bundle's imports, with the list that the bundler writes. */
import { readFileSync, realpathSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, dirname, extname, relative, resolve } from 'node:path'
import { z } from 'zod'
import type { Capabilities } from '../capabilities/schema.ts'
import { FunctionError } from '../errors.ts'
import { isInside } from '../lib/is-inside.ts'
import { nodeNameOf, nodeRefusal } from './node-modules.ts'
import { inNodeModules, installed, packageOf } from './packages.ts'
import { type Project, rootRemedy } from './project.ts'

const importSchema = z.looseObject({
  path: z.string(),
  /** The specifier in the source, if it differs. */
  original: z.string().optional(),
  external: z.boolean().optional(),
})

export const metafileSchema = z.looseObject({
  inputs: z.record(z.string(), z.looseObject({ imports: z.array(importSchema) })),
  /** The imports of the bundle itself, if there are any but `fn:...`. */
  outside: z.array(z.string()),
  outputs: z.record(
    z.string(),
    z.looseObject({
      entryPoint: z.string().optional(),
      exports: z.array(z.string()).optional(),
    }),
  ),
})

export type Metafile = z.infer<typeof metafileSchema>
type Import = z.infer<typeof importSchema>

/**
 * Refuses imports that lead outside the project root, imports of built-in modules that the runtime
 * does not have, and imports that were not bundled.
 *
 * @throws {FunctionError} BUNDLE_REFUSED with file and line of the import
 */
export function checkImports(project: Project, capabilities: Capabilities, meta: Metafile): void {
  const outside = new Set(meta.outside)
  for (const [importer, { imports }] of Object.entries(meta.inputs)) {
    if (!isFile(project, importer)) {
      continue
    }
    for (const edge of imports) {
      const why = refusal(project, capabilities, importer, edge, outside)
      if (why !== undefined) {
        throw refuse(project, importer, edge, why)
      }
    }
  }
  // Every input comes from an import that was checked above, unless the bundler's list is incomplete.
  for (const path of Object.keys(meta.inputs)) {
    if (isFile(project, path) && !liesInside(project, path)) {
      const remedy = rootRemedy(project, realPath(resolve(project.root, path)))
      throw new FunctionError('BUNDLE_REFUSED', `${path} lies outside ${remedy}.`)
    }
  }
}

/**
 * Refuses imports that became a file beside the bundle: `with { type: 'file' }`, CSS, WebAssembly.
 *
 * @param outputs names of files that the bundler wrote beside the bundle
 * @throws {FunctionError} BUNDLE_REFUSED with file and line of the import
 */
export function checkAssets(project: Project, meta: Metafile, outputs: readonly string[]): void {
  const [output] = outputs
  if (output === undefined) {
    return
  }
  // An asset is named <name>-<hash>.<extension> after its file, a style sheet after the entry.
  const extension = extname(output)
  const stem = basename(output, extension).replace(/-[0-9a-z]+$/, '')
  const isOrigin = (path: string) =>
    basename(path) === stem + extension || (extension === '.css' && extname(path) === '.css')
  for (const [importer, { imports }] of Object.entries(meta.inputs)) {
    const edge = imports.find(({ path }) => isOrigin(path))
    if (edge !== undefined) {
      const why =
        'would become a separate file, and a bundle is one file of code; import text with { type: "text" }'
      throw refuse(project, importer, edge, why)
    }
  }
  throw new FunctionError(
    'BUNDLE_REFUSED',
    `The bundler wrote ${output} beside the bundle, and a bundle is one file of code.`,
  )
}

function refusal(
  project: Project,
  capabilities: Capabilities,
  importer: string,
  edge: Import,
  outside: ReadonlySet<string>,
): string | undefined {
  const node = nodeNameOf(edge.path)
  if (node !== undefined) {
    return nodeRefusal(node, capabilities)
  }
  if (edge.path.startsWith('functions:missing:')) {
    const why = 'is a module of another platform, which quickjs-ng functions do not have'
    const name = (edge.original ?? edge.path).replace(/^node:/, '')
    return /^https?2?$/.test(name) ? `${why}: use fetch` : why
  }
  // On quickjs-ng this is a type-only import, which is not in the bundle, or one of the bundler itself.
  if (/^(node|bun):/.test(edge.path) || isBuiltin(edge.path) || edge.path === 'bun') {
    return undefined
  }
  if (edge.external === true) {
    // An import that nothing needs was not followed, and the bundle does not contain it.
    return outside.has(edge.path) || /^\w+:/.test(edge.path)
      ? 'was not bundled, and a worker can load nothing outside its bundle'
      : undefined
  }
  return isFile(project, edge.path) ? fileRefusal(project, importer, edge) : undefined
}

function fileRefusal(project: Project, importer: string, edge: Import): string | undefined {
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
  if (!inNodeModules(importer) || inNodeModules(path)) return true
  const home = installed(root, packageOf(specifier), dirname(importer))
  const real = home === undefined ? undefined : realPath(home)
  return /^[@\w]/.test(specifier) && real !== undefined && isInside(real, path)
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

function refuse(project: Project, importer: string, edge: Import, why: string): FunctionError {
  const specifier = edge.original ?? edge.path
  const path = resolve(project.root, importer)
  return new FunctionError('BUNDLE_REFUSED', `'${specifier}' ${why}.`, {
    position: { file: relative(project.root, path), ...findImport(readSource(path), specifier) },
  })
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
