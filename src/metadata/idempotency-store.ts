/** The answers to changes that clients may repeat: those with an `Idempotency-Key`. */
import { and, desc, eq, inArray, lt } from 'drizzle-orm'
import type { Storage, Tx } from './change.ts'
import { idempotency } from './schema.ts'

export interface StoredAnswer {
  /** Hex. */
  requestSha256: string
  status: number
  /** Empty for an answer without a body. */
  body: string
}

/** Which request of which client. */
export interface RequestKey {
  actor: string
  key: string
}

/** How long an answer is kept, ms. */
const KEPT_MS = 24 * 3_600_000
/** Answers of one actor; the oldest ones go first. */
const MAX_OF_ACTOR = 1_000

export class IdempotencyStore {
  readonly #storage: Storage

  constructor(storage: Storage) {
    this.#storage = storage
  }

  find({ actor, key }: RequestKey, now = Date.now()): StoredAnswer | undefined {
    const row = this.#storage.db
      .select()
      .from(idempotency)
      .where(and(eq(idempotency.actor, actor), eq(idempotency.key, key)))
      .get()
    return row === undefined || row.createdAt < oldest(now) ? undefined : row
  }

  /** Also deletes what is too old. It is no change of an object, and has no entry in the audit. */
  add({ actor, key }: RequestKey, answer: StoredAnswer, now = Date.now()): void {
    const row = { actor, key, ...answer, createdAt: new Date(now).toISOString() }
    const work = (tx: Tx) => {
      tx.delete(idempotency)
        .where(lt(idempotency.createdAt, oldest(now)))
        .run()
      const surplus = tx
        .select({ key: idempotency.key })
        .from(idempotency)
        .where(eq(idempotency.actor, actor))
        .orderBy(desc(idempotency.createdAt))
        .limit(MAX_OF_ACTOR)
        .offset(MAX_OF_ACTOR - 1)
        .all()
      const keys = surplus.map((each) => each.key)
      tx.delete(idempotency)
        .where(and(eq(idempotency.actor, actor), inArray(idempotency.key, [key, ...keys])))
        .run()
      tx.insert(idempotency).values(row).run()
    }
    this.#storage.db.transaction(work, { behavior: 'immediate' })
  }
}

function oldest(now: number): string {
  return new Date(now - KEPT_MS).toISOString()
}
