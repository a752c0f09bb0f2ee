import { join } from 'node:path'
import { type FileLock, tryLockFile } from '../lib/file-lock.ts'
import { unusable } from '../lib/storage.ts'
import { makeDataDir } from './database.ts'

/** Its holder is the only process that changes the data directory. */
export type DataDirLock = FileLock

/**
 * Takes the lock of a data directory, or returns undefined if another process holds it.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE when the directory cannot be written
 */
export function tryLockDataDir(dataDir: string): DataDirLock | undefined {
  makeDataDir(dataDir)
  const path = join(dataDir, 'service.lock')
  try {
    return tryLockFile(path)
  } catch (cause) {
    throw unusable(path, cause)
  }
}
