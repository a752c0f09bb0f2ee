import { Database } from 'bun:sqlite'

/** It is released when it is garbage collected, and by the kernel when its holder dies. */
export interface FileLock {
  release(): void
}

/**
 * Takes the lock of a file, which is created if it does not exist, or returns undefined if another
 * process holds it. It is SQLite's lock: the file stays empty, so a full disk does not matter.
 *
 * @throws the error of SQLite
 */
export function tryLockFile(path: string): FileLock | undefined {
  let db: Database | undefined
  try {
    db = new Database(path, { create: true })
    db.run('PRAGMA busy_timeout = 0')
    // An exclusive transaction begins its journal at once: in memory it needs no space on the disk.
    db.run('PRAGMA journal_mode = MEMORY')
    db.run('BEGIN EXCLUSIVE')
  } catch (cause) {
    db?.close()
    if ((cause as { code?: string }).code === 'SQLITE_BUSY') return undefined
    throw cause
  }
  const held = db
  return { release: () => held.close() }
}
