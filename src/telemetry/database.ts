/** What the two telemetry databases have in common: how they are opened, and how they stay small. */
import { Database } from 'bun:sqlite'

export interface Retention {
  /** Older rows are deleted. */
  maxAgeMs: number
  /** Of the database; the oldest rows go first. */
  maxBytes: number
}

/** Deleted in one go, beside as many as came in. */
export const ROWS_AT_ONCE = 2_000
const PAGES_AT_ONCE = 500
/** Rows differ in size: a few more than the share that is too much. */
const MARGIN = 1.1

/** Opens a database that may lose its last moments in a power cut, and never its consistency. */
export function openTelemetry(path: string, schema: string): Database {
  const db = new Database(path, { create: true, strict: true })
  db.run('PRAGMA auto_vacuum = INCREMENTAL')
  db.run('PRAGMA journal_mode = WAL')
  db.run('PRAGMA synchronous = NORMAL')
  db.run('PRAGMA busy_timeout = 2000')
  db.run(schema)
  return db
}

/** Bytes that the database holds, free pages left out. */
export function usedBytes(db: Database): number {
  const pragma = (name: string) =>
    Object.values(db.query(`PRAGMA ${name}`).get() as Record<string, number>)[0] as number
  return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
}

/**
 * Deletes some of what is too old or too much, and gives pages back. It runs where requests are
 * served, so that it does a little at a time.
 *
 * @param time the column of `table` that holds ms since the epoch
 * @param rows how many may go: more than came since the last time, or it never catches up
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

/** Rows, as far as their ids tell: counting them would read the whole table. */
function roughCount(db: Database, table: string): number {
  const ids = db.query(`SELECT min(rowid) AS first, max(rowid) AS last FROM ${table}`).get()
  const { first, last } = ids as { first: number | null; last: number | null }
  return first === null || last === null ? 0 : last - first + 1
}
