/** Arguments and results of files as in Node, shared by node:fs and node:fs/promises. */

import * as native from 'fn:fs'
import { Buffer } from 'node:buffer'

export type PathLike = string | URL | Uint8Array
export type Data = string | ArrayBufferView | ArrayBuffer

/** One call moves at most this many bytes, so that other invocations get a turn between calls. */
export const CHUNK_BYTES = 1024 * 1024
const DEFAULT_MODE = 0o666

export const constants = {
  F_OK: 0,
  X_OK: 1,
  W_OK: 2,
  R_OK: 4,
  COPYFILE_EXCL: 1,
  S_IFMT: 0o170000,
  S_IFREG: 0o100000,
  S_IFDIR: 0o040000,
  S_IFLNK: 0o120000,
}

export function toPath(path: PathLike): string {
  if (typeof path === 'string') {
    return path
  }
  if (path instanceof URL) {
    if (path.protocol !== 'file:') throw new TypeError('The URL must be of scheme file')
    return decodeURIComponent(path.pathname)
  }
  return new TextDecoder().decode(path)
}

export function toBytes(data: Data, encoding: string | undefined): Uint8Array {
  if (typeof data === 'string') {
    return Buffer.from(data, (encoding ?? 'utf8') as BufferEncoding)
  }
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data)
}

export interface FileOptions {
  encoding?: string | null
  flag?: string
  mode?: number
  signal?: AbortSignal
}

/** Accepts options, or an encoding in their place. */
export function toOptions<T extends object>(options: T | string | null | undefined): T {
  return (typeof options === 'string' ? { encoding: options } : (options ?? {})) as T
}

export function openFile(path: PathLike, flags = 'r', mode = DEFAULT_MODE): native.File {
  return native.open(toPath(path), flags, mode)
}

/** @returns a Buffer, or a string if there is an encoding */
export function decoded(bytes: Uint8Array, encoding: string | null | undefined) {
  const buffer = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength)
  return typeof encoding === 'string' && encoding !== 'buffer'
    ? buffer.toString(encoding as BufferEncoding)
    : buffer
}

/**
 * Reads a file to its end, even if its reported size is wrong. Each step is one turn: a caller that
 * awaits between steps lets other invocations run.
 */
export function* readSteps(file: native.File): Generator<void, Uint8Array> {
  const parts: Uint8Array[] = []
  let total = 0
  for (;;) {
    const size = new Stats(native.fstat(file)).size - total
    const part = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(size + 1, 4096)))
    const count = native.read(file, part, -1)
    if (count === 0) {
      break
    }
    parts.push(part.subarray(0, count))
    total += count
    yield
  }
  if (parts.length === 1) {
    return parts[0] as Uint8Array
  }
  const whole = new Uint8Array(total)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export function* writeSteps(file: native.File, bytes: Uint8Array): Generator<void, void> {
  for (let at = 0; at < bytes.length; ) {
    at += native.write(file, bytes.subarray(at, at + CHUNK_BYTES), -1)
    yield
  }
}

export class Stats {
  readonly dev: number
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly rdev: number
  readonly blksize: number
  readonly ino: number
  readonly size: number
  readonly blocks: number
  readonly atimeMs: number
  readonly mtimeMs: number
  readonly ctimeMs: number

  constructor(values: readonly number[]) {
    const [dev, mode, nlink, uid, gid, rdev, blksize, ino, size, blocks, atime, mtime, ctime] =
      values as [...(readonly number[])] as Required<number[]> as unknown as Values
    this.dev = dev
    this.mode = mode
    this.nlink = nlink
    this.uid = uid
    this.gid = gid
    this.rdev = rdev
    this.blksize = blksize
    this.ino = ino
    this.size = size
    this.blocks = blocks
    this.atimeMs = atime
    this.mtimeMs = mtime
    this.ctimeMs = ctime
  }

  get atime(): Date {
    return new Date(this.atimeMs)
  }
  get mtime(): Date {
    return new Date(this.mtimeMs)
  }
  get ctime(): Date {
    return new Date(this.ctimeMs)
  }
  isFile(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFREG
  }
  isDirectory(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFDIR
  }
  isSymbolicLink(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFLNK
  }
}

type Values = [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
]

export class Dirent {
  readonly name: string
  readonly parentPath: string
  readonly #kind: string

  constructor(name: string, parentPath: string, kind: string) {
    this.name = name
    this.parentPath = parentPath
    this.#kind = kind
  }

  isFile(): boolean {
    return this.#kind === 'f'
  }
  isDirectory(): boolean {
    return this.#kind === 'd'
  }
  isSymbolicLink(): boolean {
    return this.#kind === 'l'
  }
}

export const hasCode = (error: unknown, code: string) =>
  (error as { code?: string } | undefined)?.code === code
