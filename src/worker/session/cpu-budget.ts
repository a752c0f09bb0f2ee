/** Rate-limited announcements of the CPU time that a worker may still use. */

export class CpuBudget {
  readonly #slackMs: number
  readonly #renewMs: number
  readonly #allow: (cpuMs: number) => void
  #budgetMs = 0
  #changed = true
  #announcedAt = Number.NEGATIVE_INFINITY

  /**
   * @param slackMs CPU time beyond the budgets of what runs. It is not less than `renewMs`, because
   *   the worker may get work in that time that is not counted yet, and the time between two reports
   *   of background work
   * @param renewMs minimum interval between two announcements
   * @param allow announces that the worker may use `cpuMs` more from now on
   */
  constructor(slackMs: number, renewMs: number, allow: (cpuMs: number) => void) {
    this.#slackMs = slackMs
    this.#renewMs = renewMs
    this.#allow = allow
  }

  began(cpuMs: number): void {
    this.#budgetMs += cpuMs
    this.#changed = true
  }

  ended(cpuMs: number): void {
    this.#budgetMs -= cpuMs
    this.#changed = true
  }

  /** Some of the slack was used for background work, and may be used again. */
  renew(): void {
    this.#changed = true
  }

  sync(now: number): void {
    if (!this.#changed || now - this.#announcedAt < this.#renewMs) return
    this.#changed = false
    this.#announcedAt = now
    this.#allow(Math.ceil(this.#budgetMs) + this.#slackMs)
  }

  /** Nothing changed since the last announcement. */
  get settled(): boolean {
    return !this.#changed
  }
}
