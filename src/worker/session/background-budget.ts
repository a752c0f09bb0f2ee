/** How much CPU time the background work of a worker may report: the host's copy of the worker's bucket. */

export class BackgroundBudget {
  readonly #burstMs: number
  readonly #percent: number
  #levelMs: number
  #filledAt: number

  /**
   * @param burstMs what the bucket holds
   * @param percent of a core, with which it fills
   */
  constructor(burstMs: number, percent: number, now: number) {
    this.#burstMs = burstMs
    this.#percent = percent
    this.#levelMs = burstMs
    this.#filledAt = now
  }

  /** Takes what was used. @returns whether the bucket had it; a worker that keeps its limits asks for no more */
  take(cpuMs: number, now: number): boolean {
    const filledMs = ((now - this.#filledAt) * this.#percent) / 100
    this.#filledAt = now
    this.#levelMs = Math.min(this.#burstMs, this.#levelMs + filledMs)
    // A turn may go beyond the bucket, and reports come late.
    if (cpuMs > this.#levelMs + MAX_DEBT_MS) return false
    this.#levelMs -= cpuMs
    return true
  }
}

/** CPU time that a report may exceed the bucket by: one slice more than a worker takes. */
const MAX_DEBT_MS = 1000
