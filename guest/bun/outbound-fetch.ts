/** One fetch that the host makes for this worker: what is sent of its body, and what comes back. */
import type { Channel } from '../../src/worker/protocol/channel.ts'
import {
  type FetchId,
  type FetchResponseMessage,
  MAX_PAYLOAD_BYTES,
} from '../../src/worker/protocol/messages.ts'
import { Credit } from './credit.ts'
import { RequestBody } from './request-body.ts'

/** Fetch, 2.2.3: a null body status. */
const WITHOUT_BODY = new Set([101, 103, 204, 205, 304])

export class OutboundFetch {
  readonly id: FetchId
  readonly invocation: number
  readonly credit = new Credit()
  /** Of the response. */
  readonly body: RequestBody
  readonly #channel: Channel
  readonly #onEnd: () => void
  readonly #answered = Promise.withResolvers<Response>()
  #uploadUnwanted = false
  #over = false

  constructor(id: FetchId, invocation: number, channel: Channel, onEnd: () => void) {
    this.id = id
    this.invocation = invocation
    this.body = new RequestBody(id, channel, false)
    this.#channel = channel
    this.#onEnd = onEnd
  }

  /** The response, as soon as its head is there. */
  get answered(): Promise<Response> {
    return this.#answered.promise
  }

  /** Sends the request's body, as fast as the host takes it. */
  async upload(body: ReadableStream<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of body) {
        if (!(await this.#send(chunk))) return
      }
      if (!this.#over) this.#channel.sendLine(`{"type":"end","id":"${this.id}"}\n`)
    } catch (error) {
      this.abort(error)
    }
  }

  onResponse({ status, statusText, url, redirected, headers, end }: FetchResponseMessage): void {
    if (this.#over) return
    const bodyless = end || WITHOUT_BODY.has(status)
    const list = new Headers()
    for (const [name, value] of headers) list.append(name, value)
    const init = { status, statusText, headers: list }
    const response = new Response(bodyless ? null : this.body.stream(undefined), init)
    Object.defineProperties(response, { url: { value: url }, redirected: { value: redirected } })
    if (end) this.#finish()
    else if (bodyless) this.body.unwanted()
    this.#answered.resolve(response)
  }

  /** The response is there as a whole. */
  onEnd(): void {
    this.body.end()
    this.#finish()
  }

  /** The host wants no more of the request's body. */
  onUploadUnwanted(): void {
    this.#uploadUnwanted = true
    this.credit.lift()
  }

  /** The tenant does not want it any more. */
  abort(reason: unknown): void {
    if (this.#over) return
    this.#channel.sendLine(`{"type":"cancel","id":"${this.id}","reason":"abort"}\n`)
    this.fail(reason)
  }

  fail(reason: unknown): void {
    if (this.#over) return
    this.#answered.reject(reason)
    this.body.abort(reason)
    this.#finish()
  }

  /** False: the rest is not to be sent. */
  async #send(chunk: Uint8Array): Promise<boolean> {
    for (let at = 0; at < chunk.length; ) {
      const taken = await this.credit.take(Math.min(chunk.length - at, MAX_PAYLOAD_BYTES))
      if (this.#over || this.#uploadUnwanted) return false
      this.#channel.sendLine(`{"type":"chunk","id":"${this.id}","bytes":${taken}}\n`)
      // A copy: what the tenant does to its chunk meanwhile is its own affair.
      this.#channel.sendBytes(chunk.slice(at, at + taken))
      at += taken
    }
    return !this.#over && !this.#uploadUnwanted
  }

  #finish(): void {
    this.#over = true
    this.credit.lift()
    this.#onEnd()
  }
}
