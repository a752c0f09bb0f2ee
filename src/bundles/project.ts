import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { FunctionError } from '../errors.ts'

const SCRIPT_EXTENSIONS = ['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.jsx']

/**
 * A tenant's source: the file that exports the handler, and the directory that imports must not
 * leave.
 */
export interface Project {
  /** Absolute and free of symbolic links, like `root`. */
  entry: string
  /** The directory of the nearest package.json, or else that of the entry. */
  root: string
}

/** @throws {FunctionError} BAD_REQUEST if the file does not exist or is not a script */
export function findProject(file: string): Project {
  let entry: string
  try {
    entry = realpathSync(file)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
    throw new FunctionError('BAD_REQUEST', `File ${file} ${why}.`, { cause })
  }
  if (!statSync(entry).isFile() || !SCRIPT_EXTENSIONS.includes(extname(entry))) {
    const kinds = SCRIPT_EXTENSIONS.join(', ')
    throw new FunctionError(
      'BAD_REQUEST',
      `${file} is not a TypeScript or JavaScript file (${kinds}).`,
    )
  }
  return { entry, root: projectRoot(dirname(entry)) }
}

function projectRoot(directory: string): string {
  for (let at = directory; ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) {
      return at
    }
    if (basename(at) === '') {
      return directory
    }
  }
}
