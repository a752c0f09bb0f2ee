import type { BudgetMember } from './worker-budget.ts'

/** Time, ms, that a pool waits for room in its group before a busy worker of another pool makes it. */
const CLAIM_AFTER_MS = 250

/** The workers that the pools of one project may have together, within the budget of all pools. */
export class WorkerGroup {
  /** Infinity: the project has no limit. */
  maxWorkers = Number.POSITIVE_INFINITY
  readonly members = new Set<BudgetMember>()
  #live = 0
  /** Pools that wait for room, in the order in which they asked, each with the time since when, ms. */
  readonly #waiting = new Map<BudgetMember, number>()

  get full(): boolean {
    return this.#live >= this.maxWorkers
  }

  get waiting(): Iterable<BudgetMember> {
    return this.#waiting.keys()
  }

  took(member: BudgetMember): void {
    this.#live++
    this.#waiting.delete(member)
  }

  released(): void {
    this.#live--
  }

  wait(member: BudgetMember, now: number): void {
    if (!this.#waiting.has(member)) this.#waiting.set(member, now)
  }

  leave(member: BudgetMember): void {
    this.members.delete(member)
    this.#waiting.delete(member)
  }

  /** Whether a worker of this pool, which has nothing to do or has done a request, should make room for another pool. */
  isOwed(member: BudgetMember, idle: boolean, now: number): boolean {
    if (this.#live > this.maxWorkers) return true
    for (const [other, since] of this.#waiting) {
      if (other !== member && (idle || now - since >= CLAIM_AFTER_MS)) return true
    }
    return false
  }
}
