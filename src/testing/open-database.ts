import { Database } from 'bun:sqlite'

const BUSY_TIMEOUT_MS = 5000

/** Opens an existing database of a data directory, and waits for locks that a running service holds. */
export function openTestDatabase(path: string): Database {
  const db = new Database(path, { readwrite: true, create: false })
  db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  return db
}
