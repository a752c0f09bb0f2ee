/** The native programs, as commands run them. */
import { dirname, join } from 'node:path'
import type { LoadedConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { FunctionError } from '../errors.ts'
import type { FunctionRuntime } from '../metadata/records.ts'
import { findBinary } from '../service/binaries.ts'
import { binaryOptions } from '../service/launcher.ts'
import { libraryVersion } from './libraries.ts'

/** Settings that name programs to run. */
const PROGRAM_KEYS = ['worker.quickjs_path', 'worker.launcher_path']

/** The engines of programs by path. A rejected one is not kept. */
const engines = new Map<string, Promise<string>>()

/**
 * Returns a reader of a runtime's engine, such as `quickjs-ng/0.17.0`.
 *
 * The embedded worker was built together with this executable, so its engine is the one of the lock.
 * `worker.quickjs_path`, or a program beside the executable, may be another build: it is asked with
 * `--version`, once for each path in the life of this process, and not for each deploy. An operator
 * who replaces that file restarts the service.
 */
export function engineReader(config: Config): (runtime: FunctionRuntime) => Promise<string> {
  return async (runtime) => {
    if (runtime === 'bun') {
      return `bun/${Bun.version}`
    }
    const options = binaryOptions(config)
    if (options.configured['quickjs-worker'] === undefined) {
      const path = await findBinary('quickjs-worker', options)
      if (path !== besideExecutable(options.executablePath)) {
        return `quickjs-ng/${libraryVersion('quickjs-ng')}`
      }
      return await engineOf(path)
    }
    return await engineOf(await findBinary('quickjs-worker', options))
  }
}

const besideExecutable = (executable: string) => join(dirname(executable), 'quickjs-worker')

async function engineOf(path: string): Promise<string> {
  let engine = engines.get(path)
  if (engine === undefined) {
    engine = workerVersion(path).then((told) => {
      const release = /\(quickjs-ng (\S+), protocol \d+\)/.exec(told)?.[1]
      if (release === undefined) engines.delete(path)
      return `quickjs-ng/${release ?? 'unknown'}`
    })
    engines.set(path, engine)
  }
  return await engine
}

/** What `quickjs-worker --version` prints; empty when it does not run. */
export async function workerVersion(path: string): Promise<string> {
  try {
    const child = Bun.spawn([path, '--version'], { stdin: 'ignore', stderr: 'ignore', env: {} })
    const text = await new Response(child.stdout).text()
    return (await child.exited) === 0 ? text.trim() : ''
  } catch {
    return ''
  }
}

/**
 * A command may be run in a tenant's folder. A functions.toml that merely lies there must not choose
 * a program that is then run with the rights of who deploys; `serve`, which is started where its
 * configuration lies, takes it.
 *
 * @throws {FunctionError} CONFIG_INVALID
 */
export function refuseFoundPrograms({ sources, file }: LoadedConfig): void {
  const key = PROGRAM_KEYS.find((name) => sources.get(name)?.kind === 'file')
  if (key !== undefined && file?.named === false) {
    throw new FunctionError(
      'CONFIG_INVALID',
      `${sources.get(key)?.label}: ${key} names a program to run; give --config ${file.path} if that is meant.`,
    )
  }
}
