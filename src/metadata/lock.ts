import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { makeDataDir, unusable } from './database.ts'

/** Whoever holds it is the only process that changes the data directory. Keep it: dropped, it is released. */
export interface DataDirLock {
  release(): void
}

/**
 * Takes the lock of a data directory, or returns undefined when another process has it. The kernel
 * gives it up when its holder dies, however it dies: it is the lock that SQLite takes on a file.
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
    // Nothing is ever written to it, so that no journal is left behind by a kill.
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
