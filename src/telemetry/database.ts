/** Opens the two telemetry databases and keeps them small. */
import { Database } from 'bun:sqlite'

export interface Retention {
  /** Older rows are deleted. */
  maxAgeMs: number
  /** Maximum size of the database; the oldest rows are deleted first. */
  maxBytes: number
}

/** Rows that one pruning may delete, in addition to as many as were written since the last. */
export const ROWS_AT_ONCE = 2_000
const PAGES_AT_ONCE = 500
/** Rows differ in size, so a few more are deleted than the excess suggests. */
const MARGIN = 1.1

/** Opens a database that a power cut may rob of its last writes, but not of its consistency. */
export function openTelemetry(path: string, schema: string): Database {
  const db = new Database(path, { create: true, strict: true })
  db.run('PRAGMA busy_timeout = 2000')
  db.run('PRAGMA auto_vacuum = INCREMENTAL')
  db.run('PRAGMA journal_mode = WAL')
  db.run('PRAGMA synchronous = NORMAL')
  db.run(schema)
  return db
}

/** Size of the database in bytes, without free pages. */
export function usedBytes(db: Database): number {
  const pragma = (name: string) =>
    Object.values(db.query(`PRAGMA ${name}`).get() as Record<string, number>)[0] as number
  return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
}

/**
 * Deletes some of the rows that are too old or exceed the size, and releases pages. It runs on the
 * thread that serves requests, so one call does only a little.
 *
 * @param time the column of `table` that holds ms since the epoch
 * @param rows maximum to delete: more than were written since the last call, or it never catches up
 * @returns whether there is more to delete
 */
export function prune(
  db: Database,
  table: string,
  time: string,
  rows: number,
  retention: Retention,
): boolean {
  const chosen = (where: string) => `SELECT rowid FROM ${table} ${where} ORDER BY ${time} LIMIT ?`
  const tooOld = `DELETE FROM ${table} WHERE rowid IN (${chosen(`WHERE ${time} < ?`)})`
  let { changes } = db.query(tooOld).run(Date.now() - retention.maxAgeMs, rows)
  const used = usedBytes(db)
  if (changes === 0 && used > retention.maxBytes) {
    const count = Math.ceil(roughCount(db, table) * (1 - retention.maxBytes / used) * MARGIN)
    const oldest = `DELETE FROM ${table} WHERE rowid IN (${chosen('')})`
    changes = db.query(oldest).run(Math.min(rows, count)).changes
  }
  db.run(`PRAGMA incremental_vacuum(${PAGES_AT_ONCE})`)
  return changes === rows || usedBytes(db) > retention.maxBytes
}

/** Number of rows, estimated from their ids: counting them would read the whole table. */
function roughCount(db: Database, table: string): number {
  const ids = db.query(`SELECT min(rowid) AS first, max(rowid) AS last FROM ${table}`).get()
  const { first, last } = ids as { first: number | null; last: number | null }
  return first === null || last === null ? 0 : last - first + 1
}
