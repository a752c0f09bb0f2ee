/** Before this worker ends: waits for what requests left behind, and logs what it cannot wait for. */
import { heapStats } from 'bun:jsc'
import type { Channel } from '../../src/worker/protocol/channel.ts'
import { sendLog } from './capture.ts'
import type { FetchTable } from './fetch-table.ts'
import type { Runs } from './runs.ts'

/** Time between two looks whether something is left, ms. Each look goes through the heap. */
const LOOK_MS = 200

/** Timers that are set: the engine protects them from its garbage collection, and has no list of them. */
function timersSet(): number {
  return heapStats().protectedObjectTypeCounts.Timeout ?? 0
}

export class Leftover {
  readonly #channel: Channel
  readonly #fetches: FetchTable
  readonly #runs: Runs
  readonly #exit: (status: number) => void
  /** Timers that the bundle set while it loaded. */
  #ofBundle = 0
  #backgroundMs = 0
  #reason: string | undefined
  /** When the worker has to end (ms, performance.now()). */
  #by = Number.POSITIVE_INFINITY
  #over = false
  #look: ReturnType<typeof setTimeout> | undefined

  constructor(channel: Channel, fetches: FetchTable, runs: Runs, exit: (status: number) => void) {
    this.#channel = channel
    this.#fetches = fetches
    this.#runs = runs
    this.#exit = exit
  }

  /** @param backgroundMs from the end of the last request: how long work goes on without one */
  loaded(backgroundMs: number): void {
    this.#backgroundMs = backgroundMs
    this.#ofBundle = timersSet()
  }

  /** Ends this process when nothing runs and nothing is left. Called again, the shorter grace applies. */
  shutdown(graceMs: number, reason: string): void {
    this.#reason ??= reason
    this.#by = Math.min(this.#by, performance.now() + graceMs)
    this.#check()
  }

  /** The last invocation has ended. */
  idle(): void {
    if (this.#reason !== undefined) this.#check()
  }

  #check(): void {
    clearTimeout(this.#look)
    if (this.#over) return
    const now = performance.now()
    const busy = this.#runs.size > 0
    const timers = busy ? 0 : Math.max(0, timersSet() - this.#ofBundle)
    const fetches = busy ? 0 : this.#fetches.size
    const until = busy ? this.#by : Math.min(this.#by, this.#runs.idleSince + this.#backgroundMs)
    if (now < until && (busy || timers + fetches > 0)) {
      this.#look = setTimeout(() => this.#check(), Math.min(LOOK_MS, until - now))
      return
    }
    if (timers + fetches > 0) this.#log(timers, fetches)
    this.#over = true
    this.#exit(0)
  }

  #log(timers: number, fetches: number): void {
    const what = [count(timers, 'timer', 's'), count(fetches, 'fetch', 'es')].filter(Boolean)
    const text = `Ended with this worker, because ${this.#reason}: ${what.join(', ')}`
    sendLog(this.#channel, 'warn', text)
  }
}

function count(number: number, what: string, plural: string): string {
  if (number === 0) return ''
  return `${number} ${what}${number === 1 ? '' : plural}`
}
