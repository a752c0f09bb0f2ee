/** Measures what processes use, for workers whose runtime does not enforce its own limits. */
import { type ProcessUse, readProcessUse } from '../../lib/procfs.ts'
import { type Tickable, Ticker } from '../../lib/ticker.ts'

/** How often a process with work is measured, ms. */
const WATCH_INTERVAL_MS = 100
/** A process without work is measured only in one of this many turns. */
const IDLE_TURNS = 10

export interface WatchedProcess {
  readonly pid: number | undefined
  readonly inFlight: number
  used(use: ProcessUse): void
}

/** One timer for all watched processes; it runs while there is one. */
export class ProcessWatch implements Tickable {
  readonly #watched = new Set<WatchedProcess>()
  readonly #ticker = new Ticker(WATCH_INTERVAL_MS)
  #turn = 0

  add(watched: WatchedProcess): void {
    this.#watched.add(watched)
    this.#ticker.add(this)
  }

  delete(watched: WatchedProcess): void {
    this.#watched.delete(watched)
    if (this.#watched.size === 0) this.#ticker.close()
  }

  tick(): boolean {
    this.#turn++
    for (const watched of this.#watched) {
      const { pid } = watched
      if (pid === undefined) continue
      if (watched.inFlight === 0 && this.#turn % IDLE_TURNS !== 0) continue
      const use = readProcessUse(pid)
      if (use !== undefined) watched.used(use)
    }
    return this.#watched.size > 0
  }
}
