/** The native programs, as commands run them. */
import type { LoadedConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { FunctionError } from '../errors.ts'
import type { FunctionRuntime } from '../metadata/records.ts'
import { findBinary } from '../service/binaries.ts'
import { binaryOptions } from '../service/native-programs.ts'

/** Settings that name programs to run. */
const PROGRAM_KEYS = ['worker.quickjs_path', 'worker.launcher_path']

/** Reads what engine a runtime has, such as `quickjs-ng/0.17.0`; the worker itself tells. */
export function engineReader(config: Config): (runtime: FunctionRuntime) => Promise<string> {
  return async (runtime) => {
    if (runtime === 'bun') {
      return `bun/${Bun.version}`
    }
    const told = await workerVersion(await findBinary('quickjs-worker', binaryOptions(config)))
    const release = /\(quickjs-ng (\S+), protocol \d+\)/.exec(told)?.[1] ?? 'unknown'
    return `quickjs-ng/${release}`
  }
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
