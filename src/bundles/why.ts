/** Explains which files of a package are in a bundle, and why. */
import { relative, resolve } from 'node:path'
import type { Runtime } from '../capabilities/runtime.ts'
import { FunctionError } from '../errors.ts'
import {
  type BuildChoices,
  baseConditions,
  type Candidate,
  edgesByTarget,
  WORKER_CONDITIONS,
} from './build-choices.ts'
import type { Metafile } from './imports.ts'
import { PackageFiles } from './package-files.ts'
import { installed } from './packages.ts'
import type { Project } from './project.ts'

/** Imports that are explained; a package that is imported more often has the same reasons again. */
const MAX_IMPORTS = 20

export interface Explanation {
  package: string
  version: string | null
  imports: ExplainedImport[]
  /** Imports that are not listed. */
  more: number
}

interface ExplainedImport {
  importer: string
  specifier: string
  /** The file that is in the bundle, like every other file relative to the project root. */
  file: string
  /** The fields and keys of package.json that led to it; empty for a path to a file. */
  via: string[]
  /** The conditions that count, the preferred ones first. */
  conditions: string[]
  /** Other builds that the package has, and why they were not taken. */
  others: { file: string; via: string[]; why: string }[]
  /** The files from the entry to the importer. */
  chain: string[]
}

export interface ExplainedBuild {
  project: Project
  runtime: Runtime
  meta: Metafile
  choices: BuildChoices
  /** Absolute importers and specifiers of imports that fail at run time. */
  absences: readonly { importer: string; specifier: string }[]
}

/** @throws {FunctionError} BAD_REQUEST if the package is not in the bundle */
export function explain(build: ExplainedBuild, name: string): Explanation {
  const { project, meta } = build
  const files = new PackageFiles(project.root)
  const folders = new Map<string, string>()
  const found: ExplainedImport[] = []
  const chainTo = chains(meta)
  for (const [path, edges] of edgesByTarget(meta)) {
    const file = resolve(project.root, path)
    const home = files.homeOf(file)
    const manifest = files.manifest(home)
    if (!home.endsWith(`/node_modules/${name}`) && manifest?.name !== name) continue
    if (typeof manifest?.version === 'string') folders.set(home, manifest.version)
    const seen = new Set<string>()
    for (const { importer, edge } of edges) {
      const key = JSON.stringify([importer, edge.original, edge.kind])
      if (seen.has(key)) continue
      seen.add(key)
      const inside = files.homeOf(resolve(project.root, importer)) === home
      const candidates = build.choices.candidates({ importer, edge })
      // Inside of the package, only what could have been another file is of interest.
      if (inside && candidates.length < 2) continue
      found.push({
        importer,
        specifier: edge.original ?? edge.path,
        file: path,
        conditions: conditionsOf(build.runtime, edge.kind),
        ...reasons(build, file, candidates),
        chain: chainTo(importer),
      })
    }
  }
  if (found.length === 0) throw notThere(build, name)
  return {
    package: name,
    version: [...new Set(folders.values())].join(', ') || null,
    imports: found.slice(0, MAX_IMPORTS),
    more: Math.max(0, found.length - MAX_IMPORTS),
  }
}

function reasons(
  { project, choices }: ExplainedBuild,
  file: string,
  candidates: readonly Candidate[],
): Pick<ExplainedImport, 'via' | 'others'> {
  const others = candidates
    .filter((candidate) => candidate.file !== file)
    .map((candidate) => ({
      file: relative(project.root, candidate.file),
      via: candidate.via,
      why: choices.rejection(candidate.file) ?? 'another build is preferred',
    }))
  return { via: candidates.find((candidate) => candidate.file === file)?.via ?? [], others }
}

function conditionsOf(runtime: Runtime, kind: string): string[] {
  const own = runtime === 'bun' ? ['bun', 'node'] : [...WORKER_CONDITIONS, 'browser']
  return [...own, ...baseConditions(kind), 'default']
}

/** Returns the shortest chain of imports from the entry to a module. */
function chains(meta: Metafile): (module: string) => string[] {
  const from = new Map<string, string | undefined>()
  for (const { entryPoint } of Object.values(meta.outputs)) {
    if (entryPoint !== undefined) from.set(entryPoint, undefined)
  }
  for (const module of from.keys()) {
    for (const { path } of meta.inputs[module]?.imports ?? []) {
      if (!from.has(path)) from.set(path, module)
    }
  }
  return (module) => {
    const chain: string[] = []
    for (let at: string | undefined = module; at !== undefined; at = from.get(at)) {
      // The bundler's own entry is no file.
      if (!at.startsWith('functions:')) chain.unshift(at)
    }
    return chain
  }
}

function notThere({ project, absences }: ExplainedBuild, name: string): FunctionError {
  const absence = absences.find(({ specifier }) => `${specifier}/`.startsWith(`${name}/`))
  const isThere = installed(project.root, name, resolve(project.entry, '..')) !== undefined
  const why =
    absence !== undefined
      ? `it is not installed, and its import in ${relative(project.root, absence.importer)} fails at run time`
      : isThere
        ? 'it is installed, but nothing in the bundle needs it'
        : 'it is not installed, and nothing in the bundle needs it. Check the name'
  return new FunctionError('BAD_REQUEST', `Package '${name}' is not in the bundle: ${why}.`)
}

export function explanationText({ package: name, version, imports, more }: Explanation): string {
  const parts = imports.map((each) => {
    const { importer, specifier, file, via, conditions, others, chain } = each
    return [
      `'${specifier}' in ${importer}`,
      `  file:       ${file}`,
      `  by:         ${via.join(' > ') || 'its path'}`,
      `  conditions: ${conditions.join(', ')}`,
      ...others.map(
        (other) =>
          `  not taken:  ${other.file} (${other.via.join(' > ') || 'its path'}): ${other.why}`,
      ),
      `  imported:   ${[...chain, file].join(' > ')}`,
      '',
    ].join('\n')
  })
  const rest = more === 0 ? '' : `and ${more} more imports\n`
  return `${name} ${version ?? '(no version)'}\n\n${parts.join('\n')}${rest}`
}
