/** Passes a worker's logs on, no faster than they may come. */
import { LogLimiter } from './log-limiter.ts'
import type { LogLevel } from './messages.ts'
import type { WorkerEvents } from './worker.ts'

export class LogRelay {
  readonly #limiter = new LogLimiter()
  readonly #events: WorkerEvents

  constructor(events: WorkerEvents) {
    this.#events = events
  }

  pass(invocation: number | undefined, level: LogLevel, message: string, now: number): void {
    if (this.#limiter.admits(message.length, now)) this.#events.log({ invocation, level, message })
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
