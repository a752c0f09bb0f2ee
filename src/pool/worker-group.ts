import type { PooledWorker } from './pooled-worker.ts'

/** Time, ms, that a pool waits for room in its group before a busy worker of another pool makes it. */
const CLAIM_AFTER_MS = 250

/** A pool with which others share a limit of workers. */
export interface GroupMember {
  readonly workers: readonly PooledWorker[]
  /** Starts the workers that its queue needs. */
  scale(): void
  /** Drains a worker to make room for a worker of another function. */
  evict(worker: PooledWorker): void
}

/** The workers that the pools of one project may have together, within the budget of all pools. */
export class WorkerGroup {
  /** Infinity: the project has no limit. */
  maxWorkers = Number.POSITIVE_INFINITY
  readonly members = new Set<GroupMember>()
  #live = 0
  /** Pools that wait for room, in the order in which they asked, each with the time since when, ms. */
  readonly #waiting = new Map<GroupMember, number>()

  get full(): boolean {
    return this.#live >= this.maxWorkers
  }

  get waiting(): Iterable<GroupMember> {
    return this.#waiting.keys()
  }

  took(member: GroupMember): void {
    this.#live++
    this.#waiting.delete(member)
  }

  released(): void {
    this.#live--
  }

  wait(member: GroupMember, now: number): void {
    if (!this.#waiting.has(member)) this.#waiting.set(member, now)
  }

  leave(member: GroupMember): void {
    this.members.delete(member)
    this.#waiting.delete(member)
  }

  /** Whether a worker of this pool, which has nothing to do or has done a request, should make room for another pool. */
  isOwed(member: GroupMember, idle: boolean, now: number): boolean {
    if (this.#live > this.maxWorkers) return true
    for (const [other, since] of this.#waiting) {
      if (other !== member && (idle || now - since >= CLAIM_AFTER_MS)) return true
    }
    return false
  }
}
