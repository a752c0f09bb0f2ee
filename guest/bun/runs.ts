/** The invocations that run in this worker. */
import type { Channel } from '../../src/worker/protocol/channel.ts'
import type { InvokeMessage, StartDetails } from '../../src/worker/protocol/messages.ts'
import { current } from './capture.ts'
import type { Handler } from './load.ts'
import { Run } from './run.ts'

export class Runs {
  readonly #channel: Channel
  readonly #running = new Map<number, Run>()
  #handler: Handler | undefined
  #details: StartDetails | undefined
  readonly #onCancel: (id: number) => void
  #whenEmpty: (() => void) | undefined

  /** @param onCancel called when an invocation was cancelled */
  constructor(channel: Channel, onCancel: (id: number) => void) {
    this.#channel = channel
    this.#onCancel = onCancel
  }

  serve(handler: Handler, details: StartDetails): void {
    this.#handler = handler
    this.#details = details
  }

  get(id: number): Run | undefined {
    return this.#running.get(id)
  }

  get only(): Run | undefined {
    return this.#running.size === 1 ? this.#running.values().next().value : undefined
  }

  invoke(message: InvokeMessage, payload: Buffer | undefined): void {
    const handler = this.#handler
    const details = this.#details
    if (handler === undefined || details === undefined) throw new Error('invoke before ready')
    const run = new Run(message, this.#channel, (id) => this.#ended(id))
    this.#running.set(run.id, run)
    void current.run(run, () => run.handle(handler, details, message, payload))
  }

  cancel(id: number, reason: string): void {
    const run = this.#running.get(id)
    if (run === undefined) return
    try {
      current.run(run, () => run.cancel(reason))
    } finally {
      this.#onCancel(id)
    }
  }

  disconnect(id: number, reason: string): void {
    const run = this.#running.get(id)
    if (run !== undefined) current.run(run, () => run.disconnect(reason))
  }

  /** Ends this process when no invocation runs, or after the grace. */
  shutdown(graceMs: number, exit: (status: number) => void): void {
    this.#whenEmpty = () => exit(0)
    if (this.#running.size === 0) exit(0)
    else setTimeout(exit, graceMs, 0)
  }

  #ended(id: number): void {
    this.#running.delete(id)
    if (this.#running.size === 0) this.#whenEmpty?.()
  }
}
