/** Delays work so that it is done in batches. The timer only runs while there is work. */
export class Batch {
  readonly #intervalMs: number
  readonly #flush: () => void
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(intervalMs: number, flush: () => void) {
    this.#intervalMs = intervalMs
    this.#flush = flush
  }

  /** Schedules a flush. */
  wake(): void {
    this.#timer ??= setTimeout(() => this.now(), this.#intervalMs)
  }

  now(): void {
    this.cancel()
    this.#flush()
  }

  cancel(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
