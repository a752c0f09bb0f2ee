/** When a pool may start its next worker, after workers that did not start or did not last. */
import type { FunctionError } from '../errors.ts'

const FIRST_MS = 100
/** A worker that lived so long, or served so many, did not fail at once. */
const HEALTHY_MS = 10_000
const HEALTHY_INVOCATIONS = 100
/** So many that fail soon after each other are replaced at once. */
const FREE_CRASHES = 4
/** What a tenant's requests can bring about: others of its function wait no longer for that. */
const MAX_CRASH_MS = 1_000
/** Nothing but code that took the worker over does that. */
const HOSTILE: ReadonlySet<string> = new Set(['WORKER_PROTOCOL', 'SANDBOX_VIOLATION'])

/** What became of a worker that was ready once. */
export interface Life {
  ms: number
  invocations: number
}

interface Wait {
  until: number
  error: FunctionError
}

export class Restarts {
  readonly #maxMs: number
  /** In a row. */
  #failedStarts = 0
  #crashes = 0
  #afterStarts: Wait | undefined
  #afterCrashes: Wait | undefined

  constructor(maxMs: number) {
    this.#maxMs = maxMs
  }

  /** Starts that failed in a row. */
  get failures(): number {
    return this.#failedStarts
  }

  /** Why there is a wait. */
  get error(): FunctionError | undefined {
    return this.#longest?.error
  }

  startFailed(error: FunctionError, now: number): void {
    const ms = doubled(this.#failedStarts++, this.#maxMs)
    this.#afterStarts = { until: now + ms, error }
  }

  /** A worker is ready. How long it lasts is still to be seen: the wait after crashes goes on. */
  started(): void {
    this.#failedStarts = 0
    this.#afterStarts = undefined
  }

  /** A worker ended that had been ready, and nobody had asked it to. */
  crashed(error: FunctionError, life: Life, now: number): void {
    if (life.ms >= HEALTHY_MS || life.invocations >= HEALTHY_INVOCATIONS) this.#crashes = 0
    if (++this.#crashes <= FREE_CRASHES) return
    const longest = HOSTILE.has(error.code) ? this.#maxMs : Math.min(this.#maxMs, MAX_CRASH_MS)
    const ms = doubled(this.#crashes - FREE_CRASHES - 1, longest)
    this.#afterCrashes = { until: now + ms, error }
  }

  /** ms until a start may be tried again; 0 = now. */
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
