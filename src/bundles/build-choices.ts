/**
 * Chooses among the builds of a package the one that fits a worker: for `workerd`, `worker`, `edge-light`,
 * then the one for browsers, unless it needs a global of documents and another build does not.
 *
 * The bundler resolves imports first. What it built shows which builds do not fit: they import modules
 * that do not exist here, or use `document` without a test. The next run gets another build in their place.
 */
import { relative, resolve } from 'node:path'
import type { Runtime } from '../capabilities/runtime.ts'
import type { BuildFailure, ImportOverride } from './bundler/task.ts'
import type { Import, ImportFault, Metafile } from './imports.ts'
import { type Conditions, PackageFiles } from './package-files.ts'
import { inNodeModules, isOfPackage } from './packages.ts'
import type { Project } from './project.ts'
import type { SourceUse } from './undeclared-globals.ts'

/** In the order in which they are preferred. */
export const WORKER_CONDITIONS = ['workerd', 'worker', 'edge-light'] as const

/** A build that uses one of these without a test was made for pages. */
const PAGE_GLOBALS: ReadonlySet<string> = new Set([
  'document',
  'window',
  'DOMParser',
  'XMLHttpRequest',
])

/**
 * Packages whose build for browsers is another interface: that of `form-data` is the global FormData, without
 * the methods that code for Node calls. Their default build works in a worker.
 */
const WITHOUT_BROWSER_BUILD: ReadonlySet<string> = new Set(['form-data'])

export interface Candidate {
  /** Absolute. */
  file: string
  /** The fields and conditions that led to it. */
  via: string[]
  build: (typeof WORKER_CONDITIONS)[number] | 'browser' | 'default'
}

/** Why a build does not fit, as the rest of a sentence that begins with its file. */
interface Rejection {
  why: string
  /** It can be bundled, and fails only where it uses what it lacks. */
  builds: boolean
}

interface Edge {
  importer: string
  edge: Import
}

export class BuildChoices {
  readonly #project: Project
  readonly #runtime: Runtime
  readonly #files: PackageFiles
  readonly #candidates = new Map<string, Candidate[]>()
  readonly #rejected = new Map<string, Rejection>()
  /** By import. Only for imports that the bundler itself would resolve otherwise. */
  #overrides = new Map<string, ImportOverride & { file: string }>()
  /** Those of the last run that wrote a bundle. */
  #proven = new Set<string>()

  constructor(project: Project, runtime: Runtime) {
    this.#project = project
    this.#runtime = runtime
    this.#files = new PackageFiles(project.root)
  }

