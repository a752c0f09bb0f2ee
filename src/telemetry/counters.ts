/** Counters of each function version since the service started. */

/** Upper bounds of the duration histogram's buckets, ms; the last bucket has none. */
export const DURATION_BUCKETS_MS = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000,
] as const

/** Outcome of a successful invocation. */
export const OK = 'ok'

/** The counters of one function version. They only increase; a flush writes differences. */
export class FunctionCounters {
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

  constructor(functionName: string, version: string) {
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

  /** A snapshot of the counters of invocations. */
  copy(): FunctionCounters {
    const copy = new FunctionCounters(this.functionName, this.version)
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

/** The counters of all function versions that were called. */
export class MetricsRegistry {
  readonly #byVersion = new Map<string, FunctionCounters>()

  of(functionName: string, version: string): FunctionCounters {
    const key = `${functionName} ${version}`
    let counters = this.#byVersion.get(key)
    if (counters === undefined) {
      counters = new FunctionCounters(functionName, version)
      this.#byVersion.set(key, counters)
    }
    return counters
  }

  all(): Iterable<FunctionCounters> {
    return this.#byVersion.values()
  }
}
