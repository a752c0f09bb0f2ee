/** Keeps the signals that end a command from ending it where files would stay behind or half of the work would be done. */
import { FunctionError } from '../errors.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export class SignalHold {
  readonly #abort = new AbortController()
  #received: NodeJS.Signals | undefined
  #cut = false
  #onHeld: (() => void) | undefined

  constructor() {
    for (const name of SIGNALS) process.on(name, this.#onSignal)
  }

  /** Aborted by the first signal. */
  get aborted(): AbortSignal {
    return this.#abort.signal
  }

  /**
   * @throws {FunctionError} CONFLICT if a signal came: the command removes its files, and `release` ends it
   */
  async check(): Promise<void> {
    // A signal that came during a synchronous step is delivered in the next turn.
    await Bun.sleep(0)
    if (this.#received === undefined) return
    this.#cut = true
    throw new FunctionError('CONFLICT', `${this.#received} ended the command: nothing was changed.`)
  }

  /** From now on the work must be completed. A signal only calls `onHeld`, once. */
  hold(onHeld: () => void): void {
    this.#onHeld = onHeld
  }

  /** Signals have their usual effect again, also the one for which the work was ended. */
  release(): void {
    for (const name of SIGNALS) process.off(name, this.#onSignal)
    if (this.#cut && this.#received !== undefined) process.kill(process.pid, this.#received)
  }

  readonly #onSignal = (signal: NodeJS.Signals) => {
    if (this.#received === undefined) this.#onHeld?.()
    this.#received ??= signal
    this.#abort.abort()
  }
}
