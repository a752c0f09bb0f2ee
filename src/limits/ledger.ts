/**
 * Leases on the limits that are counted. A caller that is about to use a part of a limit leases it first, and
 * what is known only afterwards, as CPU time, is spent.
 *
 * The local ledger keeps every account in this process, so that a lease is one unit and no limit is
 * exceeded. Several gateways need a ledger that answers from a larger lease, which it renews before it
 * is used up; each of them may then exceed a limit by one lease at most.
 */

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** Shortest time between two searches for accounts that need no entry, ms. */
const SWEEP_MS = 10_000
/** Accounts below which no search is worth its time. */
const FEW = 1_000

/** How an account is counted. */
export type Policy =
  /** A bucket of `burst` units, to which `perSecond` are added each second. */
  | { kind: 'rate'; perSecond: number; burst: number }
  /** Units that are leased at the same time. */
  | { kind: 'concurrent'; units: number }
  /** Units of one hour or day of the wall clock, UTC. */
  | { kind: 'quota'; units: number; window: 'hour' | 'day' }

/** One limit of one installation, project or function. The ledger knows it by its key. */
export interface Account {
  readonly key: string
  readonly policy: Policy
}

export interface Ledger {
  /** Takes up to `units`. @returns how many were taken: 0 where the limit is reached */
  lease(account: Account, units: number): number
  /** Returns leased units that were not used, or are not used any more. */
  giveBack(account: Account, units: number): void
  /** Takes units that were used already, beyond the limit if need be. */
  spend(account: Account, units: number): void
  /** Of a quota: at least `units` were used by now, as the database has it. */
  raise(account: Account, units: number): void
  /** Units that a lease could take now. */
  left(account: Account): number
  /** Time until a lease may take a unit, ms; 0 for now. Of `concurrent` nobody knows. */
  waitMs(account: Account): number
  /** Forgets the accounts whose keys begin so: their owner is gone. */
  forget(prefix: string): void
}

export interface LedgerClock {
  /** ms, monotonic: for rates. */
  now(): number
  /** ms since the epoch: for hours and days. */
  date(): number
}

/** A bucket, or a count. */
interface Entry {
  /** What is in the bucket, what is leased, or what was used in the window. */
  units: number
  /** When `units` was right (monotonic, ms), or the number of the window. */
  at: number
  /** The window before, for a clock that is set back. */
  before: { units: number; at: number } | undefined
  /** The latest, for the search. */
  policy: Policy
}

/** All accounts in the memory of this process. An account that has its whole limit left needs no entry. */
export class LocalLedger implements Ledger {
  readonly #clock: LedgerClock
  readonly #entries = new Map<string, Entry>()
  #sweptAt: number

  constructor(clock: LedgerClock) {
    this.#clock = clock
    this.#sweptAt = clock.now()
  }

  /** Accounts that have an entry. */
  get size(): number {
    return this.#entries.size
  }

  lease(account: Account, units: number): number {
    const entry = this.#current(account)
    const granted = Math.min(units, Math.floor(leftOf(account.policy, entry)))
    if (granted <= 0) return 0
    take(account.policy, entry ?? this.#open(account), granted)
    return granted
  }

  giveBack(account: Account, units: number): void {
    const entry = this.#entries.get(account.key)
    if (entry === undefined) return
    const { policy } = account
    if (policy.kind === 'rate') entry.units = Math.min(policy.burst, entry.units + units)
    else entry.units = Math.max(0, entry.units - units)
    if (policy.kind === 'concurrent' && entry.units === 0) this.#entries.delete(account.key)
  }

  spend(account: Account, units: number): void {
    take(account.policy, this.#current(account) ?? this.#open(account), units)
  }

  raise(account: Account, units: number): void {
    const entry = this.#current(account) ?? this.#open(account)
    entry.units = Math.max(entry.units, units)
  }

  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key)
  }

  left(account: Account): number {
    return leftOf(account.policy, this.#current(account))
  }

  waitMs(account: Account): number {
    const { policy } = account
    const left = this.left(account)
    if (left >= 1) return 0
    if (policy.kind === 'rate') return ((1 - left) / policy.perSecond) * 1000
    if (policy.kind === 'concurrent') return 0
    const length = lengthOf(policy.window)
    return length - (this.#clock.date() % length)
  }

  /** The entry of an account as it is now; undefined if all of the limit is left. */
  #current({ key, policy }: Account): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    entry.policy = policy
    if (policy.kind === 'rate') refill(entry, policy, this.#clock.now())
    else if (policy.kind === 'quota') turn(entry, windowOf(policy.window, this.#clock.date()))
    return entry
  }

  #open({ key, policy }: Account): Entry {
    this.#sweep()
    const entry: Entry = { units: 0, at: 0, before: undefined, policy }
    if (policy.kind === 'rate') {
      entry.units = policy.burst
      entry.at = this.#clock.now()
    } else if (policy.kind === 'quota') {
      entry.at = windowOf(policy.window, this.#clock.date())
    }
    this.#entries.set(key, entry)
    return entry
  }

  /** Drops the entries of accounts that have their whole limit left. */
  #sweep(): void {
    const now = this.#clock.now()
    if (this.#entries.size < FEW || now - this.#sweptAt < SWEEP_MS) return
    this.#sweptAt = now
    const date = this.#clock.date()
    for (const [key, entry] of this.#entries) {
      if (isWhole(entry, now, date)) this.#entries.delete(key)
    }
  }
}

/** @param entry undefined: all of the limit */
function leftOf(policy: Policy, entry: Entry | undefined): number {
  if (policy.kind === 'rate') return entry?.units ?? policy.burst
  return policy.units - (entry?.units ?? 0)
}

function take(policy: Policy, entry: Entry, units: number): void {
  entry.units += policy.kind === 'rate' ? -units : units
}

function refill(entry: Entry, { perSecond, burst }: Policy & { kind: 'rate' }, now: number): void {
  entry.units = Math.min(burst, entry.units + ((now - entry.at) / 1000) * perSecond)
  entry.at = now
}

/** Begins another window. A clock that is set back returns to the one before, and what was used in it. */
function turn(entry: Entry, window: number): void {
  if (entry.at === window) return
  const { units, at, before } = entry
  entry.units = before?.at === window ? before.units : 0
  entry.at = window
  entry.before = { units, at }
}

function isWhole(entry: Entry, now: number, date: number): boolean {
  const { policy } = entry
  if (policy.kind === 'rate') {
    return entry.units + ((now - entry.at) / 1000) * policy.perSecond >= policy.burst
  }
  if (policy.kind === 'concurrent') return entry.units === 0
  // One window more, for a clock that is set back.
  return windowOf(policy.window, date) > entry.at + 1
}

function windowOf(window: 'hour' | 'day', date: number): number {
  return Math.floor(date / lengthOf(window))
}

export function lengthOf(window: 'hour' | 'day'): number {
  return window === 'hour' ? HOUR_MS : DAY_MS
}
