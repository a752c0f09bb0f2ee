/** Bounds how many requests of one kind each address is answered in a second. */
const WINDOW_MS = 1000
/** Addresses of one window; more share what one of them has. */
const MAX_ADDRESSES = 10_000
const OTHERS = 'others'

export class RequestRate {
  readonly #perSecond: number
  readonly #taken = new Map<string, number>()
  #windowEndsAt = 0

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  /** @param now of a clock that never jumps, ms */
  take(address: string, now: number): boolean {
    if (now >= this.#windowEndsAt) {
      this.#windowEndsAt = now + WINDOW_MS
      this.#taken.clear()
    }
    const known = this.#taken.size < MAX_ADDRESSES || this.#taken.has(address)
    const key = known ? address : OTHERS
    const taken = this.#taken.get(key) ?? 0
    if (taken >= this.#perSecond) return false
    this.#taken.set(key, taken + 1)
    return true
  }
}
