/** When a pool may start its next worker, after workers that failed to start or crashed. */
import type { FunctionError } from '../errors.ts'

/** The first wait; each further failure doubles it. */
const FIRST_MS = 100
/** A worker that lived this long, or ran this many invocations, resets the count of crashes. */
const HEALTHY_MS = 10_000
const HEALTHY_INVOCATIONS = 100
/** This many crashes in a row are followed by a start without a wait. */
const FREE_CRASHES = 4
/** Longest wait after crashes that requests can cause: it also delays other clients of the function. */
const MAX_CRASH_MS = 1_000
/** Only code that took over the worker process can cause these errors: the full backoff applies. */
const HOSTILE: ReadonlySet<string> = new Set(['WORKER_PROTOCOL', 'SANDBOX_VIOLATION'])

/** How long a worker that had become ready lasted. */
export interface Lifetime {
  ms: number
  invocations: number
}

interface Wait {
  until: number
  error: FunctionError
}

export class RestartBackoff {
  /** Longest wait between two starts; a change applies to the next failure. */
  maxMs: number
  /** In a row. */
  #failedStarts = 0
  #crashes = 0
  #afterStarts: Wait | undefined
  #afterCrashes: Wait | undefined

  constructor(maxMs: number) {
    this.maxMs = maxMs
  }

  /** Starts that failed in a row. */
  get failures(): number {
    return this.#failedStarts
  }

  /** The error that caused the current wait. */
  get error(): FunctionError | undefined {
    return this.#longest?.error
  }

  startFailed(error: FunctionError, now: number): void {
    const ms = doubled(this.#failedStarts++, this.maxMs)
    this.#afterStarts = { until: now + ms, error }
  }

  /** A worker is ready. It may still crash soon, so the wait after crashes stays in force. */
  started(): void {
    this.#failedStarts = 0
    this.#afterStarts = undefined
  }

  /** A worker that had become ready ended although the pool had not asked it to. */
  crashed(error: FunctionError, lifetime: Lifetime, now: number): void {
    const healthy = lifetime.ms >= HEALTHY_MS || lifetime.invocations >= HEALTHY_INVOCATIONS
    if (healthy) this.#crashes = 0
    if (++this.#crashes <= FREE_CRASHES) return
    const longest = HOSTILE.has(error.code) ? this.maxMs : Math.min(this.maxMs, MAX_CRASH_MS)
    const ms = doubled(this.#crashes - FREE_CRASHES - 1, longest)
    this.#afterCrashes = { until: now + ms, error }
  }

  /** ms until the next start is allowed; 0 = now. */
  waitMs(now: number): number {
    return Math.max(0, (this.#longest?.until ?? 0) - now)
  }

  get #longest(): Wait | undefined {
    const [starts, crashes] = [this.#afterStarts, this.#afterCrashes]
    return (starts?.until ?? 0) > (crashes?.until ?? 0) ? starts : crashes
  }
}

function doubled(times: number, longest: number): number {
  return Math.min(longest, FIRST_MS * 2 ** Math.min(times, 16))
}
