/** Synchronous calls on directory entries, shared by node:fs and node:fs/promises. */
import * as native from 'fn:fs'
import { Dirent, hasCode, openFile, type PathLike, Stats, toPath } from './files.ts'

const FOLDER_MODE = 0o777

export function statOf(path: PathLike, follow = true): Stats {
  return new Stats(native.stat(toPath(path), follow))
}

export function listFolder(
  path: PathLike,
  { withFileTypes = false, recursive = false } = {},
): (string | Dirent)[] {
  const root = toPath(path).replace(/(?<=.)\/+$/, '')
  const found: (string | Dirent)[] = []
  const folders = ['']
  for (let below = folders.shift(); below !== undefined; below = folders.shift()) {
    const folder = below === '' ? root : `${root}/${below.slice(0, -1)}`
    const entries = native.readdir(folder)
    for (let i = 0; i < entries.length; i += 2) {
      const [name, kind] = entries.slice(i, i + 2) as [string, string]
      found.push(withFileTypes ? new Dirent(name, folder, kind) : below + name)
      if (recursive && kind === 'd') folders.push(`${below}${name}/`)
    }
  }
  return found
}

/** @returns the first directory that was made, as in Node, if `recursive` */
export function makeFolder(
  path: PathLike,
  { recursive = false, mode = FOLDER_MODE } = {},
): string | undefined {
  const whole = toPath(path).replace(/(?<=.)\/+$/, '')
  if (!recursive) {
    native.mkdir(whole, mode)
    return undefined
  }
  try {
    native.mkdir(whole, mode)
    return whole
  } catch (error) {
    if (hasCode(error, 'EEXIST') && statOf(whole).isDirectory()) {
      return undefined
    }
    const parent = whole.slice(0, whole.lastIndexOf('/'))
    if (!hasCode(error, 'ENOENT') || parent === '') {
      throw error
    }
    const first = makeFolder(parent, { recursive, mode })
    native.mkdir(whole, mode)
    return first ?? whole
  }
}

export function removeEntry(path: PathLike, { recursive = false, force = false } = {}): void {
  const target = toPath(path)
  try {
    const isFolder = statOf(target, false).isDirectory()
    if (!isFolder) {
      native.unlink(target)
    } else if (recursive) {
      for (const name of listFolder(target)) {
        removeEntry(`${target}/${name}`, { recursive, force })
      }
      native.rmdir(target)
    } else {
      throw Object.assign(new Error(`Path is a directory: rm returned EISDIR ${target}`), {
        code: 'ERR_FS_EISDIR',
        path: target,
        syscall: 'rm',
      })
    }
  } catch (error) {
    if (!(force && hasCode(error, 'ENOENT'))) throw error
  }
}

/** Checks whether the function may read or write the path. Other modes do not exist. */
export function checkAccess(path: PathLike, mode = 0): void {
  if ((mode & 6) === 0 || statOf(path).isDirectory()) {
    statOf(path)
    return
  }
  native.close(openFile(path, (mode & 2) !== 0 ? 'r+' : 'r'))
}

export function removeFolder(path: PathLike): void {
  native.rmdir(toPath(path))
}

export function removeFile(path: PathLike): void {
  native.unlink(toPath(path))
}

export function renameEntry(from: PathLike, to: PathLike): void {
  native.rename(toPath(from), toPath(to))
}

export function realPath(path: PathLike): string {
  return native.realpath(toPath(path))
}

export function linkTarget(path: PathLike): string {
  return native.readlink(toPath(path))
}
