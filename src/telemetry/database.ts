/** Opens the two telemetry databases and keeps them small. */
import { Database } from 'bun:sqlite'
import { closeSync, openSync, readSync, statSync } from 'node:fs'

export interface Retention {
  /** Older rows are deleted. */
  maxAgeMs: number
  /** Maximum size of the database; the oldest rows are deleted first. */
  maxBytes: number
}

/** Rows that one pruning may delete, in addition to as many as were written since the last. */
export const ROWS_AT_ONCE = 2_000
const PAGES_AT_ONCE = 500
/** The first bytes of every SQLite database. */
const HEADER = 'SQLite format 3\0'
/** Rows differ in size, so a few more are deleted than the excess suggests. */
const MARGIN = 1.1

/** The file is not a database of this program, although SQLite may be able to read it. */
export class Unusable extends Error {}

/**
 * Opens a database that a power cut may rob of its last writes, but not of its consistency.
 *
 * @throws {Unusable} if another program made the file; then nothing was written to it
 */
export function openTelemetry(path: string, schema: string): Database {
  for (const part of ['', '-wal', '-shm']) {
    const file = statSync(path + part, { throwIfNoEntry: false })
    if (file?.isFile() === false) throw new Unusable(`${path}${part} is not a regular file`)
  }
  checkHeader(path)
  const db = new Database(path, { create: true, strict: true })
  try {
    db.run('PRAGMA busy_timeout = 2000')
    checkTables(db, schema)
    db.run('PRAGMA auto_vacuum = INCREMENTAL')
    db.run('PRAGMA journal_mode = WAL')
    db.run('PRAGMA synchronous = NORMAL')
    db.transaction(() => db.run(schema))()
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** SQLite takes a short file of any content for an empty database, and overwrites it. */
function checkHeader(path: string): void {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) return
  const start = Buffer.alloc(HEADER.length)
  const file = openSync(path, 'r')
  try {
    readSync(file, start)
  } finally {
    closeSync(file)
  }
  if (start.toString('latin1') !== HEADER) throw new Unusable(`${path} is not a database`)
}

interface Column {
  name: string
  notnull: number
  dflt_value: string | null
  pk: number
}

/**
 * Checks that an existing database has the tables of this program. A later release may have added
 * tables and columns: they are no fault as long as rows can be added without them.
 */
function checkTables(db: Database, schema: string): void {
  const found = tablesOf(db)
  if (found.size === 0) return
  const empty = new Database(':memory:')
  empty.run(schema)
  const expected = tablesOf(empty)
  empty.close()
  const own = [...expected].filter(([table]) => found.has(table))
  if (own.length === 0) {
    throw new Unusable(`another program made it: it has no table ${[...expected.keys()][0]}`)
  }
  for (const [table, columns] of own) {
    const there = found.get(table) as Map<string, Column>
    const missing = [...columns.keys()].find((name) => !there.has(name))
    if (missing !== undefined) {
      throw new Unusable(`another program made it: its table ${table} has no column ${missing}`)
    }
    const needed = [...there.values()].find(
      ({ name, notnull, dflt_value, pk }) =>
        !columns.has(name) && (pk > 0 || (notnull === 1 && dflt_value === null)),
    )
    if (needed !== undefined) {
      throw new Unusable(
        `another program made it: its table ${table} has a column ${needed.name} that needs a value`,
      )
    }
  }
}

/** The columns of each table, by their names. Nothing can be written to a view: it has none. */
function tablesOf(db: Database): Map<string, Map<string, Column>> {
  const select = `SELECT name, type FROM sqlite_schema
    WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'`
  const columns = db.query('SELECT * FROM pragma_table_info(?)')
  const tables = db.query(select).all() as { name: string; type: string }[]
  return new Map(
    tables.map(({ name, type }) => {
      const rows = type === 'table' ? (columns.all(name) as Column[]) : []
      return [name, new Map(rows.map((row) => [row.name, row]))]
    }),
  )
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
export function roughCount(db: Database, table: string): number {
  const ids = db.query(`SELECT min(rowid) AS first, max(rowid) AS last FROM ${table}`).get()
  const { first, last } = ids as { first: number | null; last: number | null }
  return first === null || last === null ? 0 : last - first + 1
}
