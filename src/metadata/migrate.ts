import { Database } from 'bun:sqlite'
import { createHash } from 'node:crypto'
import { FunctionError } from '../errors.ts'
import tables from './migrations/0000_tables.sql' with { type: 'text' }
import versionIndexes from './migrations/0001_version_indexes.sql' with { type: 'text' }
import retry from './migrations/0002_retry.sql' with { type: 'text' }
import platform from './migrations/0003_platform.sql' with { type: 'text' }
import journal from './migrations/meta/_journal.json' with { type: 'json' }

/**
 * The text of every migration, by its tag in the journal. Text imports are embedded in the
 * executable.
 */
const SQL: Readonly<Record<string, string>> = {
  '0000_tables': tables,
  '0001_version_indexes': versionIndexes,
  '0002_retry': retry,
  '0003_platform': platform,
}

/**
 * Tags of the migrations that only add: tables, indexes, and columns that may be absent. The release before opens a
 * database with them, so an upgrade can be undone without a backup. They are recorded in a table of their own, as
 * releases refuse what they do not know in Drizzle's. A migration within a minor release must be one of these;
 * migrate.test.ts compares the tables.
 */
const ADDITIONS: ReadonlySet<string> = new Set([
  '0001_version_indexes',
  '0002_retry',
  '0003_platform',
])
const ADDITIONS_TABLE = '__functions_additions'
const DRIZZLE_TABLE = '__drizzle_migrations'

const STATEMENT_END = '--> statement-breakpoint'

interface Applied {
  hash: string
  created_at: number
}

export interface Migration {
  hash: string
  when: number
  statements: string[]
  /** The release before works with the tables too. */
  adds: boolean
}

/**
 * Migrates a database to this release's tables in one transaction. The applied migrations are
 * recorded in Drizzle's table, so that its tools understand the file.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE when a newer release has written it
 */
export function migrate(db: Database, path: string, known = migrations()): void {
  // Immediate: if two processes open a new data directory at once, one waits for the other.
  db.transaction(() => {
    createRecord(db, DRIZZLE_TABLE)
    if (known.some(({ adds }) => adds)) createRecord(db, ADDITIONS_TABLE)
    refuseNewer(db, path, known)
    const applied = [...appliedIn(db, DRIZZLE_TABLE), ...appliedIn(db, ADDITIONS_TABLE)]
    for (const { hash, when, statements, adds } of known) {
      if (applied.some((row) => row.hash === hash)) {
        continue
      }
      for (const statement of statements) {
        db.run(statement)
      }
      const record = adds ? ADDITIONS_TABLE : DRIZZLE_TABLE
      db.query(`INSERT INTO ${record} (hash, created_at) VALUES (?, ?)`).run(hash, when)
    }
  }).immediate()
}

/**
 * Changes nothing: the database may be another process's.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE when this release cannot work with the database's tables
 */
export function refuseNewer(db: Database, path: string, known = migrations()): void {
  // What a newer release has only added does not matter.
  const applied = appliedIn(db, DRIZZLE_TABLE)
  if (applied.every(({ hash }) => known.some((migration) => migration.hash === hash))) return
  throw new FunctionError(
    'STORAGE_UNUSABLE',
    `${path} was written by a newer release of functions: use that release, or another data directory.`,
  )
}

/**
 * The first table or column that a database lacks although the migrations that it records made it;
 * undefined for a whole one.
 */
export function lackingIn(db: Database, known = migrations()): string | undefined {
  const applied = [...appliedIn(db, DRIZZLE_TABLE), ...appliedIn(db, ADDITIONS_TABLE)]
  const model = new Database(':memory:')
  try {
    for (const { hash, statements } of known) {
      if (!applied.some((row) => row.hash === hash)) continue
      for (const statement of statements) model.run(statement)
    }
    const tables = model.query("SELECT name FROM sqlite_master WHERE type = 'table'").values()
    if (tables.length === 0) return 'the tables of a service'
    for (const [table] of tables as [string][]) {
      const found = columnsOf(db, table)
      if (found.length === 0) return `the table ${table}`
      const column = columnsOf(model, table).find((name) => !found.includes(name))
      if (column !== undefined) return `the column ${column} of the table ${table}`
    }
    return undefined
  } finally {
    model.close()
  }
}

function columnsOf(db: Database, table: string): string[] {
  return db.query('SELECT name FROM pragma_table_info(?)').values(table).flat() as string[]
}

function createRecord(db: Database, table: string): void {
  db.run(
    `CREATE TABLE IF NOT EXISTS ${table} (id INTEGER PRIMARY KEY, hash TEXT NOT NULL, created_at NUMERIC)`,
  )
}

function appliedIn(db: Database, table: string): Applied[] {
  const exists = db.query('SELECT 1 FROM sqlite_master WHERE name = ?').get(table) !== null
  if (!exists) return []
  return db.query<Applied, []>(`SELECT hash, created_at FROM ${table}`).all()
}

/** The migrations of this release, oldest first. */
export function migrations(): Migration[] {
  return journal.entries.map(({ tag, when }) => {
    const text = SQL[tag]
    if (text === undefined) {
      throw new Error(`migration ${tag} is in the journal but not in migrate.ts`)
    }
    return {
      hash: createHash('sha256').update(text).digest('hex'),
      when,
      statements: text.split(STATEMENT_END),
      adds: ADDITIONS.has(tag),
    }
  })
}
