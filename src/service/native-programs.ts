/** Finds the native programs and creates the launcher of workers. */
import { join, resolve } from 'node:path'
import functionsLauncher from '../../.build/bin/functions-launcher' with { type: 'file' }
import quickjsWorker from '../../.build/bin/quickjs-worker' with { type: 'file' }
import type { Runtime } from '../capabilities/runtime.ts'
import type { Config } from '../config/schema.ts'
import type { Egress } from '../egress/egress.ts'
import { FunctionError } from '../errors.ts'
import { ownExecutable } from '../lib/executable.ts'
import { libraryVersion } from '../lib/libraries.ts'
import type { ServiceLog } from '../telemetry/service-log.ts'
import type { Cgroups } from '../worker/sandbox/cgroups.ts'
import type { WorkerFactory } from '../worker/worker.ts'
import { createWorkerFactory } from '../worker/worker-factory.ts'
import { type BinaryOptions, findBinary, findOtherBinary, type ProgramName } from './binaries.ts'
import { newEgress } from './egress.ts'

/** The programs inside this executable. In a source tree these are the files that the build made. */
const EMBEDDED: Readonly<Record<ProgramName, string>> = {
  'quickjs-worker': quickjsWorker,
  'functions-launcher': functionsLauncher,
}

/** Where this service looks for the native programs. */
export function binaryOptions(config: Config): BinaryOptions {
  const { quickjsPath, launcherPath } = config.worker
  return {
    dataDir: resolve(config.server.dataDir),
    executablePath: ownExecutable(),
    configured: {
      ...(quickjsPath !== undefined && { 'quickjs-worker': quickjsPath }),
      ...(launcherPath !== undefined && { 'functions-launcher': launcherPath }),
    },
    embedded: EMBEDDED,
  }
}

/** The user ID of workers; undefined if the service is not root and cannot change it. */
export function workerUser(config: Config): number | undefined {
  return process.getuid?.() === 0 ? config.sandbox.uid : undefined
}

/** What the service itself holds of the host. */
export interface HostResources {
  /** Files that no worker may see, in addition to the data directory. */
  files?: readonly string[] | undefined
  /** The cgroups that workers may be put into. */
  cgroups?: Cgroups | undefined
}

/**
 * @throws {FunctionError} CONFIG_INVALID, STORAGE_UNUSABLE
 */
export async function startLauncher(
  config: Config,
  log: ServiceLog,
  egress: Egress = newEgress(config),
  { files = [], cgroups }: HostResources = {},
): Promise<WorkerFactory> {
  const options = binaryOptions(config)
  const tlsKey = config.admin.tlsKey === undefined ? [] : [resolve(config.admin.tlsKey)]
  const [launcherPath, workerPath] = await Promise.all([
    findBinary('functions-launcher', options),
    findBinary('quickjs-worker', options),
  ])
  const other = await findOtherBinary('quickjs-worker', options)
  if (other !== undefined) await checkWorkerProgram(other)
  const otherLauncher = await findOtherBinary('functions-launcher', options)
  if (otherLauncher !== undefined) await checkLauncherProgram(otherLauncher)
  return createWorkerFactory({
    launcherPath,
    workerPath,
    executablePath: ownExecutable,
    runDir: join(options.dataDir, 'run'),
    egress,
    start: config.worker.start,
    backgroundMs: config.worker.background,
    backgroundCpuPercent: config.worker.backgroundCpu,
    cgroups,
    allowDegraded: config.sandbox.allowDegraded,
    covered: [options.dataDir, config.server.socket, config.secrets.keyFile, ...tlsKey, ...files],
    sandboxUid: workerUser(config),
    log: (level, message) => {
      if (level === 'error' || level === 'warn') log.warn(message)
      else if (level === 'info') log.info(message)
    },
  })
}

