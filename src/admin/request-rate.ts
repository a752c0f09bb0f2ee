/** Bounds how many requests of one kind are answered in a second. */
const WINDOW_MS = 1000

export class RequestRate {
  readonly #perSecond: number
  #windowEndsAt = 0
  #left = 0

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  /** @param now of a clock that never jumps, ms */
  take(now: number): boolean {
    if (now >= this.#windowEndsAt) {
      this.#windowEndsAt = now + WINDOW_MS
      this.#left = this.#perSecond
    }
    if (this.#left === 0) return false
    this.#left--
    return true
  }
}
