/** The silent-worker rule: a worker with work in flight that says nothing is pinged, then called silent. */

/** Without a message for so long, it is pinged. */
export const PING_AFTER_MS = 25
/** A ping unanswered for so long means that its event loop is blocked. */
export const SILENT_AFTER_MS = 50

export class Liveness {
  #heardAt = 0
  #pings = 0
  /** When the ping that awaits its answer was sent; 0 = none does. */
  #pingedAt = 0
  silent = false

  /** Something came from the worker, or silence counts from now for another reason. */
  heard(now: number): void {
    this.#heardAt = now
  }

  /** True where this answers the last ping; everything else nobody asked for. */
  answered(n: number): boolean {
    if (this.#pingedAt === 0 || n !== this.#pings) return false
    this.#pingedAt = 0
    this.silent = false
    return true
  }

  /** The number of a ping to send now; 0 = none. */
  due(now: number): number {
    if (this.#pingedAt !== 0 || now - this.#heardAt < PING_AFTER_MS) return 0
    this.#pingedAt = now
    this.#pings++
    return this.#pings
  }

  /** Judges it; true when it became silent just now. */
  judge(now: number): boolean {
    if (this.silent || this.#pingedAt === 0) return false
    const quietFor = now - Math.max(this.#heardAt, this.#pingedAt)
    if (quietFor < SILENT_AFTER_MS) return false
    this.silent = true
    return true
  }
}
