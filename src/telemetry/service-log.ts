/**
 * The service's log: one JSON object per line on standard error. It never contains secrets or
 * bodies.
 */

export type Fields = Readonly<Record<string, string | number | boolean | undefined>>

/** Maximum lines per second; more are dropped and counted. */
const MAX_LINES_PER_SECOND = 50

export class ServiceLog {
  readonly #write: (line: string) => void
  #second = 0
  #lines = 0
  #dropped = 0

  constructor(write: (line: string) => void = (line) => void process.stderr.write(line)) {
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
    const time = new Date()
    const second = Math.floor(time.getTime() / 1000)
    if (second !== this.#second) {
      const dropped = this.#dropped
      this.#second = second
      this.#lines = 0
      this.#dropped = 0
      if (dropped > 0) this.#line('warn', 'log lines were dropped', { count: dropped })
    }
    // A function that fails all the time must not fill the operator's disk.
    if (++this.#lines > MAX_LINES_PER_SECOND) {
      this.#dropped++
      return
    }
    this.#write(`${JSON.stringify({ time: time.toISOString(), level, message, ...fields })}\n`)
  }
}