  get overrides(): ImportOverride[] {
    return [...this.#overrides.values()]
  }

  /** The builds that an import may lead to, the preferred one first; empty if nothing chooses here. */
  candidates({ importer, edge }: Edge): Candidate[] {
    const from = resolve(this.#project.root, importer)
    const specifier = edge.original ?? edge.path
    const key = JSON.stringify([from, specifier, edge.kind])
    const known = this.#candidates.get(key)
    if (known !== undefined) return known
    const found = this.#find(from, specifier, edge.kind)
    this.#candidates.set(key, found)
    return found
  }

  rejection(file: string): string | undefined {
    return this.#rejected.get(file)?.why
  }

  /** Rejects the builds that were tried in the last run. Returns whether there were any. */
  revert(): boolean {
    const tried = [...this.#overrides].filter(([key]) => !this.#proven.has(key))
    for (const [key, { file }] of tried) {
      this.#rejected.set(file, { why: 'cannot be bundled here', builds: false })
      this.#overrides.delete(key)
    }
    return tried.length > 0
  }

  /**
   * Finds other builds for imports whose build has no file, as `exports` may name one that was not published.
   * Returns the failures that are left.
   */
  replaceMissing(failures: readonly BuildFailure[]): BuildFailure[] {
    return failures.filter(({ specifier, file: importer }) => {
      if (specifier === undefined || importer === undefined || /^[./]/.test(specifier)) return true
      const found = ['import-statement', 'require-call'].map((kind) => {
        const edge = { importer, edge: { path: specifier, kind } }
        return { key: this.#keyOf(edge), file: this.#best(this.candidates(edge))?.file }
      })
      const { key, file } = found.find((each) => each.file !== undefined) ?? {}
      if (key === undefined || file === undefined || this.#overrides.has(key)) return true
      const from = resolve(this.#project.root, importer)
      this.#overrides.set(key, { importer: from, specifier, file })
      // What fails in the next run is no reason to reject it: there is no other.
      this.#proven.add(key)
      return false
    })
  }

  /**
   * Rejects the builds that have the faults. Returns whether there were any: then another run may do
   * without the faults.
   */
  rejectFaults(meta: Metafile, faults: readonly ImportFault[]): boolean {
    const edges = edgesByTarget(meta)
    let rejected = false
    for (const { importer, edge, why: reason } of faults) {
      const why = `imports '${edge.original ?? edge.path}' (${importer}), which ${reason}`
      if (this.#reject(edges, importer, { why, builds: false })) rejected = true
    }
    return rejected && this.#choose(meta)
  }

  /** As `rejectFaults`, for uses of globals that only pages have. */
  rejectUses(meta: Metafile, uses: readonly SourceUse[]): boolean {
    const edges = edgesByTarget(meta)
    let rejected = false
    for (const { name, position, tested, hidden } of uses) {
      if (tested || !PAGE_GLOBALS.has(name)) continue
      const why = `needs '${name}' (${position.file}:${position.line})`
      // A build that has an error for this is of less use than one with stubs of Node's modules.
      if (this.#reject(edges, position.file, { why, builds: !hidden })) rejected = true
    }
    return rejected && this.#choose(meta)
  }

  /** Prefers builds for workers, whatever the order of conditions in a package.json. */
  preferWorkers(meta: Metafile): boolean {
    return this.#choose(meta)
  }

  /** What is to be said of a use that no other build avoids. */
  noteOf({ name, position }: SourceUse): string | undefined {
    if (!PAGE_GLOBALS.has(name) || !inNodeModules(`/${position.file}`)) return undefined
    const folder = this.#files.homeOf(resolve(this.#project.root, position.file))
    const { name: given } = this.#files.manifest(folder) ?? {}
    const known = typeof given === 'string' ? given : relative(this.#project.root, folder)
    return `package '${known}' has no other build that fits a worker`
  }

  /** Rejects the nearest builds above a module that others could replace. Returns whether there were any. */
  #reject(edges: ReadonlyMap<string, Edge[]>, module: string, rejection: Rejection): boolean {
    const home = this.#homeOf(module)
    const above = new Set([module])
    let rejected = false
    for (const each of above) {
      const inPackage = this.#homeOf(each) === home
      for (const edge of edges.get(each) ?? []) {
        const file = resolve(this.#project.root, each)
        const mayReject = inPackage || this.#overrides.has(this.#keyOf(edge))
        if (mayReject && this.#hasOther(edge, file, rejection)) {
          // It may be known from another import: this one gets another build too.
          rejected = true
          const known = this.#rejected.get(file)
          if (known !== undefined && (!known.builds || rejection.builds)) continue
          this.#rejected.set(file, rejection)
        } else {
          above.add(edge.importer)
        }
      }
    }
    return rejected
  }

  /** Could an import lead to a build that fits better than the one that it leads to? */
  #hasOther(edge: Edge, file: string, { builds }: Rejection): boolean {
    if (WITHOUT_BROWSER_BUILD.has(edge.edge.original ?? edge.edge.path)) return false
    const candidates = this.candidates(edge)
    const fits = (other: string) => {
      const known = this.#rejected.get(other)
      return known === undefined || (known.builds && !builds)
    }
    return (
      candidates.some((candidate) => candidate.file === file) &&
      candidates.some((candidate) => candidate.file !== file && fits(candidate.file))
    )
  }

  /** Returns whether an import shall lead to another file than in the last run. */
  #choose(meta: Metafile): boolean {
    this.#proven = new Set(this.#overrides.keys())
    let changed = false
    for (const [importer, { imports }] of Object.entries(meta.inputs)) {
      for (const edge of imports) {
        const specifier = edge.original ?? edge.path
        const current = resolve(this.#project.root, edge.path)
        const from = resolve(this.#project.root, importer)
        if (edge.external === true) continue
        if (!isOfPackage(this.#project.root, from, specifier, current)) continue
        const isBare = !/^[./]/.test(specifier)
        if (!isBare && !this.#rejected.has(current)) continue
        const candidates = this.candidates({ importer, edge })
        if (!candidates.some(({ file }) => file === current)) continue
        const { file } = this.#best(candidates) ?? { file: current }
        if (file === current) continue
        const key = this.#keyOf({ importer, edge })
        this.#overrides.set(key, { importer: from, specifier, file })
        this.#proven.delete(key)
        changed = true
      }
    }
    return changed
  }

  #best(candidates: readonly Candidate[]): Candidate | undefined {
    const fits = candidates.find(({ file }) => !this.#rejected.has(file))
    return fits ?? candidates.find(({ file }) => this.#rejected.get(file)?.builds)
  }

  #keyOf({ importer, edge }: Edge): string {
    return JSON.stringify([resolve(this.#project.root, importer), edge.original ?? edge.path])
  }

  #homeOf(module: string): string {
    return this.#files.homeOf(resolve(this.#project.root, module))
  }

  #find(importer: string, specifier: string, kind: string): Candidate[] {
    const found = new Map<string, Candidate>()
    const add = (build: Candidate['build'], conditions: Conditions): void => {
      const resolution = this.#files.resolve(importer, specifier, conditions)
      if (resolution === undefined || found.has(resolution.file)) return
      // A field of a package may name a file of the project: it is no build of the package.
      if (!isOfPackage(this.#project.root, importer, specifier, resolution.file)) return
      if (isWorkerCondition(build) && !resolution.via.includes(build)) return
      const isPlain =
        build === 'browser' && !resolution.via.some((key) => key.startsWith('browser'))
      found.set(resolution.file, { ...resolution, build: isPlain ? 'default' : build })
    }
    const base = baseConditions(kind)
    if (this.#runtime === 'bun') {
      add('default', { names: new Set([...base, 'bun', 'node']), browser: false })
      return [...found.values()]
    }
    for (const condition of WORKER_CONDITIONS) {
      add(condition, { names: new Set([...base, condition]), browser: false })
    }
    if (WITHOUT_BROWSER_BUILD.has(specifier)) {
      add('default', { names: new Set(base), browser: false })
    }
    // With the bundler's own conditions, then without those of the builds above.
    add('browser', { names: new Set([...base, ...WORKER_CONDITIONS, 'browser']), browser: true })
    add('browser', { names: new Set([...base, 'browser']), browser: true })
    add('default', { names: new Set(base), browser: false })
    return [...found.values()]
  }
}

/** The conditions that count besides those of the runtime. */
export function baseConditions(kind: string): string[] {
  return [kind.startsWith('require') ? 'require' : 'import', 'module']
}

function isWorkerCondition(build: string): build is (typeof WORKER_CONDITIONS)[number] {
  return (WORKER_CONDITIONS as readonly string[]).includes(build)
}

/** The imports that lead to each module. */
export function edgesByTarget(meta: Metafile): Map<string, Edge[]> {
  const edges = new Map<string, Edge[]>()
  for (const [importer, { imports }] of Object.entries(meta.inputs)) {
    for (const edge of imports) {
      const known = edges.get(edge.path)
      if (known === undefined) edges.set(edge.path, [{ importer, edge }])
      else known.push({ importer, edge })
    }
  }
  return edges
}
