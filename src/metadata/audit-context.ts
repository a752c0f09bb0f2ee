/**
 * The entry of the audit that a change belongs to. It is written in the first transaction of the change, so
 * that no change is without one, whatever ends the process.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { BunSQLiteDatabase } from 'drizzle-orm/bun-sqlite'
import { type AuditDetails, type AuditEntry, rowOf } from './audit-entry.ts'
import { audit } from './schema.ts'

/** An entry that is not written yet. */
export interface OpenEntry {
  entry: AuditEntry
  written: boolean
}

const context = new AsyncLocalStorage<OpenEntry>()

/** Runs a change, whose transactions write the entry. */
export function audited<T>(open: OpenEntry, change: () => T): T {
  return context.run(open, change)
}

/** Adds to what the entry says of the change. Never give it the value of a secret. */
export function noteChange(details: AuditDetails): void {
  const open = context.getStore()
  if (open !== undefined && !open.written) Object.assign(open.entry.details, details)
}

/**
 * Called at the end of each transaction that changes something, inside of it.
 *
 * @returns the entry that was written, which is not if the transaction fails
 */
export function writeAudit(tx: Pick<BunSQLiteDatabase, 'insert'>): OpenEntry | undefined {
  const open = context.getStore()
  if (open === undefined || open.written) return undefined
  tx.insert(audit).values(rowOf(open.entry)).run()
  open.written = true
  return open
}
