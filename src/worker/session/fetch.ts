/** One fetch of a worker as the host runs it: what may come next, and credit both ways. */
import type { EgressError } from '../../egress/errors.ts'
import type { EgressCall, EgressResponse, EgressSink } from '../../egress/outbound-request.ts'
import type { Channel } from '../protocol/channel.ts'
import { encodeLine } from '../protocol/encode.ts'
import {
  CREDIT_BATCH_BYTES,
  CREDIT_WINDOW_BYTES,
  type FetchId,
  type FetchMessage,
  MAX_LINE_BYTES,
  MAX_PAYLOAD_BYTES,
  ProtocolBreach,
} from '../protocol/messages.ts'

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
  /** What the worker may still send of the request's body. */
  #window = CREDIT_WINDOW_BYTES
  /** Bytes that the broker holds, and bytes that went out for which the worker has no credit yet. */
  #unsent = 0
  #owed = 0
  #uploadEnded: boolean
  #uploadUnwanted = false
  /** What may be sent of the response's body, and what waits for that. */
  #sendCredit = CREDIT_WINDOW_BYTES
  #queue: Uint8Array[] = []
  #ended = false
  #over = false

  constructor({ id, end }: FetchMessage, payload: Buffer | undefined, owner: FetchOwner) {
    this.id = id
    this.#owner = owner
    this.#uploadEnded = end
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
    this.#sendCredit += bytes
    if (this.#sendCredit > CREDIT_WINDOW_BYTES) {
      throw new ProtocolBreach('credit for bytes not sent')
    }
    this.#pump()
    if (!this.#over && this.#queue.length === 0) this.#call?.resume()
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
    this.#queue.push(bytes)
    this.#pump()
    return this.#queue.length === 0
  }

  end(): void {
    this.#ended = true
    this.#pump()
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
    this.#unsent -= bytes
    this.#owner.held(-bytes)
    this.#owed += bytes
    if (this.#uploadEnded || (this.#owed < CREDIT_BATCH_BYTES && this.#unsent > 0)) return
    this.#window += this.#owed
    this.#say({ type: 'credit', id: this.id, bytes: this.#owed })
    this.#owed = 0
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

  /** Sends what credit allows of the response's body. */
  #pump(): void {
    const { channel } = this.#owner
    while (this.#sendCredit > 0 && !this.#over) {
      const first = this.#queue[0]
      if (first === undefined) break
      const bytes = Math.min(first.length, this.#sendCredit, MAX_PAYLOAD_BYTES)
      channel.sendLine(`{"type":"chunk","id":"${this.id}","bytes":${bytes}}\n`)
      channel.sendBytes(bytes === first.length ? first : first.subarray(0, bytes))
      this.#sendCredit -= bytes
      if (bytes === first.length) this.#queue.shift()
      else this.#queue[0] = first.subarray(bytes)
    }
    if (!this.#ended || this.#queue.length > 0) return
    this.#say({ type: 'end', id: this.id })
    this.#finish()
  }

  #take(bytes: number): void {
    this.#window -= bytes
    this.#unsent += bytes
    this.#owner.held(bytes)
    if (this.#window < 0) throw new ProtocolBreach('sent without credit')
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#queue = []
    this.#owner.held(-this.#unsent)
    this.#unsent = 0
    this.#owner.fetchOver(this)
  }
}
