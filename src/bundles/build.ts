/**
 * Builds a TypeScript project into one ESM file and its source map.
 *
 * The bundler reads a tenant's files in a separate process: this executable, run as bun. A project
 * that hangs or crashes the bundler ends only that process. Macros can only be disabled there, too:
 * `Bun.build` would run them in the calling process. The process gets no environment, and reads no
 * configuration of the project but package.json and tsconfig.json.
 */

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { z } from 'zod'
import nodeModules from '../../.build/node-modules.pack' with { type: 'file' }
import type { Runtime } from '../capabilities/runtime.ts'
import type { Capabilities } from '../capabilities/schema.ts'
import { FunctionError } from '../errors.ts'
import { programSource } from '../lib/program-source.ts' with { type: 'macro' }
import { freeSpace } from '../lib/storage.ts'
import { withTemporaryFolder } from '../lib/temporary-folder.ts'
import type { Bundle } from './bundle-store.ts'
import {
  type BuildFailure,
  type BuildTask,
  CODE_FILE,
  MAP_FILE,
  META_FILE,
  TSCONFIG_FILE,
} from './bundler/task.ts'
import { globalDefines, MADE_GLOBALS, watchedGlobals } from './globals.ts'
import { checkAssets, checkImports, type Metafile, metafileSchema } from './imports.ts'
import { NODE_MODULES } from './node-modules.ts'
import { type Project, rootRemedy } from './project.ts'
import { MAX_MAP_BYTES } from './source-map.ts'
import { type BundleWarning, globalWarnings, takeMarks } from './undeclared-globals.ts'
import { unresolved } from './unresolved.ts'

const BUNDLER = programSource('src/bundles/bundler/main.ts')
const FOLDER_PREFIX = 'functions-bundle-'
/** What a build of ordinary size writes to the temporary folder, Node's modules included. */
const FOLDER_BYTES = 16 * 2 ** 20
/** With less free space the bundler fails, and does not say why. */
const TOO_FULL_BYTES = 64 * 1024
const BUILD_TIMEOUT_MS = 120_000
const MAX_OUTPUT_BYTES = 2 ** 20
/**
 * A worker gets its bundle in one message of at most 64 MiB, the service both files in one request
 * of at most 128 MiB.
 */
export const MAX_BUNDLE_BYTES = 40 * 2 ** 20

const SOURCES_FILE = 'node-modules.json'

/** A bundle, and the warnings to show when it is deployed. */
export interface BuiltBundle extends Bundle {
  warnings: BundleWarning[]
}

/** The checked output of one run of the bundler. */
interface Output {
  code: Uint8Array
  map: Uint8Array
  meta: Metafile
}

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
    define: quickjs ? globalDefines(watched) : {},
    nodeModules: sources,
    nodeNames: mapValues(NODE_MODULES, ({ source }) => source),
    globals: {},
    exports: [],
  }
  await writeFile(sources, await Bun.file(nodeModules).bytes())
  let output = await runOnce(project, task, capabilities)
  let { code, uses } = takeMarks(output.code, watched)
  const made = Object.entries(MADE_GLOBALS).filter(([key]) => uses.some(({ name }) => name === key))
  if (made.length > 0) {
    // Only now is it known which globals the bundle needs. Most bundles need none.
    const globals = Object.fromEntries(made)
    output = await runOnce(
      project,
      { ...task, globals, exports: exportsOf(output.meta) },
      capabilities,
    )
    ;({ code, uses } = takeMarks(output.code, watched))
  }
  return {
    code: checkSize('bundle', code, MAX_BUNDLE_BYTES),
    map: checkSize('source map', output.map, MAX_MAP_BYTES),
    warnings: globalWarnings(uses, output.map),
  }
}

async function runOnce(
  project: Project,
  task: BuildTask,
  capabilities: Capabilities,
): Promise<Output> {
  const { out } = task
  await runBundler(project, task)
  const meta = metafileSchema.parse(JSON.parse(await readFile(join(out, META_FILE), 'utf8')))
  checkImports(project, capabilities, meta)
  const expected = [CODE_FILE, MAP_FILE, META_FILE, SOURCES_FILE, TSCONFIG_FILE]
  checkAssets(
    project,
    meta,
    (await readdir(out)).filter((name) => !expected.includes(name)),
  )
  const code = await readFile(join(out, CODE_FILE))
  const map = tenantMap(project, out, await readFile(join(out, MAP_FILE), 'utf8'))
  return { code, map, meta }
}

