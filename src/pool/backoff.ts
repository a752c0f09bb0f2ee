import type { FunctionError } from '../errors.ts'

const FIRST_MS = 100

/** Failures to start in a row, and until when the next try has to wait: doubled each time. */
export class Backoff {
  readonly #maxMs: number
  #failures = 0
  #until = 0
  #error: FunctionError | undefined

  constructor(maxMs: number) {
    this.#maxMs = maxMs
  }

  get failures(): number {
    return this.#failures
  }

  /** Why the last start failed. */
  get error(): FunctionError | undefined {
    return this.#error
  }

  failed(error: FunctionError, now: number): void {
    this.#error = error
    this.#until = now + Math.min(this.#maxMs, FIRST_MS * 2 ** Math.min(this.#failures, 16))
    this.#failures++
  }

  succeeded(): void {
    this.#failures = 0
    this.#until = 0
    this.#error = undefined
  }

  /** ms until a start may be tried again; 0 = now. */
  waitMs(now: number): number {
    return Math.max(0, this.#until - now)
  }
}
