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
  /** Workers that end to make room. */
  readonly #ending = new Set<PooledWorker>()
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

  released(worker: PooledWorker): void {
    this.#live--
    this.#ending.delete(worker)
  }

  leave(member: GroupMember): void {
    this.members.delete(member)
    this.#waiting.delete(member)
  }

  /** The pool waits for room. An idle worker of another pool makes it at once. */
  wait(member: GroupMember, now: number): void {
    if (!this.#waiting.has(member)) this.#waiting.set(member, now)
    this.#endIdle(now, (other) => other !== member)
  }

  /** Ends idle workers above a limit that was lowered. */
  shrink(now: number): void {
    this.#endIdle(now, () => true)
  }

  /**
   * Ends a worker that has nothing to do, or has done a request, if it should make room.
   *
   * @returns whether it ends
   */
  end(member: GroupMember, worker: PooledWorker, idle: boolean, now: number): boolean {
    if (worker.draining || !this.#isOwed(member, idle, now)) return false
    this.#ending.add(worker)
    member.evict(worker)
    return true
  }

  #endIdle(now: number, of: (member: GroupMember) => boolean): void {
    for (const member of this.members) {
      if (!of(member)) continue
      for (const worker of member.workers) {
        if (worker.open && worker.inFlight === 0) this.end(member, worker, true, now)
      }
    }
  }

  /** Whether a pool waits for room, or there are too many workers, and no worker that ends makes up for it. */
  #isOwed(member: GroupMember, idle: boolean, now: number): boolean {
    let owed = Math.max(0, this.#live - this.maxWorkers)
    for (const [other, since] of this.#waiting) {
      if (other !== member && (idle || now - since >= CLAIM_AFTER_MS)) owed++
    }
    return owed > this.#ending.size
  }
}
