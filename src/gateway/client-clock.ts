/** The time that an exchange waits for its client, which is not charged to the function. */

/** What a client may take, ms, and what it must move. */
export interface ClientLimits {
  /** Longest time without a byte that the client sent or acknowledged. */
  idleMs: number
  /** Longest time that the exchange waits for it in all; 0 = no limit. */
  totalMs: number
  /** Bytes a second, averaged over each `idleMs` of waiting; 0 = no limit. */
  minRate: number
}

export class ClientClock {
  /** Time that the exchange waited for the client so far. */
  waitedMs = 0
  #idleMs = 0
  /** The running period for the rate. */
  #periodMs = 0
  #periodBytes = 0

  /** The exchange waited this much longer. @returns the limit that is exceeded, as the end of a sentence */
  waited(ms: number, limits: ClientLimits): string | undefined {
    this.waitedMs += ms
    this.#idleMs += ms
    this.#periodMs += ms
    const { idleMs, totalMs, minRate } = limits
    if (this.#idleMs >= idleMs) {
      return `neither sent nor took a byte for ${idleMs} ms (server.client_idle_timeout)`
    }
    if (totalMs > 0 && this.waitedMs >= totalMs) {
      return `was waited for longer than ${totalMs} ms (server.client_timeout)`
    }
    if (this.#periodMs < idleMs) return undefined
    const slow = this.#periodBytes < (minRate * this.#periodMs) / 1000
    this.#periodMs = 0
    this.#periodBytes = 0
    return slow ? `moved less than ${minRate} bytes a second (server.client_min_rate)` : undefined
  }

  /** The client sent or acknowledged bytes. */
  moved(bytes: number): void {
    this.#idleMs = 0
    this.#periodBytes += bytes
  }
}
