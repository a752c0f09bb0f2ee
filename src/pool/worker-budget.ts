import type { Clock } from '../lib/clock.ts'
import type { PooledWorker } from './pooled-worker.ts'
import type { GroupMember, WorkerGroup } from './worker-group.ts'

/** Interval of sweeps while requests wait in a queue, and so how late a queue timeout may be. */
const QUEUE_SWEEP_MS = 50
/** Interval of sweeps otherwise, and so how late an idle worker may be ended. */
const IDLE_SWEEP_MS = 1_000
/**
 * The longest time that one start delays the next one. Without it, a bundle that loads slowly would
 * delay the starts of all other functions.
 */
const START_TURN_MS = 5

/**
 * What the budget needs of a pool. Only `Pool` implements it; it is an interface so that pool.ts and
 * this file do not import each other.
 */
export interface BudgetMember extends GroupMember {
  /** The pools with which it shares a limit of workers. */
  readonly group: WorkerGroup | undefined
  /** Requests that wait. */
  readonly queued: number
  /** Ends waits that took too long, and workers that were idle too long. */
  sweep(now: number): void
}

/**
 * The budget of workers that all pools share: the cap on live workers, the order of starts, and the
 * one timer that sweeps all pools. A pool that finds no room waits, while the worker that has been
 * idle for longest, of any function, is ended. Workers start one after the other, so that many
 * starts leave CPU time for the requests between them.
 */
export class WorkerBudget {
  readonly clock: Clock
  maxWorkers: number
  readonly #members = new Set<BudgetMember>()
  /** Pools that wait for room below the cap, in the order in which they asked. */
  readonly #waiting = new Set<BudgetMember>()
  /** Since when each of them waits, ms. */
  readonly #waitingSince = new Map<BudgetMember, number>()
  readonly #startsAtOnce: number
  /** Workers whose start delays the next one, each with what stops its timer. */
  readonly #startsInProgress = new Map<PooledWorker, () => void>()
  /** Pools that wait for their turn to start a worker, in the order in which they asked. */
  readonly #startQueue = new Set<BudgetMember>()
  /** The pool whose turn it is. */
  #starting: BudgetMember | undefined
  #live = 0
  /** Workers that were evicted for waiting pools and still run. */
  #evicting = 0
  #sweepAt = Number.POSITIVE_INFINITY
  #stopSweep: (() => void) | undefined

  /** @param startsAtOnce number of workers that may be starting at the same time */
  constructor(maxWorkers: number, clock: Clock, startsAtOnce = Number.POSITIVE_INFINITY) {
    this.maxWorkers = maxWorkers
    this.clock = clock
    this.#startsAtOnce = startsAtOnce
  }

  /** Live workers of all pools, including those that are shutting down. */
  get live(): number {
    return this.#live
  }

  get members(): Iterable<BudgetMember> {
    return this.#members
  }

