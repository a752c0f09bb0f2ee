/** Logs have no credit: what a worker prints over this rate is dropped and counted. */

const WINDOW_MS = 1000
const MAX_LINES = 1000
const MAX_CHARACTERS = 1024 * 1024

export class LogLimiter {
  #windowEnds = 0
  #lines = 0
  #characters = 0
  #dropped = 0

  /** May this line be kept? What it answers is counted. */
  admits(characters: number, now: number): boolean {
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + WINDOW_MS
      this.#lines = 0
      this.#characters = 0
    }
    this.#lines++
    this.#characters += characters
    if (this.#lines <= MAX_LINES && this.#characters <= MAX_CHARACTERS) return true
    this.#dropped++
    return false
  }

  /** The number of lines dropped in a window that is over, once; else 0. */
  takeDropped(now: number): number {
    if (this.#dropped === 0 || now < this.#windowEnds) return 0
    return this.takeAllDropped()
  }

  /** As above, for a worker that goes. */
  takeAllDropped(): number {
    const dropped = this.#dropped
    this.#dropped = 0
    return dropped
  }

  /** Are there dropped lines that nobody was told of? */
  get owes(): boolean {
    return this.#dropped > 0
  }
}
