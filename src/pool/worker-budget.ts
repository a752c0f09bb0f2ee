import type { Clock } from '../lib/clock.ts'
import type { Slot } from './pooled-worker.ts'

const QUEUE_SWEEP_MS = 50
const IDLE_SWEEP_MS = 1_000
/** A start holds up the next no longer: how long it takes may be its tenant's choice. */
const START_TURN_MS = 5

/** What the fleet needs of a pool. */
export interface FleetMember {
  readonly slots: readonly Slot[]
  /** Jobs that wait. */
  readonly queued: number
  /** Starts what its queue needs. */
  scale(): void
  /** Ends a worker to make room for another function's, when it has finished what it runs. */
  evict(slot: Slot): void
  /** Ends waits that took too long and workers that idled too long. */
  sweep(now: number): void
}

/**
 * All pools together: the cap on live workers, and the one timer that sweeps them. A pool that finds
 * no room waits its turn, while the worker that idled longest, of whatever function, is ended.
 * Workers start one after the other, so that many starts leave room for the requests between them.
 */
export class Fleet {
  readonly clock: Clock
  readonly maxWorkers: number
  readonly #members = new Set<FleetMember>()
  readonly #waiting = new Set<FleetMember>()
  readonly #startsAtOnce: number
  /** Workers whose starts hold up the next one, and what ends that. */
  readonly #starting = new Map<Slot, () => void>()
  /** In the order of their asking. */
  readonly #lined = new Set<FleetMember>()
  /** Whose turn it is. */
  #called: FleetMember | undefined
  #live = 0
  /** Asked to go for the waiting ones, not gone yet. */
  #evicting = 0
  #sweepAt = Number.POSITIVE_INFINITY
  #stopSweep: (() => void) | undefined

  /** @param startsAtOnce workers that may be starting at a time */
  constructor(maxWorkers: number, clock: Clock, startsAtOnce = Number.POSITIVE_INFINITY) {
    this.maxWorkers = maxWorkers
    this.clock = clock
    this.#startsAtOnce = startsAtOnce
  }

  /** Live workers of all pools, those that are about to go included. */
  get live(): number {
    return this.#live
  }

  get members(): Iterable<FleetMember> {
    return this.#members
  }

  join(member: FleetMember): void {
    this.#members.add(member)
  }

  leave(member: FleetMember): void {
    this.#members.delete(member)
    this.#waiting.delete(member)
    this.#lined.delete(member)
  }

  /** Room for one more worker? If not, `scale` is called on the member when there is. */
  reserve(member: FleetMember): boolean {
    const full = this.#starting.size >= this.#startsAtOnce
    if (full || (this.#lined.size > 0 && this.#called !== member)) {
      this.#lined.add(member)
      return false
    }
    if (this.#live < this.maxWorkers) {
      this.#live++
      this.#waiting.delete(member)
      this.sweepWithin(IDLE_SWEEP_MS)
      return true
    }
    this.#waiting.add(member)
    if (this.#waiting.size > this.#evicting) this.#evictLongestIdle()
    return false
  }

  /** The worker for which room was found starts. */
  starting(slot: Slot): void {
    if (this.#startsAtOnce === Number.POSITIVE_INFINITY) return
    this.#starting.set(
      slot,
      this.clock.after(START_TURN_MS, () => this.settled(slot)),
    )
  }

  /** Its start is over, or has had its time. */
  settled(slot: Slot): void {
    const stop = this.#starting.get(slot)
    if (stop === undefined) return
    stop()
    this.#starting.delete(slot)
    const wanted = this.#lined.size > 0 || this.#waiting.size > 0
    if (wanted) this.clock.after(0, () => this.#startNext())
  }

  /** Who waits for room had its turn already. */
  #startNext(): void {
    this.#fillRoom()
    this.#call(this.#lined, () => true)
  }

  #fillRoom(): void {
    this.#call(this.#waiting, () => this.#live < this.maxWorkers)
  }

  /** Tells them in the order of their asking, as long as one may start. */
  #call(members: Set<FleetMember>, mayStart: () => boolean): void {
    for (const member of members) {
      if (this.#starting.size >= this.#startsAtOnce || !mayStart()) return
      members.delete(member)
      this.#called = member
      try {
        member.scale()
      } finally {
        this.#called = undefined
      }
    }
  }

  /** A worker is gone. */
  released(slot: Slot): void {
    this.#live--
    if (slot.evicted) this.#evicting--
    this.#fillRoom()
  }

  /**
   * A worker of a busy member has finished a job. It goes where its member has more than its share of
   * all workers, and another that waits has less: it would wait for an idle worker for ever.
   *
   * @returns whether it goes
   */
  claim(member: FleetMember, slot: Slot): boolean {
    if (this.#waiting.size <= this.#evicting || slot.draining) return false
    const share = this.#share()
    const owed = [...this.#waiting].some((other) => staffOf(other) < share)
    if (!owed || staffOf(member) <= share) return false
    this.#evict(member, slot)
    return true
  }

  /** Workers for each member that has or wants some, at least one. */
  #share(): number {
    let users = 0
    for (const member of this.#members) {
      if (member.slots.length > 0 || this.#waiting.has(member)) users++
    }
    return Math.max(1, Math.floor(this.maxWorkers / users))
  }

  /** A worker went idle; somebody may be waiting for its room. */
  idle(member: FleetMember, slot: Slot): void {
    if (this.#waiting.size > this.#evicting) this.#evict(member, slot)
  }

  /** Asks for a sweep in at most `ms`. */
  sweepWithin(ms: number): void {
    const at = this.clock.now() + ms
    if (at >= this.#sweepAt) return
    this.#stopSweep?.()
    this.#sweepAt = at
    this.#stopSweep = this.clock.after(ms, () => this.#sweep())
  }

  /** Asks for the sweep that ends waits in queues. */
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

  #evictLongestIdle(): void {
    let owner: FleetMember | undefined
    let longest: Slot | undefined
    for (const member of this.#members) {
      for (const slot of member.slots) {
        if (!slot.open || slot.inFlight > 0) continue
        if (longest !== undefined && slot.idleSince >= longest.idleSince) continue
        longest = slot
        owner = member
      }
    }
    if (owner !== undefined && longest !== undefined) this.#evict(owner, longest)
  }

  #evict(member: FleetMember, slot: Slot): void {
    slot.evicted = true
    this.#evicting++
    member.evict(slot)
  }
}

/** Workers that it keeps: one that drains is on its way out. */
function staffOf(member: FleetMember): number {
  return member.slots.reduce((count, slot) => count + (slot.draining ? 0 : 1), 0)
}
