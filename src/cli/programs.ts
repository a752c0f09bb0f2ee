import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'

/** Settings that name programs to run. */
const PROGRAM_KEYS = ['worker.quickjs_path', 'worker.launcher_path']

/**
 * Refuses native programs that are named by a functions.toml which was only found, not asked for. A
 * command may run in a tenant's directory, and that file must not choose a program that then runs
 * with the caller's rights. `serve` accepts it, because operators start it beside its configuration.
 *
 * @throws {FunctionError} CONFIG_INVALID
 */
export function refuseFoundPrograms({ sources, file }: LoadedConfig): void {
  const key = PROGRAM_KEYS.find((name) => sources.get(name)?.kind === 'file')
  if (key !== undefined && file?.named === false) {
    throw new FunctionError(
      'CONFIG_INVALID',
      `${sources.get(key)?.label}: ${key} names a program to run, and the file was found in the working directory, not named. Pass --config ${file.path} if you trust it.`,
    )
  }
}
