/** The flag `--profile`: a name, or the path of a JSON file. */
import type { DeploySettings } from '../admin/settings.ts'
import { isProfileName, parseCustomProfile } from '../capabilities/profiles.ts'
import { FunctionError } from '../errors.ts'
import { JsonError } from '../lib/json.ts'
import { MAX_SMALL_FILE_BYTES, readSmallFile, TooLarge } from '../lib/small-file.ts'

/** @throws {FunctionError} BAD_REQUEST, with the place in the file */
export function readProfile(
  value: unknown,
  project: string,
): Pick<DeploySettings, 'profile' | 'customProfile'> {
  if (value === undefined) return {}
  const name = String(value)
  if (isProfileName(name)) {
    return { profile: name }
  }
  const customProfile = readProfileFile(name)
  try {
    parseCustomProfile(customProfile, project)
  } catch (cause) {
    const { message: what, cause: fault } = cause as Error
    const message = `${name} is not a valid profile: ${what}.`
    const position = fault instanceof JsonError && { position: { file: name, ...placeOf(fault) } }
    throw new FunctionError('BAD_REQUEST', message, { cause, ...position })
  }
  return { profile: 'custom', customProfile }
}

function placeOf({ line, column }: JsonError) {
  return { line, column }
}

function readProfileFile(path: string): string {
  try {
    return readSmallFile(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why =
      code === 'ENOENT'
        ? 'does not exist'
        : cause instanceof TooLarge
          ? `is larger than ${MAX_SMALL_FILE_BYTES} bytes`
          : `cannot be read (${code})`
    const message = `Profile '${path}' ${why}: --profile must be strict, permissive, or the path of a JSON file.`
    throw new FunctionError('BAD_REQUEST', message, { cause })
  }
}