/**
 * Returns a function that names a runtime's engine with its version, such as `quickjs-ng/0.17.0`.
 *
 * The embedded worker was built with this executable, so its engine is the one of the lock file.
 * `worker.quickjs_path` or a program beside the executable may be another build: it is asked with
 * `--version`, once per path and process. An operator who replaces that file restarts the service.
 */
export function engineReader(config: Config): (runtime: Runtime) => Promise<string> {
  return async (runtime) => {
    if (runtime === 'bun') return `bun/${Bun.version}`
    const options = binaryOptions(config)
    // The embedded program is not unpacked for this: a command that only reads writes nothing.
    const path = await findOtherBinary('quickjs-worker', options)
    return path === undefined ? `quickjs-ng/${libraryVersion('quickjs-ng')}` : await engineOf(path)
  }
}

/** A program that does not print its version in this time is killed. */
const VERSION_TIMEOUT_MS = 10_000

/** What every quickjs-worker prints for `--version`. */
const WORKER_VERSION = /^quickjs-worker .*\(quickjs-ng (\S+), protocol \d+\)$/

/**
 * Checks a program that is used in place of the embedded worker. The errors of the sandbox, which
 * would follow, name no path: clients see them.
 *
 * @throws {FunctionError} CONFIG_INVALID
 */
export async function checkWorkerProgram(path: string): Promise<string> {
  const text = await workerVersion(path)
  if (WORKER_VERSION.test(text)) return text
  throw new FunctionError(
    'CONFIG_INVALID',
    `${path} is not a quickjs-worker: it does not print its version for --version. Check worker.quickjs_path, and the file quickjs-worker beside this executable.`,
  )
}

/** Nothing to start. Most other programs end at an option that they do not know. */
const NOTHING_TO_LAUNCH = ['--uid', '65534', '--gid', '65534', '--']
/** What every functions-launcher says of that, on standard error. */
const LAUNCHER_REFUSAL = '{"type":"launch-failed",'

/**
 * Checks a program that is used in place of the embedded launcher. The errors of the sandbox, which
 * would follow, name another program: the one that it did not start.
 *
 * @throws {FunctionError} CONFIG_INVALID
 */
export async function checkLauncherProgram(path: string): Promise<void> {
  if ((await outputOf([path, ...NOTHING_TO_LAUNCH], 'stderr')).text.startsWith(LAUNCHER_REFUSAL))
    return
  throw new FunctionError(
    'CONFIG_INVALID',
    `${path} is not a functions-launcher: it does not report that it is given no program to start. Check worker.launcher_path, and the file functions-launcher beside this executable.`,
  )
}

/** By path of the worker program. A failed question is asked again. */
const engines = new Map<string, Promise<string>>()

function engineOf(path: string): Promise<string> {
  let engine = engines.get(path)
  if (engine === undefined) {
    engine = workerVersion(path).then((text) => {
      const version = WORKER_VERSION.exec(text)?.[1]
      if (version === undefined) engines.delete(path)
      return `quickjs-ng/${version ?? 'unknown'}`
    })
    engines.set(path, engine)
  }
  return engine
}

/** What `quickjs-worker --version` prints; empty if it cannot be run. */
async function workerVersion(path: string): Promise<string> {
  const { text, exitCode } = await outputOf([path, '--version'], 'stdout')
  return exitCode === 0 ? text.trim() : ''
}

/** Runs a program that may be any. Its output is empty if it cannot be run. */
async function outputOf(
  command: string[],
  from: 'stdout' | 'stderr',
): Promise<{ text: string; exitCode: number | undefined }> {
  try {
    const child = Bun.spawn(command, {
      stdin: 'ignore',
      stdout: from === 'stdout' ? 'pipe' : 'ignore',
      stderr: from === 'stderr' ? 'pipe' : 'ignore',
      env: {},
      timeout: VERSION_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    const text = await new Response(child[from]).text()
    return { text, exitCode: await child.exited }
  } catch {
    return { text: '', exitCode: undefined }
  }
}
