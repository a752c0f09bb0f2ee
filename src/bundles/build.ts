/**
 * TypeScript in, one ESM file and its source map out.
 *
 * The bundler runs over a tenant's files in a process of its own: this executable again, as bun. A
 * folder that hangs or crashes it ends that process alone, and only there can macros be switched
 * off: `Bun.build` would run them in the process that calls it. It gets no environment, and no
 * configuration of the folder's but package.json and tsconfig.json.
 */
import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { z } from 'zod'
import { FunctionError } from '../errors.ts'
import type { FunctionRuntime } from '../metadata/records.ts'
import type { Bundle } from './bundle-store.ts'
import { checkAssets, checkImports, metafileSchema } from './imports.ts'
import type { Project } from './project.ts'
import { MAX_MAP_BYTES } from './source-map.ts'

const BUILD_TIMEOUT_MS = 60_000
const MAX_OUTPUT_BYTES = 2 ** 20
/** A worker takes its bundle in one message of at most 64 MiB, the service both files in one request of 128. */
export const MAX_BUNDLE_BYTES = 40 * 2 ** 20

const CODE_FILE = 'bundle.js'
const MAP_FILE = 'bundle.js.map'
const META_FILE = 'meta.json'

const ALWAYS = [
  '--no-macros',
  '--no-env-file',
  '--config=/dev/null',
  '--no-install',
  '--env=disable',
  '--define=process.env.NODE_ENV="production"',
  '--format=esm',
  '--sourcemap=external',
  '--entry-naming=bundle.[ext]',
]

/** Packages see what each runtime has: Web APIs alone, or Bun's. */
const TARGET: Record<FunctionRuntime, string[]> = {
  'quickjs-ng': ['--target=browser', '--conditions=worker'],
  bun: ['--target=bun'],
}

/**
 * Bundles the project for a runtime.
 *
 * @throws {FunctionError} BUNDLE_REFUSED with the tenant's file and line
 */
export async function buildBundle(project: Project, runtime: FunctionRuntime): Promise<Bundle> {
  const out = await realpath(await mkdtemp(join(tmpdir(), 'functions-bundle-')))
  try {
    await runBundler(project, runtime, out)
    const meta = metafileSchema.parse(JSON.parse(await readFile(join(out, META_FILE), 'utf8')))
    checkImports(project, runtime, meta)
    const outputs = await readdir(out)
    checkAssets(
      project,
      meta,
      outputs.filter((name) => ![CODE_FILE, MAP_FILE, META_FILE].includes(name)),
    )
    const code = await readFile(join(out, CODE_FILE))
    const map = tenantMap(project, out, await readFile(join(out, MAP_FILE), 'utf8'))
    return { code: within(code, MAX_BUNDLE_BYTES), map: within(map, MAX_MAP_BYTES) }
  } finally {
    await rm(out, { recursive: true, force: true })
  }
}

async function runBundler(project: Project, runtime: FunctionRuntime, out: string): Promise<void> {
  const child = Bun.spawn(
    [
      process.execPath,
      'build',
      ...ALWAYS,
      ...TARGET[runtime],
      `--metafile=${join(out, META_FILE)}`,
      `--outdir=${out}`,
      project.entry,
    ],
    {
      // Names in the bundle are relative to here, so that the same project gives the same bundle anywhere.
      cwd: project.root,
      env: { BUN_BE_BUN: '1', NODE_ENV: 'production', NO_COLOR: '1' },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'pipe',
      timeout: BUILD_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT_BYTES,
    },
  )
  const stderr = await new Response(child.stderr).text()
  const status = await child.exited
  if (status !== 0) {
    throw buildError(project, stderr, status)
  }
}

/** Reads `error: message` and the `at file:line:column` below it. */
function buildError({ root, entry }: Project, stderr: string, status: number): FunctionError {
  const match = /^error: (.+)(?:\n +at (.+?)(?::(\d+):(\d+))?$)?/m.exec(stderr)
  if (match === null) {
    const why = `the bundler ended with status ${status}, or took longer than ${BUILD_TIMEOUT_MS / 1000} s`
    return new FunctionError('BUNDLE_REFUSED', `The bundle does not build: ${why}.`)
  }
  const [, message = '', path = entry, line = '1', column = '1'] = match
  const file = relative(root, resolve(root, path))
  if (file.startsWith('..')) {
    // What such a file says is not shown.
    const outside = `An import leads to ${file}, outside the project root.`
    return new FunctionError('BUNDLE_REFUSED', outside, {
      position: { file: relative(root, entry), line: 1, column: 1 },
    })
  }
  return new FunctionError('BUNDLE_REFUSED', message, {
    position: { file, line: Number(line), column: Number(column) },
  })
}

const mapSchema = z.looseObject({ sources: z.array(z.string()), sourcesContent: z.unknown() })

/**
 * The map with its sources named as the tenant knows them, relative to the project root. It leaves
 * out what they say: positions need it not, and the service reads the map while requests wait.
 */
function tenantMap({ root }: Project, out: string, text: string): Uint8Array {
  const { sourcesContent: _, ...map } = mapSchema.parse(JSON.parse(text))
  const sources = map.sources.map((source) =>
    /^\w+:/.test(source) ? source : relative(root, resolve(out, source)),
  )
  return new TextEncoder().encode(JSON.stringify({ ...map, file: CODE_FILE, sources }))
}

function within(bytes: Uint8Array, limit: number): Uint8Array {
  if (bytes.byteLength > limit) {
    const what = `The bundle has ${bytes.byteLength} bytes; ${limit} is the most.`
    throw new FunctionError('BUNDLE_REFUSED', what)
  }
  return bytes
}
