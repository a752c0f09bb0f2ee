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
  /** The last crash was not counted. */
  #forgave = false
  #afterStarts: Wait | undefined
  #afterCrashes: Wait | undefined
  /** The wait after crashes is for one that only hostile code causes. */
  #hostile = false

  constructor(maxMs: number) {
    this.maxMs = maxMs
  }

  /** Starts that failed in a row. */
  get failures(): number {
    return this.#failedStarts
  }

  /**
   * Why a new request is refused during the current wait. Undefined: it should wait, since the wait
   * after crashes that any request can cause is short.
   */
  get refusal(): FunctionError | undefined {
    const wait = this.#longest
    return wait === this.#afterCrashes && !this.#hostile ? undefined : wait?.error
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

  /**
   * A worker that had become ready ended although the pool had not asked it to.
   *
   * @param again it ran a request that had ended another worker, so that both may be one request's
   *   fault: every other crash of this kind is not counted
   */
  crashed(error: FunctionError, lifetime: Lifetime, now: number, again = false): void {
    const healthy = lifetime.ms >= HEALTHY_MS || lifetime.invocations >= HEALTHY_INVOCATIONS
    if (healthy) this.#crashes = 0
    this.#forgave = again && !this.#forgave
    if (this.#forgave || ++this.#crashes <= FREE_CRASHES) return
    this.#hostile = HOSTILE.has(error.code)
    const longest = this.#hostile ? this.maxMs : Math.min(this.maxMs, MAX_CRASH_MS)
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
