/** node:fs/promises on native functions of the worker, each of which checks the allowed paths. */
import * as native from 'fn:fs'
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
  decoded,
  type FileOptions,
  openFile,
  type PathLike,
  type Stats,
  toOptions,
} from './fs/files.ts'
import { FileHandle } from './fs/handle.ts'

export { constants }

export async function open(path: PathLike, flags?: string, mode?: number): Promise<FileHandle> {
  return new FileHandle(openFile(path, flags, mode))
}

async function opened<T>(
  path: PathLike | FileHandle,
  { flag, mode }: FileOptions,
  use: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  if (path instanceof FileHandle) {
    return await use(path)
  }
  const handle = await open(path, flag, mode)
  try {
    return await use(handle)
  } finally {
    await handle.close()
  }
}

export async function readFile(path: PathLike | FileHandle, options?: FileOptions | string | null) {
  const { flag = 'r', ...rest } = toOptions<FileOptions>(options)
  const asset = path instanceof FileHandle ? undefined : readAsset(path)
  if (asset !== undefined) return decoded(asset, rest.encoding)
  return await opened(path, { flag }, (handle) => handle.readFile(rest))
}

export async function writeFile(
  path: PathLike | FileHandle,
  data: Data,
  options?: FileOptions | string | null,
): Promise<void> {
  const { flag = 'w', ...rest } = toOptions<FileOptions>(options)
  await opened(path, { ...rest, flag }, (handle) => handle.writeFile(data, rest))
}

export async function appendFile(
  path: PathLike | FileHandle,
  data: Data,
  options?: FileOptions | string | null,
): Promise<void> {
  await writeFile(path, data, { flag: 'a', ...toOptions<FileOptions>(options) })
}

export async function copyFile(from: PathLike, to: PathLike, mode = 0): Promise<void> {
  const bytes = await readFile(from)
  await writeFile(to, bytes as Uint8Array, { flag: (mode & 1) === 0 ? 'w' : 'wx' })
}

export async function truncate(path: PathLike, length = 0): Promise<void> {
  await opened(path, { flag: 'r+' }, (handle) => handle.truncate(length))
}

export async function readdir(path: PathLike, options?: object | string | null) {
  return listFolder(path, toOptions(options))
}

export async function stat(path: PathLike): Promise<Stats> {
  return statOf(path)
}

export async function lstat(path: PathLike): Promise<Stats> {
  return statOf(path, false)
}

export async function access(path: PathLike, mode?: number): Promise<void> {
  checkAccess(path, mode)
}

export async function mkdir(path: PathLike, options?: object | number | null) {
  return makeFolder(path, typeof options === 'number' ? { mode: options } : (options ?? {}))
}

export async function rm(path: PathLike, options?: object): Promise<void> {
  removeEntry(path, options)
}

export async function rmdir(path: PathLike): Promise<void> {
  removeFolder(path)
}

export async function unlink(path: PathLike): Promise<void> {
  removeFile(path)
}

export async function rename(from: PathLike, to: PathLike): Promise<void> {
  renameEntry(from, to)
}

export async function realpath(path: PathLike): Promise<string> {
  return realPath(path)
}

export async function readlink(path: PathLike): Promise<string> {
  return linkTarget(path)
}

/** Makes a new directory whose name is the prefix and six letters. */
export async function mkdtemp(prefix: string): Promise<string> {
  const path = prefix + crypto.randomUUID().slice(0, 6)
  native.mkdir(path, 0o700)
  return path
}

export default {
  access,
  appendFile,
  constants,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readFile,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  truncate,
  unlink,
  writeFile,
}
