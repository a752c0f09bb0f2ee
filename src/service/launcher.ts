/** The native programs of this service, and what starts workers with them. */
import { join, resolve } from 'node:path'
import type { Config } from '../config/schema.ts'
import { FunctionError } from '../errors.ts'
import type { ServiceLog } from '../telemetry/service-log.ts'
import { createWorkerLauncher } from '../worker/launcher.ts'
import type { Runtime, WorkerLauncher } from '../worker/worker.ts'
import { type BinaryOptions, findBinary } from './binaries.ts'
import { EMBEDDED } from './embedded.ts'

/** Paths of the native programs. */
export interface Programs {
  launcher: string
  worker: string
}

/** @throws {FunctionError} CONFIG_INVALID, STORAGE_UNUSABLE */
export async function findPrograms(config: Config): Promise<Programs> {
  const { quickjsPath, launcherPath } = config.worker
  const options: BinaryOptions = {
    dataDir: resolve(config.server.dataDir),
    executablePath: process.execPath,
    configured: {
      ...(quickjsPath !== undefined && { 'quickjs-worker': quickjsPath }),
      ...(launcherPath !== undefined && { 'functions-launcher': launcherPath }),
    },
    embedded: EMBEDDED,
  }
  const [launcher, worker] = await Promise.all([
    findBinary('functions-launcher', options),
    findBinary('quickjs-worker', options),
  ])
  return { launcher, worker }
}

export function newLauncher(config: Config, programs: Programs, log: ServiceLog): WorkerLauncher {
  return createWorkerLauncher({
    launcherPath: programs.launcher,
    workerPath: programs.worker,
    executablePath: process.execPath,
    runDir: join(resolve(config.server.dataDir), 'run'),
    sandboxUid: process.getuid?.() === 0 ? config.sandbox.uid : undefined,
    log: (level, message) => {
      if (level === 'error' || level === 'warn') log.warn(message)
      else if (level === 'info') log.info(message)
    },
  })
}

/**
 * Tells the name and release of a runtime's engine, as `quickjs-ng/0.17.0`. The worker is asked once.
 *
 * @throws {FunctionError} WORKER_START_FAILED when the worker does not say
 */
export function engineNames(programs: Programs): (runtime: Runtime) => Promise<string> {
  let quickjs: Promise<string> | undefined
  return async (runtime) => {
    if (runtime === 'bun') return `bun/${Bun.version}`
    quickjs ??= askWorker(programs.worker)
    return await quickjs
  }
}

/** Its answer: `quickjs-worker 0.1.0 (quickjs-ng 0.17.0, protocol 1)`. */
async function askWorker(path: string): Promise<string> {
  const child = Bun.spawn([path, '--version'], { stdin: 'ignore', stderr: 'ignore', env: {} })
  const match = /\(quickjs-ng ([\w.]+),/.exec(await new Response(child.stdout).text())
  if (match !== null) return `quickjs-ng/${match[1]}`
  throw new FunctionError('WORKER_START_FAILED', `${path} does not say which engine it has.`)
}
