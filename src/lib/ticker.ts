/** One timer for many objects that are checked periodically. It only runs while there are any. */
import { type Clock, systemClock } from './clock.ts'

/** A tick that comes this many intervals late means that this process was blocked. */
const LATE_INTERVALS = 3

export interface Tickable {
  /**
   * Called once per interval.
   *
   * @param now ms, performance.now()
   * @param late this process itself was blocked: what others sent meanwhile may still be unread
   * @returns false when there is nothing more to watch, until it is added again
   */
  tick(now: number, late: boolean): boolean
}

/**
 * @example
 * const ticker = new Ticker(10)
 * ticker.add({ tick: (now) => now < deadline })
 */
export class Ticker {
  readonly #intervalMs: number
  readonly #clock: Clock
  readonly #tickables = new Set<Tickable>()
  #stopTimer: (() => void) | undefined
  #lastTick = 0

  constructor(intervalMs: number, clock: Clock = systemClock) {
    this.#intervalMs = intervalMs
    this.#clock = clock
  }

  add(tickable: Tickable): void {
    this.#tickables.add(tickable)
    if (this.#stopTimer !== undefined) return
    this.#lastTick = this.#clock.now()
    this.#schedule()
  }

  delete(tickable: Tickable): void {
    this.#tickables.delete(tickable)
    if (this.#tickables.size === 0) this.close()
  }

  /** Stops the timer and forgets everything. */
  close(): void {
    this.#tickables.clear()
    this.#stopTimer?.()
    this.#stopTimer = undefined
  }

  #schedule(): void {
    this.#stopTimer = this.#clock.after(this.#intervalMs, this.#tick)
  }

  readonly #tick = (): void => {
    const now = this.#clock.now()
    const late = now - this.#lastTick > LATE_INTERVALS * this.#intervalMs
    this.#lastTick = now
    // A tickable may close the ticker and start it again while it is called.
    this.#stopTimer = undefined
    for (const tickable of this.#tickables) {
      if (!tickable.tick(now, late)) this.#tickables.delete(tickable)
    }
    if (this.#tickables.size > 0 && this.#stopTimer === undefined) this.#schedule()
  }
}