function exportsOf({ outputs }: Metafile): string[] {
  return Object.values(outputs).find(({ entryPoint }) => entryPoint !== undefined)?.exports ?? []
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, of: (value: T) => U) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, of(value)]))
}

async function runBundler(project: Project, task: BuildTask): Promise<void> {
  const child = Bun.spawn(
    [
      process.execPath,
      ...['--no-env-file', '--config=/dev/null', '--no-install', '-e', BUNDLER],
      ...[String(process.pid), dirname(task.out)],
    ],
    {
      // Bun reads the tsconfig.json of the folder where it starts: the bundler goes to the project
      // when it has checked that one. Below /tmp every user could place one.
      cwd: '/',
      env: { BUN_BE_BUN: '1', NODE_ENV: 'production', NO_COLOR: '1' },
      stdin: new Blob([JSON.stringify(task)]),
      stdout: 'pipe',
      stderr: 'ignore',
      timeout: BUILD_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT_BYTES,
    },
  )
  const stdout = await new Response(child.stdout).text()
  const status = await child.exited
  if (status !== 0) {
    const failure = readFailure(stdout)
    if (failure?.file === undefined && (freeSpace(task.out)?.bytes ?? Infinity) < TOO_FULL_BYTES) {
      throw Object.assign(new Error('the temporary folder is full'), { code: 'ENOSPC' })
    }
    throw buildError(project, failure, status)
  }
}

const failureSchema = z.object({
  message: z.string(),
  specifier: z.string().optional(),
  file: z.string().optional(),
  line: z.int().optional(),
  column: z.int().optional(),
})

function readFailure(text: string): z.infer<typeof failureSchema> | undefined {
  try {
    return failureSchema.parse(JSON.parse(text) satisfies BuildFailure)
  } catch {
    return undefined
  }
}

function buildError(
  project: Project,
  failure: z.infer<typeof failureSchema> | undefined,
  status: number,
): FunctionError {
  const { root, entry } = project
  if (failure === undefined) {
    const limits = `its limits are ${BUILD_TIMEOUT_MS / 1000} s and ${MAX_OUTPUT_BYTES} bytes of output`
    const remedy = 'look for a pipe, a device or a huge file among the files that the project names'
    const why =
      status > 128 ? `was killed; ${limits}: ${remedy}` : `failed with exit status ${status}`
    return new FunctionError('BUNDLE_REFUSED', `The bundle was not built: the bundler ${why}.`)
  }
  const { file: path = entry, line = 1, column = 1 } = failure
  const file = relative(root, resolve(root, path))
  if (file.startsWith('..')) {
    // The message could quote that file, so it is not shown.
    const remedy = rootRemedy(project, resolve(root, path))
    const outside = `An import leads to ${file}, outside ${remedy}.`
    return new FunctionError('BUNDLE_REFUSED', outside, {
      position: { file: relative(root, entry), line: 1, column: 1 },
    })
  }
  if (failure.specifier !== undefined) {
    return unresolved(project, { specifier: failure.specifier, file: path, line, column })
  }
  return new FunctionError('BUNDLE_REFUSED', named(failure.message), {
    position: { file, line: Math.max(1, line), column: Math.max(1, column) },
  })
}

/** The bundler's message, with Node's modules named as the source imports them. */
function named(message: string): string {
  return message.replace(
    /^No matching export in "functions:(node:[^"]+)" for import "(.+)"$/,
    "'$1' has no export '$2' in quickjs-ng functions.",
  )
}

const mapSchema = z.looseObject({ sources: z.array(z.string()), sourcesContent: z.unknown() })

/**
 * The source map with paths relative to the project root. The sources' content is left out: positions
 * do not need it, and the service reads the map while requests wait.
 */
function tenantMap({ root }: Project, out: string, text: string): Uint8Array {
  const { sourcesContent: _, ...map } = mapSchema.parse(JSON.parse(text))
  const sources = map.sources.map((source) =>
    /^\w+:/.test(source) ? source : relative(root, resolve(out, source)),
  )
  return new TextEncoder().encode(JSON.stringify({ ...map, file: CODE_FILE, sources }))
}

function checkSize(what: string, bytes: Uint8Array, limit: number): Uint8Array {
  if (bytes.byteLength > limit) {
    const message = `The ${what} has ${bytes.byteLength} bytes; the limit is ${limit} bytes.`
    throw new FunctionError('BUNDLE_REFUSED', message)
  }
  return bytes
}