  /** Changes the cap. Idle workers above a lower one end now, busy ones after a request. */
  resize(maxWorkers: number): void {
    this.maxWorkers = maxWorkers
    while (this.#missing > this.#evicting && this.#evictLongestIdle());
    this.#fillRoom()
  }

  join(member: BudgetMember): void {
    this.#members.add(member)
    member.group?.members.add(member)
  }

  leave(member: BudgetMember): void {
    this.#members.delete(member)
    member.group?.leave(member)
    this.#waiting.delete(member)
    this.#waitingSince.delete(member)
    this.#startQueue.delete(member)
  }

  /**
   * Reserves room for one more worker. Where it cannot, it calls `scale` on the member as soon as
   * there is room.
   */
  reserve(member: BudgetMember): boolean {
    const { group } = member
    if (group?.full === true) {
      group.wait(member, this.clock.now())
      return false
    }
    const full = this.#startsInProgress.size >= this.#startsAtOnce
    if (full || (this.#startQueue.size > 0 && this.#starting !== member)) {
      this.#startQueue.add(member)
      return false
    }
    if (this.#live < this.maxWorkers) {
      this.#live++
      group?.took(member)
      this.#waiting.delete(member)
      this.#waitingSince.delete(member)
      this.sweepWithin(IDLE_SWEEP_MS)
      return true
    }
    this.#waiting.add(member)
    if (!this.#waitingSince.has(member)) this.#waitingSince.set(member, this.clock.now())
    if (this.#missing > this.#evicting) this.#evictLongestIdle()
    return false
  }

  /** The worker for which room was reserved is starting. */
  startBegan(worker: PooledWorker): void {
    if (this.#startsAtOnce === Number.POSITIVE_INFINITY) return
    this.#startsInProgress.set(
      worker,
      this.clock.after(START_TURN_MS, () => this.startEnded(worker)),
    )
  }

  /** Its start succeeded, failed, or took longer than its turn. */
  startEnded(worker: PooledWorker): void {
    const stop = this.#startsInProgress.get(worker)
    if (stop === undefined) return
    stop()
    this.#startsInProgress.delete(worker)
    const wanted = this.#startQueue.size > 0 || this.#waiting.size > 0
    if (wanted) this.clock.after(0, () => this.#startNext())
  }

  /** Pools that wait for room were in the start queue before the others: serve them first. */
  #startNext(): void {
    this.#fillRoom()
    this.#scaleEach(this.#startQueue, () => true)
  }

  #fillRoom(): void {
    this.#scaleEach(this.#waiting, () => this.#live < this.maxWorkers)
  }

  /** Lets the members scale in the order in which they asked, while another worker may start. */
  #scaleEach(members: Set<BudgetMember>, mayStart: () => boolean): void {
    for (const member of members) {
      if (this.#startsInProgress.size >= this.#startsAtOnce || !mayStart()) return
      members.delete(member)
      this.#starting = member
      try {
        member.scale()
      } finally {
        this.#starting = undefined
      }
    }
  }

  /** A worker is gone. */
  released(member: BudgetMember, worker: PooledWorker): void {
    this.#live--
    member.group?.released(worker)
    if (worker.evicted) this.#evicting--
    // Last the one that had the worker: it may have been ended for another.
    const waiting = [...(member.group?.waiting ?? [])]
    waiting.sort((a, b) => Number(a === member) - Number(b === member))
    for (const other of waiting) {
      if (member.group?.full === true) break
      other.scale()
    }
    this.#fillRoom()
  }

  /** The limit of a group is another one: pools that wait may start workers, or idle workers end. */
  resizeGroup(group: WorkerGroup, maxWorkers: number): void {
    if (group.maxWorkers === maxWorkers) return
    group.maxWorkers = maxWorkers
    for (const member of [...group.waiting]) member.scale()
    group.shrink(this.clock.now())
  }

  /**
   * Called when a worker of a busy member has finished a request. Evicts that worker where the cap was
   * lowered below the number of workers. Evicts it also where its member has more than its fair share
   * of workers and a waiting member has less. Otherwise the waiting member, which gets the room of idle
   * workers only, could wait forever.
   *
   * @returns whether the worker was evicted
   */
  preempt(member: BudgetMember, worker: PooledWorker): boolean {
    if (member.group?.end(member, worker, false, this.clock.now()) === true) return true
    if (this.#missing <= this.#evicting || worker.draining) return false
    if (this.#live - this.#evicting > this.maxWorkers) {
      this.#evict(member, worker)
      return true
    }
    const share = this.#fairShare()
    const owed = [...this.#waiting].some((other) => keptWorkers(other) < share)
    if (!owed || keptWorkers(member) <= share) return false
    this.#evict(member, worker)
    return true
  }

  /**
   * Whether another member has waited `ms` for room that this worker would make, if it finished a request.
   */
  isAwaited(member: BudgetMember, worker: PooledWorker, ms: number): boolean {
    if (worker.evicted) return true
    if (this.#missing <= this.#evicting) return false
    const share = this.#fairShare()
    // A worker that becomes idle is evicted, whatever the share.
    if (keptWorkers(member) <= share && worker.inFlight > 1) return false
    const until = this.clock.now() - ms
    return [...this.#waiting].some(
      (other) =>
        other !== member &&
        keptWorkers(other) < share &&
        (this.#waitingSince.get(other) ?? Number.POSITIVE_INFINITY) <= until,
    )
  }

  /** Workers for each member that has or wants workers, at least one. */
  #fairShare(): number {
    let users = 0
    for (const member of this.#members) {
      if (member.workers.length > 0 || this.#waiting.has(member)) users++
    }
    return Math.max(1, Math.floor(this.maxWorkers / users))
  }

  /** A worker has no request; another pool may be waiting for its room, or the cap was lowered. */
  idle(member: BudgetMember, worker: PooledWorker): void {
    if (worker.evicted) member.evict(worker)
    else if (member.group?.end(member, worker, true, this.clock.now()) === true) return
    else if (this.#missing > this.#evicting) this.#evict(member, worker)
  }

  /** Schedules a sweep in at most `ms`. */
  sweepWithin(ms: number): void {
    const at = this.clock.now() + ms
    if (at >= this.#sweepAt) return
    this.#stopSweep?.()
    this.#sweepAt = at
    this.#stopSweep = this.clock.after(ms, () => this.#sweep())
  }

  /** Schedules the sweep that ends waits in queues. */
  sweepQueues(): void {
    this.sweepWithin(QUEUE_SWEEP_MS)
  }

  #sweep(): void {
    this.#sweepAt = Number.POSITIVE_INFINITY
    this.#stopSweep = undefined
    const now = this.clock.now()
    let queued = 0
    for (const member of this.#members) {
      member.sweep(now)
      queued += member.queued
    }
    if (queued > 0) this.sweepWithin(QUEUE_SWEEP_MS)
    else if (this.#live > 0) this.sweepWithin(IDLE_SWEEP_MS)
  }

  /** Workers that have to end: one for each waiting pool, and those above a cap that was lowered. */
  get #missing(): number {
    return this.#waiting.size + Math.max(0, this.#live - this.maxWorkers)
  }

  /**
   * Ends the worker that has been idle for longest. Before it come those that drain, and only finish
   * what their requests left behind.
   *
   * @returns whether there was an idle worker
   */
  #evictLongestIdle(): boolean {
    let owner: BudgetMember | undefined
    let longest: PooledWorker | undefined
    for (const member of this.#members) {
      for (const worker of member.workers) {
        const drains = worker.state === 'draining' && !worker.evicted
        if (worker.inFlight > 0 || !(worker.open || drains)) continue
        if (longest !== undefined && !isRather(worker, longest)) continue
        longest = worker
        owner = member
      }
    }
    if (owner === undefined || longest === undefined) return false
    this.#evict(owner, longest)
    return true
  }

  #evict(member: BudgetMember, worker: PooledWorker): void {
    worker.evicted = true
    this.#evicting++
    member.evict(worker)
  }
}

/** Whether this worker has to end rather than the other one. */
function isRather(worker: PooledWorker, other: PooledWorker): boolean {
  if (worker.draining !== other.draining) return worker.draining
  return worker.idleSince < other.idleSince
}

/** The workers that it keeps: a worker that drains will be gone. */
function keptWorkers(member: BudgetMember): number {
  return member.workers.reduce((count, worker) => count + (worker.draining ? 0 : 1), 0)
}
