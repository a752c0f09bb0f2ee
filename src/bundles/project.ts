import { realpathSync, statSync } from 'node:fs'
import { dirname, extname } from 'node:path'
import { FunctionError } from '../errors.ts'
import { isInside } from '../lib/is-inside.ts'
import { findRoot, mayBeRoot } from './workspace.ts'

const SCRIPT_EXTENSIONS = ['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.jsx']

/**
 * A tenant's source: the file that exports the handler, and the directory that imports must not
 * leave.
 */
export interface Project {
  /** Absolute and free of symbolic links, like `root`. */
  entry: string
  root: string
  /** What made it the root, for messages: `--root`, the workspace, and so on. */
  rootReason: string
}

/**
 * @param root names the root; undefined finds it
 * @throws {FunctionError} BAD_REQUEST if the file does not exist or is not a script, or the root does
 * not hold it
 */
export function findProject(file: string, root?: string): Project {
  const entry = realPath(file, 'File')
  const found = statSync(entry)
  if (!found.isFile()) {
    const what = found.isDirectory() ? 'is a folder' : 'is not a regular file'
    const message = `${file} ${what}: name the TypeScript or JavaScript file that exports the handler.`
    throw new FunctionError('BAD_REQUEST', message)
  }
  if (!SCRIPT_EXTENSIONS.includes(extname(entry))) {
    const kinds = SCRIPT_EXTENSIONS.join(', ')
    throw new FunctionError(
      'BAD_REQUEST',
      `${file} is not a TypeScript or JavaScript file (${kinds}).`,
    )
  }
  if (root !== undefined) return { entry, root: namedRoot(root, entry), rootReason: '--root' }
  const { path, reason } = findRoot(dirname(entry))
  return { entry, root: path, rootReason: reason }
}

function namedRoot(root: string, entry: string): string {
  const path = realPath(root, 'The folder of --root,')
  if (!statSync(path).isDirectory()) {
    throw new FunctionError('BAD_REQUEST', `--root must be a folder, and ${root} is not one.`)
  }
  if (isInside(path, entry)) return path
  const message = `--root ${root} does not contain ${entry}: name a folder above the file.`
  throw new FunctionError('BAD_REQUEST', message)
}

/**
 * What to do about a path outside of the root, as the end of a message.
 *
 * @param outside absolute and free of symbolic links; undefined if it does not exist
 */
export function rootRemedy({ root, rootReason }: Project, outside: string | undefined): string {
  const where = `the project root ${root} (${rootReason})`
  let common = root
  while (outside !== undefined && !isInside(common, outside)) common = dirname(common)
  return common !== root && mayBeRoot(common)
    ? `${where}: move it into the root, or deploy with --root ${common}`
    : `${where}: move it into the root`
}

function realPath(path: string, what: string): string {
  try {
    return realpathSync(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
    throw new FunctionError('BAD_REQUEST', `${what} ${path} ${why}.`, { cause })
  }
}
