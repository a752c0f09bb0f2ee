/** Work that is gathered and done at intervals, on a timer that runs only while there is some. */
export class Batch {
  readonly #intervalMs: number
  readonly #flush: () => void
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(intervalMs: number, flush: () => void) {
    this.#intervalMs = intervalMs
    this.#flush = flush
  }

  /** There is something to flush. */
  wake(): void {
    this.#timer ??= setTimeout(() => this.now(), this.#intervalMs)
  }

  now(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#flush()
  }
}
