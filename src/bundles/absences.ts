/**
 * Imports that lead nowhere where the importing code expects that: in a `try`, with `.catch()`, or of a
 * package that its package.json calls optional. They fail at run time instead of at the deploy.
 */
import { dirname, join, relative, resolve } from 'node:path'
import type { SourcePosition } from '../errors.ts'
import { isInside } from '../lib/is-inside.ts'
import { parseJson } from '../lib/json.ts'
import { readSmallFile } from '../lib/small-file.ts'
import type { ImportOverride } from './bundler/task.ts'
import { type ImportFault, importPosition, type Metafile } from './imports.ts'
import { PackageFiles } from './package-files.ts'
import { installed, packageOf } from './packages.ts'
import type { Project } from './project.ts'
import { type BundleWarning, warningAt } from './warnings.ts'

/** An import that fails at run time. */
export interface Absence {
  /** Absolute. */
  importer: string
  specifier: string
  /** Why it fails: the rest of a sentence that begins with the specifier; undefined if it was not found. */
  why?: string
}

/** Which of the modules' imports their code can do without. */
export class OptionalImports {
  readonly #meta: Metafile
  readonly #required: ReadonlySet<string>

  constructor(meta: Metafile) {
    this.#meta = meta
    this.#required = requiredModules(meta)
  }

  /** @param importer as the bundler's list names it */
  has(importer: string, specifier: string): boolean {
    return isHandled(this.#meta, importer, specifier) || !this.#required.has(importer)
  }
}

/** The imports that the bundler did not find and left as they are, since their code handles that. */
export function leftOut(project: Project, meta: Metafile): Absence[] {
  const outside = new Set(meta.outside)
  const packages = new PackageFiles(project.root)
  return Object.entries(meta.inputs).flatMap(([importer, { imports }]) =>
    imports.flatMap(({ path, kind, external, original }) => {
      const left = kind === 'require-call' || (kind === 'dynamic-import' && outside.has(path))
      // A URL is external whether its failure is handled or not.
      if (!external || !left || /^\w+:/.test(path)) return []
      const absence = { importer: resolve(project.root, importer), specifier: original ?? path }
      // The bundler has an empty module in its place.
      return packages.isLeftOut(absence.importer, absence.specifier) ? [] : [absence]
    }),
  )
}

export function absenceOf(project: Project, { importer, edge, why }: ImportFault): Absence {
  return {
    importer: resolve(project.root, importer),
    specifier: edge.original ?? edge.path,
    why,
  }
}

/** Does the package.json of the importing package call a package optional that is not installed? */
export function isOptionalPackage(
  { root }: Project,
  { importer, specifier }: Pick<Absence, 'importer' | 'specifier'>,
): boolean {
  if (!/^[@\w]/.test(specifier)) return false
  const name = packageOf(specifier)
  if (installed(root, name, dirname(importer)) !== undefined) return false
  const manifest = manifestOf(root, importer)
  if (own(manifest, 'optionalDependencies', name) !== undefined) return true
  const meta = own(manifest, 'peerDependenciesMeta', name)
  return isRecord(meta) && Object.hasOwn(meta, 'optional') && meta.optional === true
}

export function absenceOverride({ root }: Project, absence: Absence): ImportOverride {
  const { importer, specifier, why } = absence
  const from = `imported from ${relative(root, importer)}`
  const reason =
    why !== undefined
      ? `it ${why}`
      : 'it was not found when the function was deployed. Install or create it, and deploy again'
  return { importer, specifier, error: `Cannot find module '${specifier}' ${from}: ${reason}.` }
}

/** One warning for each package, built-in module or file. */
export function absenceWarnings(project: Project, absences: readonly Absence[]): BundleWarning[] {
  const groups = Map.groupBy(absences, (absence) => describe(project, absence))
  return [...groups].map(([message, group]) => {
    const positions: SourcePosition[] = group.map(({ importer, specifier }) =>
      importPosition(project, importer, specifier),
    )
    return warningAt(message, positions)
  })
}

/** One warning for each module of Node that packages import and that a stub replaces. */
export function stubWarnings(project: Project, faults: readonly ImportFault[]): BundleWarning[] {
  const groups = Map.groupBy(faults, ({ stub, why }) => {
    const code = why.startsWith('needs') ? 'ERR_ACCESS_DENIED' : 'ERR_METHOD_NOT_IMPLEMENTED'
    return `'${stub}' ${why}. A call of its members throws ${code}.`
  })
  return [...groups].map(([message, group]) =>
    warningAt(
      message,
      group.map(({ importer, edge }) =>
        importPosition(project, importer, edge.original ?? edge.path),
      ),
    ),
  )
}

function describe({ root }: Project, { importer, specifier, why }: Absence): string {
  const fails = 'Its import fails at run time with MODULE_NOT_FOUND, which the code allows for.'
  if (why !== undefined) return `'${specifier}' ${why}. ${fails}`
  const name = packageOf(specifier)
  const isPackage = /^[@\w]/.test(specifier)
  return isPackage && installed(root, name, dirname(importer)) === undefined
    ? `Package '${name}' is not installed. ${fails} Install it if the function needs it.`
    : `'${specifier}' was not found. ${fails}`
}

/** The modules that run without an import whose failure is handled. */
function requiredModules(meta: Metafile): Set<string> {
  const entries = Object.values(meta.outputs).flatMap(({ entryPoint }) => entryPoint ?? [])
  const found = new Set(entries)
  for (const module of found) {
    for (const { path, original } of meta.inputs[module]?.imports ?? []) {
      if (!isHandled(meta, module, original ?? path)) found.add(path)
    }
  }
  return found
}

function isHandled({ handled }: Metafile, importer: string, specifier: string): boolean {
  return Object.hasOwn(handled, importer) && handled[importer]?.includes(specifier) === true
}

/** The nearest package.json, as far as it can be read; nothing above the root is. */
function manifestOf(root: string, file: string): unknown {
  for (let at = dirname(file); isInside(root, at); at = dirname(at)) {
    try {
      return parseJson(readSmallFile(join(at, 'package.json')))
    } catch {
      // No readable package.json here: try the parent directory.
    }
    if (at === dirname(at)) break
  }
  return undefined
}

function own(manifest: unknown, field: string, name: string): unknown {
  if (!isRecord(manifest) || !Object.hasOwn(manifest, field)) return undefined
  const value = manifest[field]
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
