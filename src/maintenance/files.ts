/** What backup, restore and check need of the file system. */
import { lstatSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { FunctionError } from '../errors.ts'
import { isFull, unusable } from '../lib/storage.ts'

/** The folder of a backup that is being written. One that is left over is deleted by the next backup there. */
export const WORK_PREFIX = '.functions-backup-'

/** Size in bytes of a plain file that no symbolic link leads to; undefined for anything else. */
export function plainFileSize(path: string): number | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.isFile() ? found.size : undefined
}

/** The names in a folder that no symbolic link leads to; none for anything else. */
export function namesIn(path: string): string[] {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.isDirectory() ? readdirSync(path) : []
}

/** Size of a file in bytes; 0 if it does not exist. */
export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** @throws {FunctionError} STORAGE_UNUSABLE that names the folder and the space */
export function needSpace(directory: string, bytes: number, what: string): void {
  const { bavail, bsize } = statfsSync(directory)
  if (bavail * bsize < bytes) throw full(directory, bytes, what)
}

export function full(directory: string, bytes: number, what: string, cause?: unknown) {
  const { bavail, bsize } = statfsSync(directory)
  const message = `No space for ${what} in ${directory}: it needs about ${megabytes(bytes)}, and ${megabytes(bavail * bsize)} are free. Free space, or name another place.`
  return new FunctionError('STORAGE_UNUSABLE', message, { cause })
}

/** The error of a failed write to a directory. */
export function writeError(
  directory: string,
  bytes: number,
  what: string,
  cause: unknown,
): unknown {
  if (cause instanceof FunctionError) return cause
  if (isFull(cause)) return full(directory, bytes, what, cause)
  const { code } = cause as { code?: string }
  return code === undefined ? cause : unusable(directory, cause)
}

export function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`
}
