/** Forwards what a worker logs, up to a rate. Logs have no flow control: lines above the rate are dropped and counted. */
import type { Masker } from '../../secrets/masker.ts'
import type { LogLevel, WorkerEvents, WorkerSpec } from '../worker.ts'
import { mapSafely } from './failures.ts'

/** A log line with this text may hold an error's stack, whose positions are mapped to the sources. */
const BUNDLE_POSITION = 'bundle.js:'

/** Lines about background work, in which several frames stand for one place. */
const OF_THE_WORKER =
  /^(?:Ended with this worker, because |Ended with the request, so |This background work was interrupted)/

/** Of frames in a row, keeps the first that is not in a module of the platform. */
export function withFirstPlaces(message: string): string {
  return message.replace(/(?:\n {4}at [^\n]*)+/g, (frames) => {
    const [, ...places] = frames.split('\n')
    return `\n${places.find((place) => !place.includes('(functions:')) ?? places[0]}`
  })
}

/** The rate: lines and characters in one window. What exceeds one of them is dropped. */
const WINDOW_MS = 1000
const MAX_LINES = 1000
const MAX_CHARACTERS = 1024 * 1024

export class LogLimiter {
  #windowEnds = 0
  #lines = 0
  #characters = 0
  #dropped = 0

  /** Counts the line, and returns whether it may be kept. */
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

  /** Counts lines that the worker dropped itself. */
  addDropped(lines: number): void {
    this.#dropped += lines
  }

  /** The number of lines dropped in a window that is over, once; else 0. */
  takeDropped(now: number): number {
    if (this.#dropped === 0 || now < this.#windowEnds) return 0
    return this.takeAllDropped()
  }

  /** As `takeDropped`, without waiting for the end of the window: for a worker that exits. */
  takeAllDropped(): number {
    const dropped = this.#dropped
    this.#dropped = 0
    return dropped
  }

  /** Lines were dropped and not reported yet. */
  get unreported(): boolean {
    return this.#dropped > 0
  }
}

export class LogRelay {
  readonly #limiter = new LogLimiter()
  readonly #events: WorkerEvents
  readonly #spec: WorkerSpec
  readonly #masker: Masker | undefined

  /** @param masker of the function's secrets, if it has any */
  constructor(events: WorkerEvents, spec: WorkerSpec, masker?: Masker) {
    this.#events = events
    this.#spec = spec
    this.#masker = masker
  }

  pass(invocation: number | undefined, level: LogLevel, message: string, now: number): void {
    if (!this.#limiter.admits(message.length, now)) return
    const mapped = message.includes(BUNDLE_POSITION) ? mapSafely(this.#spec, message) : message
    const shown = OF_THE_WORKER.test(mapped) ? withFirstPlaces(mapped) : mapped
    this.#events.log({ invocation, level, message: this.#masker?.mask(shown) ?? shown })
  }

  /** The worker did not send these lines. */
  dropped(lines: number): void {
    this.#limiter.addDropped(lines)
  }

  /** Logs how many lines a finished window lost. */
  report(now: number): void {
    this.#report(this.#limiter.takeDropped(now))
  }

  /** As `report`, at the worker's end. */
  close(): void {
    this.#report(this.#limiter.takeAllDropped())
  }

  get unreported(): boolean {
    return this.#limiter.unreported
  }

  #report(dropped: number): void {
    if (dropped === 0) return
    const message = `${dropped} log lines were dropped: the function logs too fast`
    this.#events.log({ invocation: undefined, level: 'warn', message, dropped })
  }
}
