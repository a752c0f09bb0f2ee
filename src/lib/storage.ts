/** What a command says of a file or folder that the system or SQLite refused. */
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { FunctionError } from '../errors.ts'

/** The meaning of system error codes here, and what to do. */
const REASONS: Record<string, string> = {
  EACCES: 'permission denied; run as the user that owns it',
  EEXIST: 'it is not a directory',
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of its path is not a directory',
  EROFS: 'its file system is mounted read-only',
}

/** Space that a change of the metadata may need, with room for what the file system adds. */
const SMALL_BYTES = 2 ** 20

interface Circumstances {
  /** What is written at most; it is named if the disk is full. */
  neededBytes?: number
  /** What can be done besides correcting the folder, in the imperative. */
  remedy?: string
}

/** The error for a path that the system or SQLite refused. */
export function unusable(
  path: string,
  cause: unknown,
  { neededBytes = SMALL_BYTES, remedy }: Circumstances = {},
): FunctionError {
  const { code, message } = cause as NodeJS.ErrnoException
  const space = freeSpace(path)
  if (isFull(cause, space?.bytes)) {
    const where = space === undefined ? '' : ` in ${space.folder} (${size(space.bytes)} are free)`
    const or = remedy === undefined ? '' : `, or ${remedy}`
    const text = `${path} cannot be written (${code}): no space is left${where}, and up to ${size(neededBytes)} are needed. Free space there${or}.`
    return new FunctionError('STORAGE_UNUSABLE', text, { cause })
  }
  const why = code?.startsWith('SQLITE') ? message : (REASONS[code ?? ''] ?? code ?? message)
  const advice = remedy === undefined ? '' : `: ${remedy}`
  return new FunctionError('STORAGE_UNUSABLE', `${path} cannot be used (${why})${advice}.`, {
    cause,
  })
}

/** Whether an operation failed because its disk is full. SQLite reports that as an I/O error, too. */
export function isFull(cause: unknown, freeBytes = Number.POSITIVE_INFINITY): boolean {
  const { code = '' } = cause as NodeJS.ErrnoException
  if (/^(ENOSPC|EDQUOT|SQLITE_FULL|SQLITE_IOERR_SHMSIZE)$/.test(code)) return true
  return code.startsWith('SQLITE_IOERR') && freeBytes < SMALL_BYTES
}

/** The free space of the nearest folder above the path that exists; undefined if it is unknown. */
export function freeSpace(path: string): { folder: string; bytes: number } | undefined {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    try {
      const { bavail, bsize } = statfsSync(folder)
      return { folder, bytes: bavail * bsize }
    } catch {
      if (folder === dirname(folder)) return undefined
    }
  }
}

function size(bytes: number): string {
  return bytes < 2 ** 20
    ? `${Math.ceil(bytes / 1024)} KB`
    : `${(Math.ceil((bytes / 2 ** 20) * 10) / 10).toFixed(1)} MB`
}
