import type { Database } from 'bun:sqlite'
import { createHash } from 'node:crypto'
import { FunctionError } from '../errors.ts'
import tables from './migrations/0000_tables.sql' with { type: 'text' }
import versionIndexes from './migrations/0001_version_indexes.sql' with { type: 'text' }
import journal from './migrations/meta/_journal.json' with { type: 'json' }

/**
 * The text of every migration, by its tag in the journal. Text imports are embedded in the
 * executable.
 */
const SQL: Readonly<Record<string, string>> = {
  '0000_tables': tables,
  '0001_version_indexes': versionIndexes,
}

const STATEMENT_END = '--> statement-breakpoint'

interface Applied {
  hash: string
  created_at: number
}

/**
 * Migrates a database to this release's tables in one transaction. The applied migrations are
 * recorded in Drizzle's table, so that its tools understand the file.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE when a newer release has written it
 */
export function migrate(db: Database, path: string): void {
  // Immediate: if two processes open a new data directory at once, one waits for the other.
  db.transaction(() => {
    db.run(
      'CREATE TABLE IF NOT EXISTS __drizzle_migrations (id INTEGER PRIMARY KEY, hash TEXT NOT NULL, created_at NUMERIC)',
    )
    const applied = db.query<Applied, []>('SELECT hash, created_at FROM __drizzle_migrations').all()
    const known = migrations()
    const foreign = applied.find(({ hash }) => !known.some((migration) => migration.hash === hash))
    if (foreign !== undefined) {
      throw new FunctionError(
        'STORAGE_UNUSABLE',
        `${path} was written by a newer release of functions: use that release, or another data directory.`,
      )
    }
    const insert = db.query('INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)')
    for (const { hash, when, statements } of known) {
      if (applied.some((row) => row.hash === hash)) {
        continue
      }
      for (const statement of statements) {
        db.run(statement)
      }
      insert.run(hash, when)
    }
  }).immediate()
}

/** The migrations of this release, oldest first. */
export function migrations(): { hash: string; when: number; statements: string[] }[] {
  return journal.entries.map(({ tag, when }) => {
    const text = SQL[tag]
    if (text === undefined) {
      throw new Error(`migration ${tag} is in the journal but not in migrate.ts`)
    }
    return {
      hash: createHash('sha256').update(text).digest('hex'),
      when,
      statements: text.split(STATEMENT_END),
    }
  })
}
