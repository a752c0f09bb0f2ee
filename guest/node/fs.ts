/** node:fs: the promises, the synchronous calls and the calls with a callback. */
import * as native from 'fn:fs'
import promises from 'node:fs/promises'
import { readAsset } from './fs/assets.ts'
import {
  checkAccess,
  linkTarget,
  listFolder,
  makeFolder,
  realPath,
  removeEntry,
  removeFile,
  removeFolder,
  renameEntry,
  statOf,
} from './fs/entries.ts'
import {
  constants,
  type Data,
  Dirent,
  decoded,
  type FileOptions,
  openFile,
  type PathLike,
  readSteps,
  Stats,
  toBytes,
  toOptions,
  writeSteps,
} from './fs/files.ts'

export { constants, Dirent, promises, Stats }

function atOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done) {
      return value as T
    }
  }
}

export function readFileSync(path: PathLike, options?: FileOptions | string | null) {
  const { encoding, flag } = toOptions<FileOptions>(options)
  const asset = readAsset(path)
  if (asset !== undefined) return decoded(asset, encoding)
  const file = openFile(path, flag)
  try {
    return decoded(atOnce(readSteps(file)), encoding)
  } finally {
    native.close(file)
  }
}

export function writeFileSync(
  path: PathLike,
  data: Data,
  options?: FileOptions | string | null,
): void {
  const { encoding, flag = 'w', mode } = toOptions<FileOptions>(options)
  const file = openFile(path, flag, mode)
  try {
    atOnce(writeSteps(file, toBytes(data, encoding ?? undefined)))
  } finally {
    native.close(file)
  }
}

export function appendFileSync(
  path: PathLike,
  data: Data,
  options?: FileOptions | string | null,
): void {
  writeFileSync(path, data, { flag: 'a', ...toOptions<FileOptions>(options) })
}

export function existsSync(path: PathLike): boolean {
  if (readAsset(path) !== undefined) return true
  try {
    statOf(path)
    return true
  } catch {
    return false
  }
}

export const statSync = (path: PathLike) => statOf(path)
export const lstatSync = (path: PathLike) => statOf(path, false)
export const readdirSync = (path: PathLike, options?: object | string | null) =>
  listFolder(path, toOptions(options))
export const mkdirSync = (path: PathLike, options?: object | number | null) =>
  makeFolder(path, typeof options === 'number' ? { mode: options } : (options ?? {}))
export const rmSync = (path: PathLike, options?: object) => removeEntry(path, options)
export const accessSync = checkAccess
export const rmdirSync = removeFolder
export const unlinkSync = removeFile
export const renameSync = renameEntry
export const realpathSync = realPath
export const readlinkSync = linkTarget

/** Makes the form of a call with a callback as its last argument. */
function withCallback<A extends unknown[], T>(call: (...args: A) => Promise<T>) {
  return (...args: unknown[]): void => {
    const done = args.pop() as (error: unknown, result?: T) => void
    if (typeof done !== 'function') throw new TypeError('The callback is not a function')
    call(...(args as A)).then(
      (result) => queueMicrotask(() => done(null, result)),
      (error) => queueMicrotask(() => done(error)),
    )
  }
}

export const access = withCallback(promises.access)
export const appendFile = withCallback(promises.appendFile)
export const copyFile = withCallback(promises.copyFile)
export const lstat = withCallback(promises.lstat)
export const mkdir = withCallback(promises.mkdir)
export const readFile = withCallback(promises.readFile)
export const readdir = withCallback(promises.readdir)
export const realpath = withCallback(promises.realpath)
export const rename = withCallback(promises.rename)
export const rm = withCallback(promises.rm)
export const rmdir = withCallback(promises.rmdir)
export const stat = withCallback(promises.stat)
export const unlink = withCallback(promises.unlink)
export const writeFile = withCallback(promises.writeFile)

export default {
  constants,
  Dirent,
  promises,
  Stats,
  access,
  accessSync,
  appendFile,
  appendFileSync,
  copyFile,
  existsSync,
  lstat,
  lstatSync,
  mkdir,
  mkdirSync,
  readFile,
  readFileSync,
  readdir,
  readdirSync,
  readlinkSync,
  realpath,
  realpathSync,
  rename,
  renameSync,
  rm,
  rmSync,
  rmdir,
  rmdirSync,
  stat,
  statSync,
  unlink,
  unlinkSync,
  writeFile,
  writeFileSync,
}
