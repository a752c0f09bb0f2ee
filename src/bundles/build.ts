/**
 * Builds a TypeScript project into one ESM file and its source map.
 *
 * The bundler reads a tenant's files in a separate process: this executable, run as bun. A project
 * that hangs or crashes the bundler ends only that process. Macros can only be disabled there, too:
 * `Bun.build` would run them in the calling process. The process gets no environment, and reads no
 * configuration of the project but package.json and tsconfig.json.
 */

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { z } from 'zod'
import nodeModules from '../../.build/node-modules.pack' with { type: 'file' }
import type { Runtime } from '../capabilities/runtime.ts'
import type { Capabilities } from '../capabilities/schema.ts'
import { FunctionError, type Problem } from '../errors.ts'
import { programSource } from '../lib/program-source.ts' with { type: 'macro' }
import { readSmallFile } from '../lib/small-file.ts'
import { withTemporaryFolder } from '../lib/temporary-folder.ts'
import {
  type Absence,
  absenceOf,
  absenceWarnings,
  leftOut,
  OptionalImports,
  stubWarnings,
} from './absences.ts'
import { BuildChoices } from './build-choices.ts'
import type { Bundle } from './bundle-store.ts'
import {
  type BuildTask,
  CODE_FILE,
  MAP_FILE,
  META_FILE,
  TASK_FILE,
  TSCONFIG_FILE,
} from './bundler/task.ts'
import { Failures } from './failures.ts'
import { globalDefines, makerOf, marked, watchedGlobals } from './globals.ts'
import {
  checkInputs,
  type Import,
  type ImportFault,
  importFaults,
  type Metafile,
  parseMetafile,
  problemOf,
  separateFiles,
} from './imports.ts'
import { type Linked, link } from './link.ts'
import { checkMembers } from './member-check.ts'
import { MODULE_DEFINES } from './module-sites.ts'
import { NODE_MEMBERS, nodeStubs } from './node-members.ts'
import { NODE_MODULES, nodeRefusal } from './node-modules.ts'
import { inNodeModules } from './packages.ts'
import type { Project } from './project.ts'
import { refusalOf } from './refusal.ts'
import { withOwnHelpers } from './require-helpers.ts'
import { runBundler } from './run-bundler.ts'
import { MAX_MAP_BYTES } from './source-map.ts'
import {
  globalWarnings,
  missingUses,
  type SourceUse,
  takeMarks,
  type Uses,
} from './undeclared-globals.ts'
import type { BundleWarning } from './warnings.ts'
import { type Explanation, explain } from './why.ts'

const ANALYSIS = programSource('src/bundles/bundler/analysis.ts')
const FOLDER_PREFIX = 'functions-bundle-'
/** What a build of ordinary size writes to the temporary folder, Node's modules included. */
const FOLDER_BYTES = 16 * 2 ** 20
/**
 * A worker gets its bundle in one message of at most 64 MiB, the service both files in one request
 * of at most 128 MiB.
 */
export const MAX_BUNDLE_BYTES = 40 * 2 ** 20

const SOURCES_FILE = 'node-modules.json'

/** A bundle, and the warnings to show when it is deployed. */
export interface BuiltBundle extends Bundle {
  warnings: BundleWarning[]
  /**
   * Says which files of a package are in the bundle, and why.
   *
   * @throws {FunctionError} BAD_REQUEST if there are none
   */
  explain(packageName: string): Explanation
}

/** The output of one run of the bundler. */
interface Output extends Uses {
  code: Uint8Array
  map: Uint8Array
  /** The texts of the map's sources. */
  contents: (string | null)[]
  meta: Metafile
}

interface BuildResult extends Output {
  linked: Linked
  sourceUses: SourceUse[]
  absences: Absence[]
  stubs: ImportFault[]
  choices: BuildChoices
  memberWarnings: BundleWarning[]
}

