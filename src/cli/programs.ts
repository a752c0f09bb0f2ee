/** The native programs, as commands run them. */
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'

/** Settings that name programs to run. */
const PROGRAM_KEYS = ['worker.quickjs_path', 'worker.launcher_path']

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
      `${sources.get(key)?.label}: ${key} names a program to run, and nobody asked for this file: pass --config ${file.path} if you trust it.`,
    )
  }
}
