/** One timer for the limits of all exchanges, in place of one for each. */
import type { Clock } from '../pool/pending-request.ts'

const TICK_MS = 25

export interface Swept {
  /** Called every 25 ms while the exchange is open, never sooner than the first tick. */
  visit(now: number): void
}

export class Sweep {
  readonly clock: Clock
  readonly #open = new Set<Swept>()
  #ticking = false
  #whenIdle: (() => void)[] = []

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Exchanges that are open. */
  get size(): number {
    return this.#open.size
  }

  add(exchange: Swept): void {
    this.#open.add(exchange)
    if (this.#ticking) return
    this.#ticking = true
    this.clock.after(TICK_MS, this.#tick)
  }

  delete(exchange: Swept): void {
    this.#open.delete(exchange)
    if (this.#open.size > 0 || this.#whenIdle.length === 0) return
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  /** Resolves when no exchange is open. */
  idle(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenIdle.push(resolve))
  }

  /** Every open exchange. */
  values(): Iterable<Swept> {
    return this.#open
  }

  readonly #tick = (): void => {
    const now = this.clock.now()
    for (const exchange of this.#open) exchange.visit(now)
    // Goes on for one tick after the last exchange: a busy gateway sets no timer for each request.
    this.#ticking = this.#open.size > 0
    if (this.#ticking) this.clock.after(TICK_MS, this.#tick)
  }
}
