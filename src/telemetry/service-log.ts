/**
 * The service's log: one JSON object per line on standard error. It never contains secrets or
 * bodies.
 */
import { stderr } from '../lib/output.ts'

export type Fields = Readonly<Record<string, string | number | boolean | undefined>>

/** Maximum lines per second; more are dropped and counted. */
const MAX_LINES_PER_SECOND = 50

export class ServiceLog {
  readonly #write: (line: string) => unknown
  #second = 0
  #lines = 0
  #dropped = 0
  #lost = 0

  /** @param write may return a promise; if it rejects, the line counts as lost */
  constructor(write: (line: string) => unknown = (line) => stderr.writeLog(line)) {
    this.#write = write
  }

  info(message: string, fields: Fields = {}): void {
    this.#line('info', message, fields)
  }

  warn(message: string, fields: Fields = {}): void {
    this.#line('warn', message, fields)
  }

  /** Logs an internal error with its stack. */
  error(message: string, cause: unknown, fields: Fields = {}): void {
    const error = cause instanceof Error ? cause : new Error(String(cause))
    this.#line('error', message, { ...fields, error: error.message, stack: error.stack })
  }

  #line(level: string, message: string, fields: Fields): void {
    const second = Math.floor(Date.now() / 1000)
    if (second !== this.#second) {
      const dropped = this.#dropped
      this.#second = second
      this.#lines = 0
      this.#dropped = 0
      if (dropped > 0) this.#put('warn', 'log lines were dropped', { count: dropped }, dropped)
    }
    // A function that fails all the time must not fill the operator's disk.
    if (++this.#lines > MAX_LINES_PER_SECOND) {
      this.#dropped++
      return
    }
    const lost = this.#lost
    this.#lost = 0
    if (lost > 0) this.#put('warn', 'log lines could not be written', { count: lost }, lost)
    this.#put(level, message, fields, 1)
  }

  /** @param lost how many lines are lost with this one if it cannot be written */
  #put(level: string, message: string, fields: Fields, lost: number): void {
    const time = new Date().toISOString()
    const done = this.#write(`${JSON.stringify({ time, level, message, ...fields })}\n`)
    // A full disk or a reader that does not read must not end the service.
    if (done instanceof Promise) {
      done.catch(() => {
        this.#lost += lost
      })
    }
  }
}
