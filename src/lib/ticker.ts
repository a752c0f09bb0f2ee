/** The one timer of all workers of a launcher: it runs only while one of them has something to watch. */

/** How late a deadline may be noticed. */
export const SWEEP_INTERVAL_MS = 10
/** A tick so late says that this process was blocked: what the workers sent may lie unread. */
const LATE_MS = 3 * SWEEP_INTERVAL_MS

export interface Swept {
  /**
   * Looks at what is due at `now` (ms, performance.now()).
   *
   * @param late this process itself was blocked: no worker is to be called silent for that
   * @returns false when there is nothing more to watch, until it is added again
   */
  sweep(now: number, late: boolean): boolean
}

export class Sweeper {
  readonly #watched = new Set<Swept>()
  #timer: ReturnType<typeof setInterval> | undefined
  #lastTick = 0

  add(swept: Swept): void {
    this.#watched.add(swept)
    if (this.#timer !== undefined) return
    this.#lastTick = performance.now()
    this.#timer = setInterval(() => this.#tick(), SWEEP_INTERVAL_MS)
  }

  close(): void {
    this.#watched.clear()
    this.#stop()
  }

  #tick(): void {
    const now = performance.now()
    const late = now - this.#lastTick > LATE_MS
    this.#lastTick = now
    for (const swept of this.#watched) {
      if (!swept.sweep(now, late)) this.#watched.delete(swept)
    }
    if (this.#watched.size === 0) this.#stop()
  }

  #stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
