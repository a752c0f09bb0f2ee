/** Passes a worker's logs on, no faster than they may come. */

import type { LogLevel, WorkerEvents, WorkerSpec } from '../worker.ts'
import { mapSafely } from './failures.ts'
import { LogLimiter } from './log-limiter.ts'

/** Where a log line holds an error's stack, it names the bundle so. */
const BUNDLE_POSITION = 'bundle.js:'

export class LogRelay {
  readonly #limiter = new LogLimiter()
  readonly #events: WorkerEvents
  readonly #spec: WorkerSpec

  constructor(events: WorkerEvents, spec: WorkerSpec) {
    this.#events = events
    this.#spec = spec
  }

  pass(invocation: number | undefined, level: LogLevel, message: string, now: number): void {
    if (!this.#limiter.admits(message.length, now)) return
    const mapped = message.includes(BUNDLE_POSITION) ? mapSafely(this.#spec, message) : message
    this.#events.log({ invocation, level, message: mapped })
  }

  /** Says how many lines a finished window lost. */
  report(now: number): void {
    this.#say(this.#limiter.takeDropped(now))
  }

  /** As above, at the worker's end. */
  close(): void {
    this.#say(this.#limiter.takeAllDropped())
  }

  get owes(): boolean {
    return this.#limiter.owes
  }

  #say(dropped: number): void {
    if (dropped === 0) return
    const message = `${dropped} log lines were dropped: the function logs too fast`
    this.#events.log({ invocation: undefined, level: 'warn', message })
  }
}
