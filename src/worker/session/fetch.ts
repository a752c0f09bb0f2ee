/** One fetch of a worker as the host runs it: what may come next, and credit both ways. */
import type { EgressError } from '../../egress/errors.ts'
import type { EgressCall, EgressResponse, EgressSink } from '../../egress/outbound-request.ts'
import type { Channel } from '../protocol/channel.ts'
import { encodeLine } from '../protocol/encode.ts'
import { FlowControlledReceiver, FlowControlledSender } from '../protocol/flow-control.ts'
import { MAX_LINE_BYTES } from '../protocol/limits.ts'
import { type FetchId, type FetchMessage, ProtocolBreach } from '../protocol/messages.ts'

/** What a fetch needs of its worker. */
export interface FetchOwner {
  readonly channel: Channel
  /** Its body holds so many bytes more, or less. */
  held(bytes: number): void
  /** Nothing more is said of it. */
  fetchOver(fetch: RunningFetch): void
}

export class RunningFetch implements EgressSink {
  readonly id: FetchId
  readonly #owner: FetchOwner
  #call: EgressCall | undefined
  /** The request's body, until the upstream's socket has taken it. */
  readonly #upload: FlowControlledReceiver
  #uploadEnded: boolean
  #uploadUnwanted = false
  /** The response's body. */
  readonly #body: FlowControlledSender
  #over = false

  constructor({ id, end }: FetchMessage, payload: Buffer | undefined, owner: FetchOwner) {
    this.id = id
    this.#owner = owner
    this.#uploadEnded = end
    this.#upload = new FlowControlledReceiver(owner.channel, `"${id}"`)
    this.#body = new FlowControlledSender(owner.channel, `"${id}"`)
    if (payload !== undefined) this.#take(payload.length)
  }

  started(call: EgressCall): void {
    this.#call = call
  }

  /** More of the request's body. */
  onChunk(payload: Buffer): void {
    if (this.#uploadEnded) throw new ProtocolBreach('a chunk behind the end of a fetch’s body')
    if (this.#uploadUnwanted) return
    this.#take(payload.length)
    this.#call?.write(payload)
  }

  onEnd(): void {
    if (this.#uploadEnded) throw new ProtocolBreach('a fetch’s body that ends twice')
    this.#uploadEnded = true
    this.#call?.end()
  }

  onCredit(bytes: number): void {
    this.#body.addCredit(bytes)
    if (this.#body.closed) this.#finish()
    else if (!this.#body.blocked) this.#call?.resume()
  }

  /** The worker wants no more of it. */
  onCancel(): void {
    this.#call?.abort()
    this.#finish()
  }

  /** Ends it without a word: its invocation is over, or its worker is gone. */
  drop(): void {
    this.onCancel()
  }

  response({ status, statusText, url, redirected, headers, end }: EgressResponse): void {
    const type = 'fetch-response'
    const head = { type, id: this.id, status, statusText, url, redirected, headers, end }
    const line = encodeLine(head)
    if (line.length > MAX_LINE_BYTES) {
      this.#call?.abort()
      this.#sayError('FAILED', 'the headers of the answer are too large')
      return
    }
    this.#owner.channel.sendLine(line)
    if (end) this.#finish()
  }

  chunk(bytes: Buffer): boolean {
    this.#body.write(bytes)
    return !this.#body.blocked
  }

  end(): void {
    this.#body.end()
    if (this.#body.closed) this.#finish()
  }

  /** The host itself does not go on with it. */
  abandon(error: EgressError): void {
    this.#call?.abort()
    this.fail(error)
  }

  fail(error: EgressError): void {
    this.#sayError(error.code, error.message)
  }

  taken(bytes: number): void {
    this.#owner.held(-bytes)
    this.#upload.consumed(bytes, !this.#uploadEnded && !this.#over)
  }

  bodyUnwanted(): void {
    this.#uploadUnwanted = true
    if (!this.#uploadEnded) this.#say({ type: 'cancel', id: this.id, reason: 'body' })
  }

  #sayError(code: string, message: string): void {
    this.#say({ type: 'fetch-error', id: this.id, code, message })
    this.#finish()
  }

  #say(message: object): void {
    if (!this.#over) this.#owner.channel.sendLine(encodeLine(message))
  }

  #take(bytes: number): void {
    this.#owner.held(bytes)
    this.#upload.received(bytes)
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#body.close()
    this.#owner.held(-this.#upload.unread)
    this.#owner.fetchOver(this)
  }
}
