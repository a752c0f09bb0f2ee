/** The body of a request or of a fetched response, as the tenant reads it: chunks arrive, credit is given. */
import type { Channel } from '../../src/worker/protocol/channel.ts'
import { FlowControlledReceiver } from '../../src/worker/protocol/flow-control.ts'
import type { BodyId } from '../../src/worker/protocol/messages.ts'

export class RequestBody {
  /** As JSON has it. */
  readonly #id: string
  readonly #channel: Channel
  #queue: Uint8Array[] = []
  readonly #flow: FlowControlledReceiver
  #ended: boolean
  #dropped = false
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #wake: (() => void) | undefined

  constructor(id: BodyId, channel: Channel, ended: boolean) {
    this.#id = JSON.stringify(id)
    this.#channel = channel
    this.#flow = new FlowControlledReceiver(channel, this.#id)
    this.#ended = ended
  }

  /** The stream for a Request; `first` came with the request itself. */
  stream(first: Uint8Array | undefined): ReadableStream<Uint8Array> {
    if (first !== undefined) this.push(first)
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#pull(),
        cancel: () => this.unwanted(),
      },
      { highWaterMark: 0 },
    )
  }

  push(bytes: Uint8Array): void {
    if (this.#dropped) return
    this.#queue.push(bytes)
    this.#flow.received(bytes.length)
    this.#release()
  }

  end(): void {
    this.#ended = true
    this.#release()
  }

  /** All of it has arrived. */
  get complete(): boolean {
    return this.#ended
  }

  /** Nobody reads the rest, so the host need not send it. */
  unwanted(): void {
    if (this.#dropped) return
    this.#drop()
    if (this.#ended) return
    this.#channel.sendLine(`{"type":"cancel","id":${this.#id},"reason":"body"}\n`)
  }

  /** The invocation was cancelled: a reader fails with `reason`. */
  abort(reason: unknown): void {
    if (this.#dropped) return
    this.#drop()
    try {
      this.#controller?.error(reason)
    } catch {
      // The stream was closed or errored before.
    }
  }

  async #pull(): Promise<void> {
    while (this.#queue.length === 0 && !this.#ended && !this.#dropped) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
    if (this.#dropped) return
    const next = this.#queue.shift()
    if (next === undefined) {
      this.#controller?.close()
      return
    }
    this.#controller?.enqueue(next)
    this.#flow.consumed(next.length, !this.#ended)
  }

  #drop(): void {
    this.#dropped = true
    this.#queue = []
    this.#release()
  }

  #release(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
