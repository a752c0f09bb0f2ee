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

export class Restarts {
  readonly #maxMs: number
  /** In a row. */
  #failedStarts = 0
  #crashes = 0
  #until = 0
  #error: FunctionError | undefined

  constructor(maxMs: number) {
    this.#maxMs = maxMs
  }

  /** Starts that failed in a row. */
  get failures(): number {
    return this.#failedStarts
  }

  /** Why there is a wait. */
  get error(): FunctionError | undefined {
    return this.#error
  }

  startFailed(error: FunctionError, now: number): void {
    this.#wait(this.#failedStarts++, this.#maxMs, error, now)
  }

  /** A worker is ready. One that breaks off soon after is no sign of health. */
  started(): void {
    this.#failedStarts = 0
    this.#until = 0
    this.#error = undefined
  }

  /** A worker ended that had been ready, and nobody had asked it to. */
  crashed(error: FunctionError, life: Life, now: number): void {
    if (life.ms >= HEALTHY_MS || life.invocations >= HEALTHY_INVOCATIONS) this.#crashes = 0
    if (++this.#crashes <= FREE_CRASHES) return
    const longest = HOSTILE.has(error.code) ? this.#maxMs : Math.min(this.#maxMs, MAX_CRASH_MS)
    this.#wait(this.#crashes - FREE_CRASHES - 1, longest, error, now)
  }

  /** ms until a start may be tried again; 0 = now. */
  waitMs(now: number): number {
    return Math.max(0, this.#until - now)
  }

  /** Doubled each time. */
  #wait(times: number, longest: number, error: FunctionError, now: number): void {
    this.#error = error
    this.#until = now + Math.min(longest, FIRST_MS * 2 ** Math.min(times, 16))
  }
}
