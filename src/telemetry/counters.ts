/** Counters of the function versions that are in use, since the service started. */

/** Upper bounds of the duration histogram's buckets, ms; the last bucket has none. */
export const DURATION_BUCKETS_MS = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000,
] as const

/** Outcome of a successful invocation. */
export const OK = 'ok'

/** Time, ms, that Prometheus has to read the last values of a version that has no worker any more. */
const RETIRED_KEPT_MS = 15 * 60_000
/** Shortest time between two searches for counters that are not needed any more, ms. */
const SWEEP_MS = 60_000

/** The function version that an entry or a counter is about. */
export interface Subject {
  project: string
  functionName: string
  version: string
}

/** The counters of one function version. They only increase; a flush writes differences. */
export class FunctionCounters {
  readonly project: string
  readonly functionName: string
  readonly version: string
  invocations = 0
  durationMsSum = 0
  cpuUsSum = 0
  /** Requests that were tried on a second worker, because one ended while it ran them. */
  retries = 0
  /** Workers that the kernel killed for a forbidden system call. */
  sandboxKills = 0
  /** Lines of console output that are not in the log because there were too many. */
  logLinesDropped = 0
  /** Invocations by outcome: `ok`, an error code, or CLIENT_GONE. */
  readonly outcomes = new Map<string, number>()
  /** Outbound requests by outcome. */
  readonly subrequests = new Map<string, number>()
  /** One bucket per bound, and one for longer durations. Not cumulative. */
  readonly buckets: number[] = new Array(DURATION_BUCKETS_MS.length + 1).fill(0)
  /** The values that are in `metrics.db`. */
  written: FunctionCounters | undefined

  constructor({ project, functionName, version }: Subject) {
    this.project = project
    this.functionName = functionName
    this.version = version
  }

  record(outcome: string, durationMs: number, cpuUs: number): void {
    this.invocations++
    this.durationMsSum += durationMs
    this.cpuUsSum += cpuUs
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
    let bucket = 0
    while (bucket < DURATION_BUCKETS_MS.length && durationMs > (DURATION_BUCKETS_MS[bucket] ?? 0)) {
      bucket++
    }
    this.buckets[bucket] = (this.buckets[bucket] ?? 0) + 1
  }

  recordSubrequest(outcome: string): void {
    this.subrequests.set(outcome, (this.subrequests.get(outcome) ?? 0) + 1)
  }

  /** Whether every invocation is in `metrics.db`. */
  get isWritten(): boolean {
    return this.invocations === (this.written?.invocations ?? 0)
  }

  /** A snapshot of the counters of invocations. */
  copy(): FunctionCounters {
    const copy = new FunctionCounters(this)
    copy.invocations = this.invocations
    copy.durationMsSum = this.durationMsSum
    copy.cpuUsSum = this.cpuUsSum
    copy.sandboxKills = this.sandboxKills
    for (const [outcome, count] of this.outcomes) copy.outcomes.set(outcome, count)
    this.buckets.forEach((count, index) => {
      copy.buckets[index] = count
    })
    return copy
  }
}

/** A version that is held: its counters stay. */
export interface HeldCounters {
  readonly counters: FunctionCounters
  /** Nothing more will be counted. A second call does nothing. */
  readonly release: () => void
}

interface Entry {
  readonly counters: FunctionCounters
  /** Pools that count in it. */
  holders: number
  /** When the last holder left (ms); counters that nobody ever held have it from the beginning. */
  retiredAt: number
}

/**
 * The counters of the versions that serve requests, and of those that were replaced a short time ago.
 *
 * A service with a deployment a minute has half a million versions a year. So the counters of a version
 * that has no worker any more are dropped, once they are in `metrics.db` and Prometheus had
 * `RETIRED_KEPT_MS` to read their last values. What is counted after that begins at 0, and is added to
 * the rows in `metrics.db` like any other increase.
 */
export class MetricsRegistry {
  readonly #byVersion = new Map<string, Entry>()
  readonly #now: () => number
  #sweptAt: number

  /** @param now monotonic, ms */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#sweptAt = now()
  }

  /** The counters of a version, for one event. Where a version is in use, `hold` keeps them. */
  of(subject: Subject): FunctionCounters {
    return this.#entry(subject).counters
  }

  /** Keeps the counters of a version until it is released. */
  hold(subject: Subject): HeldCounters {
    const entry = this.#entry(subject)
    entry.holders++
    let held = true
    return {
      counters: entry.counters,
      release: () => {
        if (!held) return
        held = false
        entry.holders--
        entry.retiredAt = this.#now()
        this.sweep()
      },
    }
  }

  /** Drops the counters that are not needed any more, at most every `SWEEP_MS`. */
  sweep(): void {
    const now = this.#now()
    if (now - this.#sweptAt < SWEEP_MS) return
    this.#sweptAt = now
    for (const [key, { counters, holders, retiredAt }] of this.#byVersion) {
      const over = holders === 0 && now - retiredAt >= RETIRED_KEPT_MS
      if (over && counters.isWritten) this.#byVersion.delete(key)
    }
  }

  *all(): Iterable<FunctionCounters> {
    for (const { counters } of this.#byVersion.values()) yield counters
  }

  #entry(subject: Subject): Entry {
    const key = `${subject.project} ${subject.functionName} ${subject.version}`
    let entry = this.#byVersion.get(key)
    if (entry === undefined) {
      const counters = new FunctionCounters(subject)
      entry = { counters, holders: 0, retiredAt: this.#now() }
      this.#byVersion.set(key, entry)
    }
    return entry
  }
}