/** Runs of the bundler for one bundle. Each run but the last finds something that the next one needs. */
const MAX_RUNS = 30

/**
 * Bundles the project for a runtime.
 *
 * @param capabilities of its profile: some of Node's modules need one of them
 * @throws {FunctionError} BUNDLE_REFUSED with the tenant's file and line
 */
export async function buildBundle(
  project: Project,
  runtime: Runtime,
  capabilities: Capabilities,
): Promise<BuiltBundle> {
  return await withTemporaryFolder(FOLDER_PREFIX, FOLDER_BYTES, (out) =>
    buildIn(out, project, runtime, capabilities),
  )
}

async function buildIn(
  out: string,
  project: Project,
  runtime: Runtime,
  capabilities: Capabilities,
): Promise<BuiltBundle> {
  const quickjs = runtime === 'quickjs-ng'
  const watched = quickjs ? watchedGlobals(capabilities) : []
  const sources = join(out, SOURCES_FILE)
  const task: BuildTask = {
    entry: project.entry,
    root: project.root,
    out,
    runtime,
    define: { ...(quickjs ? globalDefines(watched) : {}), ...MODULE_DEFINES },
    nodeModules: sources,
    nodeNames: mapValues(NODE_MODULES, ({ source }) => source),
    nodeExtras: Object.fromEntries(
      Object.entries(NODE_MODULES).flatMap(([name, { extra }]) => (extra ? [[name, extra]] : [])),
    ),
    denied: Object.keys(NODE_MODULES).filter((name) => nodeRefusal(name, capabilities)),
    nodeStubs: nodeStubs(capabilities),
    nodeLacks: mapValues(NODE_MEMBERS, ({ lacks }) => lacks),
    globals: {},
    globs: [],
    exports: [],
    overrides: [],
    broken: [],
    addedExports: {},
    requireIn: [],
    missing: Object.fromEntries(
      watched.filter((name) => makerOf(name) === undefined).map((name) => [marked(name), name]),
    ),
    analysis: ANALYSIS,
  }
  await writeFile(sources, await Bun.file(nodeModules).bytes())
  const build = new Build(project, capabilities, watched, task)
  const { linked, meta, sourceUses, absences, stubs, choices, memberWarnings } = await build.run()
  return {
    code: checkSize('bundle', linked.code, MAX_BUNDLE_BYTES),
    map: checkSize('source map', linked.map, MAX_MAP_BYTES),
    warnings: [
      ...globalWarnings(sourceUses, (use) => choices.noteOf(use)),
      ...absenceWarnings(project, absences),
      ...stubWarnings(project, stubs),
      ...linked.warnings,
      ...memberWarnings,
    ],
    explain: (name) => explain({ project, runtime, meta, choices, absences }, name),
  }
}

/** Runs the bundler until nothing is left to change in its task. */
class Build {
  readonly #project: Project
  readonly #capabilities: Capabilities
  readonly #watched: readonly string[]
  readonly #task: BuildTask
  readonly #choices: BuildChoices
  readonly #failed: Failures

  constructor(
    project: Project,
    capabilities: Capabilities,
    watched: readonly string[],
    task: BuildTask,
  ) {
    this.#project = project
    this.#capabilities = capabilities
    this.#watched = watched
    this.#task = task
    this.#choices = new BuildChoices(project, task.runtime)
    this.#failed = new Failures(project, task)
  }

