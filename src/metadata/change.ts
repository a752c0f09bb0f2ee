import type { Database } from 'bun:sqlite'
import type { BunSQLiteDatabase } from 'drizzle-orm/bun-sqlite'
import { isFull, unusable } from '../lib/storage.ts'
import { type OpenEntry, writeAudit } from './audit-context.ts'

/** Runs a change in one transaction; one inside of another is part of it. */
export type Change = <T>(work: (tx: Tx) => T) => T
export type Tx = Parameters<Parameters<BunSQLiteDatabase['transaction']>[0]>[0]

/** What each store of `metadata.db` works with. */
export interface Storage {
  db: BunSQLiteDatabase
  /** @throws {FunctionError} STORAGE_UNUSABLE on a full disk */
  change: Change
}

export function storageOf(database: Database, db: BunSQLiteDatabase): Storage {
  return {
    db,
    change: (work) => {
      let written: OpenEntry | undefined
      try {
        return db.transaction(
          (tx) => {
            const result = work(tx)
            written = writeAudit(tx)
            return result
          },
          { behavior: 'immediate' },
        )
      } catch (error) {
        if (written !== undefined) written.written = false
        // Drizzle wraps the error of SQLite.
        const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
        throw isFull(cause) ? unusable(database.filename, cause) : error
      }
    },
  }
}
