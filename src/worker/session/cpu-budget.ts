/** How much CPU time a worker may burn from now on, said as seldom as it is safe. */

export class CpuAllowance {
  readonly #slackMs: number
  readonly #renewMs: number
  readonly #allow: (cpuMs: number) => void
  #budgetMs = 0
  #changed = true
  #saidAt = Number.NEGATIVE_INFINITY

  /**
   * @param slackMs what a worker may burn with nothing in flight, and on top of what runs; no less
   *   than `renewMs`, in which it may be given work that is not counted yet
   * @param renewMs the allowance is said again after this time at the earliest
   * @param allow makes it known: the worker may burn `cpuMs` more from now on
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

  sync(now: number): void {
    if (!this.#changed || now - this.#saidAt < this.#renewMs) return
    this.#changed = false
    this.#saidAt = now
    this.#allow(Math.ceil(this.#budgetMs) + this.#slackMs)
  }

  /** Nothing changed since it was said last. */
  get settled(): boolean {
    return !this.#changed
  }
}
