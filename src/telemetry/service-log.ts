/** The service's own log: one JSON object a line, on standard error. Never a secret, never a body. */

export type Fields = Readonly<Record<string, string | number | boolean | undefined>>

/** Lines that may be written in one second; the rest is counted. */
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

  /** Something of ours failed; the stack says where. */
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
    // A tenant whose function fails all the time must not fill the operator's disk.
    if (++this.#lines > MAX_LINES_PER_SECOND) {
      this.#dropped++
      return
    }
    this.#write(`${JSON.stringify({ time: time.toISOString(), level, message, ...fields })}\n`)
  }
}
