import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { makeDataDir, unusable } from './database.ts'

/**
 * Its holder is the only process that changes the data directory. It is released when it is garbage
 * collected.
 */
export interface DataDirLock {
  release(): void
}

/**
 * Takes the lock of a data directory, or returns undefined if another process holds it. It is a file
 * lock (SQLite's), so the kernel releases it when its holder dies.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE when the directory cannot be written
 */
export function tryLockDataDir(dataDir: string): DataDirLock | undefined {
  makeDataDir(dataDir)
  const path = join(dataDir, 'service.lock')
  let db: Database | undefined
  try {
    db = new Database(path, { create: true })
    db.run('PRAGMA busy_timeout = 0')
    // Nothing is ever written to the file, so a killed process leaves no journal.
    db.run('BEGIN EXCLUSIVE')
  } catch (cause) {
    db?.close()
    if ((cause as { code?: string }).code === 'SQLITE_BUSY') {
      return undefined
    }
    throw unusable(path, cause)
  }
  const held = db
  return { release: () => held.close() }
}
