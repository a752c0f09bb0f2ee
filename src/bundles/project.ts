import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { FunctionError } from '../errors.ts'

const SCRIPT_EXTENSIONS = ['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.jsx']

/** A tenant's source: the file that exports the handler, and the folder that no import may leave. */
export interface Project {
  /** Absolute, after symbolic links, as is `root`. */
  entry: string
  /** The folder of the nearest package.json, else the entry's own. */
  root: string
}

/** @throws {FunctionError} BAD_REQUEST when there is no such script */
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

function projectRoot(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) {
      return at
    }
    if (basename(at) === '') {
      return folder
    }
  }
}