  /** @throws {FunctionError} BUNDLE_REFUSED with everything that is wrong */
  async run(): Promise<BuildResult> {
    const project = this.#project
    const choices = this.#choices
    const failed = this.#failed
    for (let count = 0; count < MAX_RUNS; count++) {
      const overrides = [...this.#task.overrides, ...choices.overrides]
      const failures = await runBundler({ ...this.#task, overrides })
      if (failures.length > 0) {
        if (choices.revert()) continue
        const left = choices.replaceMissing(failures)
        if (left.length > 0) failed.add(left)
        continue
      }
      const meta = await readMeta(this.#task.out)
      if (choices.preferWorkers(meta) || this.#findsRequire(meta)) continue
      const faults = this.#leaveOut(meta)
      if (faults === undefined) continue
      const [stubs, refused] = partition(faults, ({ stub }) => stub !== undefined)
      const problems = [...failed.problems, ...refused.map((fault) => problemOf(project, fault))]
      problems.push(...(await fileProblems(project, this.#task.out, meta)))
      const output = await readOutput(project, this.#task.out, meta, this.#watched)
      const { runtime, globs } = this.#task
      const linked = orProblems(problems, () => link(project, runtime, { ...output, globs }))
      if (linked && problems.length === 0 && this.#needsMore(output, linked)) continue
      const sourceUses = missingUses(output, output.map)
      if (problems.length === 0 && choices.rejectUses(meta, sourceUses)) continue
      const quickjs = runtime === 'quickjs-ng'
      const names = Object.keys(this.#task.nodeStubs)
      const warnings = orProblems(problems, () =>
        quickjs ? checkMembers(project, output, names) : [],
      )
      if (linked === undefined || warnings === undefined || problems.length > 0) {
        throw refusalOf(problems)
      }
      checkInputs(project, meta)
      const absences = failed.absences.filter(({ importer }) => {
        return Object.hasOwn(meta.inputs, relative(project.root, importer))
      })
      const memberWarnings = warnings
      return { ...output, linked, sourceUses, absences, stubs, choices, memberWarnings }
    }
    const message = `The bundle was not built: ${MAX_RUNS} runs of the bundler were not enough to resolve its imports. Import fewer packages whose builds do not fit a worker, or that are not installed, or name files of an import() by literals.`
    throw refusalOf([...failed.problems, { message }])
  }

  /**
   * Makes the imports that the code can do without fail at run time. Returns the faults of the others;
   * undefined if the bundler has to run again.
   */
  #leaveOut(meta: Metafile): ImportFault[] | undefined {
    const project = this.#project
    const failed = this.#failed
    const optional = new OptionalImports(meta)
    const left = leftOut(project, meta)
    const isLeft = new Set(left.map(({ importer, specifier }) => `${importer}\0${specifier}`))
    const faults = importFaults(project, this.#capabilities, meta).filter(({ importer, edge }) => {
      return !isLeft.has(`${resolve(project.root, importer)}\0${edge.original ?? edge.path}`)
    })
    const [optionalFaults, otherFaults] = partition(faults, ({ importer, edge, absent }) => {
      return absent && optional.has(importer, edge.original ?? edge.path)
    })
    const found = [...left, ...optionalFaults.map((fault) => absenceOf(project, fault))]
    // With another run there is one more chance to find every fault at once.
    if (failed.leaveOut(found)) return undefined
    if (this.#choices.rejectFaults(meta, otherFaults)) return undefined
    failed.excuse(optional)
    return otherFaults
  }

  /** Finds the modules that make a `require` of their own. Returns whether there are more than before. */
  #findsRequire(meta: Metafile): boolean {
    const { requireIn } = this.#task
    const before = requireIn.length
    for (const [name, { imports }] of Object.entries(meta.inputs)) {
      const file = resolve(this.#project.root, name)
      const isModule = ({ path, original }: Import) => /^(?:node:)?module$/.test(original ?? path)
      if (imports.some(isModule) && !requireIn.includes(file)) requireIn.push(file)
    }
    return requireIn.length > before
  }

  /** Only now is it known which globals and which files of globs the bundle needs. Most need none. */
  #needsMore({ uses, meta }: Output, { globs }: Linked): boolean {
    const task = this.#task
    const hasNewFiles = globs.length > task.globs.length
    const made = new Map<string, string>()
    for (const { name } of uses) {
      const module = makerOf(name)
      if (module !== undefined) made.set(name, module)
    }
    // Another build of a package, or a module of Node that was added, may use one more.
    const hasNewGlobals = [...made.keys()].some((key) => !Object.hasOwn(task.globals, key))
    if (!hasNewFiles && !hasNewGlobals) return false
    task.globals = { ...task.globals, ...Object.fromEntries(made) }
    task.globs = globs
    task.exports = exportsOf(meta)
    return true
  }
}

/** Returns what `run` returns; undefined if it refuses the bundle, whose problems are added. */
function orProblems<T>(problems: Problem[], run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof FunctionError) || error.code !== 'BUNDLE_REFUSED') throw error
    problems.push(error, ...error.others)
    return undefined
  }
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))]
}

async function readMeta(out: string): Promise<Metafile> {
  return parseMetafile(await readFile(join(out, META_FILE), 'utf8'))
}

/** What is wrong with imports that became files beside the bundle. */
async function fileProblems(project: Project, out: string, meta: Metafile): Promise<Problem[]> {
  const expected = [CODE_FILE, MAP_FILE, META_FILE, SOURCES_FILE, TASK_FILE, TSCONFIG_FILE]
  const written = await readdir(out)
  const beside = written.filter((name) => !expected.includes(name))
  return separateFiles(project, meta, beside)
}

async function readOutput(
  project: Project,
  out: string,
  meta: Metafile,
  watched: readonly string[],
): Promise<Output> {
  const { code, ...marks } = takeMarks(await readFile(join(out, CODE_FILE)), watched, meta)
  const { map, contents } = tenantMap(project, out, await readFile(join(out, MAP_FILE), 'utf8'))
  return { ...marks, code: withOwnHelpers(code), map, contents, meta }
}

function exportsOf({ outputs }: Metafile): string[] {
  return Object.values(outputs).find(({ entryPoint }) => entryPoint !== undefined)?.exports ?? []
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, of: (value: T) => U) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, of(value)]))
}

