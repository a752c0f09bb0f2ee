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
  readonly #onIdle: () => void
  /** The last run, in the turn of the event loop in which it ended. */
  #justEnded: Run | undefined
  /** When the last run ended (ms, performance.now()); with none, when this worker started. */
  idleSince = performance.now()

  /**
   * @param onCancel called when an invocation was cancelled
   * @param onIdle called when the last invocation has ended
   */
  constructor(channel: Channel, onCancel: (id: number) => void, onIdle: () => void) {
    this.#channel = channel
    this.#onCancel = onCancel
    this.#onIdle = onIdle
  }

  get size(): number {
    return this.#running.size
  }

  serve(handler: Handler, details: StartDetails): void {
    this.#handler = handler
    this.#details = details
  }

  get(id: number): Run | undefined {
    return this.#running.get(id)
  }

  get only(): Run | undefined {
    if (this.#running.size === 0) return this.#justEnded
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

  #ended(id: number): void {
    const run = this.#running.get(id)
    this.#running.delete(id)
    if (this.#running.size > 0) return
    this.idleSince = performance.now()
    this.#justEnded = run
    setImmediate(() => {
      if (this.#justEnded === run) this.#justEnded = undefined
    })
    this.#onIdle()
  }
}
