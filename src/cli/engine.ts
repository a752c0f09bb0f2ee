import type { Config } from '../config/schema.ts'
import type { FunctionRuntime } from '../metadata/records.ts'
import { findBinary } from '../service/binaries.ts'
import { binaryOptions } from '../service/launcher.ts'

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