const mapSchema = z.looseObject({
  sources: z.array(z.string()),
  sourcesContent: z.array(z.string().nullable()).default([]),
})

/**
 * Maximum size of the texts in a source map, all together. A map with more has none: the service reads it while
 * requests wait, and positions do not need them.
 */
const MAX_CONTENT_BYTES = 512 * 2 ** 10

/**
 * The source map with paths relative to the project root. It has the text of the tenant's own sources, for
 * error trackers; that of packages and of the platform is left out.
 */
function tenantMap(
  { root }: Project,
  out: string,
  text: string,
): { map: Uint8Array; contents: (string | null)[] } {
  const { sourcesContent: contents, ...map } = mapSchema.parse(JSON.parse(text))
  const sources = map.sources.map((source) =>
    /^\w+:/.test(source) ? source : relative(root, resolve(out, source)),
  )
  const own = sources.map((source, i) => {
    const isOwn = !/^\w+:/.test(source) && !inNodeModules(`/${source}`)
    return isOwn ? textOf(resolve(root, source), contents[i] ?? null) : null
  })
  const bytes = own.reduce((sum, content) => sum + Buffer.byteLength(content ?? ''), 0)
  const texts = bytes > 0 && bytes <= MAX_CONTENT_BYTES ? { sourcesContent: own } : {}
  const tenants = JSON.stringify({ ...map, ...texts, file: CODE_FILE, sources })
  return { map: new TextEncoder().encode(tenants), contents }
}

/** The file as it is: the bundler's plugins may have changed what the bundler read. */
function textOf(file: string, changed: string | null): string | null {
  try {
    return readSmallFile(file)
  } catch {
    return changed
  }
}

function checkSize(what: string, bytes: Uint8Array, limit: number): Uint8Array {
  if (bytes.byteLength > limit) {
    const message = `The ${what} has ${bytes.byteLength} bytes; the limit is ${limit} bytes.`
    throw new FunctionError('BUNDLE_REFUSED', message)
  }
  return bytes
}
