/** The audit: every change through the management API, and every refused attempt. It is only added to. */
import { asc, inArray, lt } from 'drizzle-orm'
import { type AuditEntry, rowOf } from './audit-entry.ts'
import type { Storage } from './change.ts'
import { audit } from './schema.ts'

/** Equal attempts are counted in memory for this time, ms, and then written as one entry. */
const COUNTED_MS = 60_000
/** Different ones that are counted at a time. More are counted together, without what makes them different. */
const MAX_COUNTED = 1_000

/** In place of what makes entries different. */
const VARIOUS = { project: null, actor: 'various', address: null, object: null, details: {} }

export class AuditStore {
  readonly #storage: Storage
  readonly #counted = new Map<string, AuditEntry>()
  #flushAt = 0

  constructor(storage: Storage) {
    this.#storage = storage
  }

  /** @throws {FunctionError} STORAGE_UNUSABLE on a full disk */
  add(entry: AuditEntry): void {
    this.#storage.change((tx) => tx.insert(audit).values(rowOf(entry)).run())
  }

  /**
   * Counts something that may happen very often: one entry a minute stands for all equal ones. It is written by
   * `flush`.
   */
  count(entry: AuditEntry, now = performance.now()): void {
    const { time: _, count, ...same } = entry
    const key = JSON.stringify(same)
    const known = this.#counted.get(key)
    if (known !== undefined) {
      known.count += count
      return
    }
    if (this.#counted.size === 0) this.#flushAt = now + COUNTED_MS
    if (this.#counted.size < MAX_COUNTED) {
      this.#counted.set(key, { ...entry })
      return
    }
    // There are only so many actions.
    const { action, outcome } = entry
    const rest = JSON.stringify([action, outcome])
    const sum = this.#counted.get(rest)
    if (sum !== undefined) sum.count += count
    else this.#counted.set(rest, { ...entry, ...VARIOUS })
  }

  /** Writes what was counted, if its minute is over. @param now false: at once */
  flush(now: number | false = performance.now()): void {
    if (this.#counted.size === 0 || (now !== false && now < this.#flushAt)) return
    const entries = [...this.#counted.values()]
    this.#counted.clear()
    this.#storage.change((tx) => {
      for (const entry of entries) tx.insert(audit).values(rowOf(entry)).run()
    })
  }

  /**
   * Deletes the oldest entries.
   *
   * @param before ISO 8601, UTC: entries from then on stay
   * @returns how many were deleted, at most `limit`
   */
  prune(before: string, limit: number): number {
    return this.#storage.change((tx) => {
      const old = tx
        .select({ id: audit.id })
        .from(audit)
        .where(lt(audit.time, before))
        .orderBy(asc(audit.time))
        .limit(limit)
      return tx.delete(audit).where(inArray(audit.id, old)).returning({ id: audit.id }).all().length
    })
  }
}
