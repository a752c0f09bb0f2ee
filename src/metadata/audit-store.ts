/** The audit: every change through the management API, and every refused attempt. It is only added to. */
import { asc, inArray, lt } from 'drizzle-orm'
import { type AuditEntry, rowOf } from './audit-entry.ts'
import type { Storage } from './change.ts'
import { audit } from './schema.ts'

/** Equal attempts are counted in memory for this time, ms, and then written as one entry. */
const COUNTED_MS = 60_000
/**
 * Different ones that are counted at a time: of one actor, and of all. More of an actor are counted together, without
 * their objects; more of all, without what makes them different.
 */
const MAX_OF_ACTOR = 50
const MAX_COUNTED = 10_000

/** In place of what makes entries different. */
const VARIOUS = { project: null, actor: 'various', address: null, object: null, details: {} }

export class AuditStore {
  readonly #storage: Storage
  readonly #counted = new Map<string, AuditEntry>()
  /** How many different ones are counted, by actor and address. */
  readonly #ofActor = new Map<string, number>()
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
    const { actor, address, action, outcome } = entry
    const who = `${actor} ${address}`
    const ofActor = this.#ofActor.get(who) ?? 0
    if (this.#counted.size >= MAX_COUNTED) {
      // There are only so many actions.
      this.#sum(JSON.stringify([action, outcome]), { ...entry, ...VARIOUS })
    } else if (ofActor >= MAX_OF_ACTOR) {
      this.#sum(JSON.stringify([who, action, outcome]), { ...entry, object: null })
    } else {
      this.#ofActor.set(who, ofActor + 1)
      this.#counted.set(key, { ...entry })
    }
  }

  #sum(key: string, entry: AuditEntry): void {
    const known = this.#counted.get(key)
    if (known === undefined) this.#counted.set(key, entry)
    else known.count += entry.count
  }

  /** Writes what was counted, if its minute is over. @param now false: at once */
  flush(now: number | false = performance.now()): void {
    if (this.#counted.size === 0 || (now !== false && now < this.#flushAt)) return
    const entries = [...this.#counted.values()]
    this.#counted.clear()
    this.#ofActor.clear()
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
