/** One fetch that the host makes for this worker: what is sent of its body, and what comes back. */

import { NULL_BODY_STATUSES } from '../../src/lib/null-body-status.ts'
import type { Channel } from '../../src/worker/protocol/channel.ts'
import { FlowControlledSender } from '../../src/worker/protocol/flow-control.ts'
import type { FetchId, FetchResponseMessage } from '../../src/worker/protocol/messages.ts'
import { RequestBody } from './request-body.ts'

export class OutboundFetch {
  readonly id: FetchId
  readonly invocation: number
  /** The request body. */
  readonly outgoing: FlowControlledSender
  /** The response body. */
  readonly body: RequestBody
  readonly #channel: Channel
  readonly #onEnd: () => void
  readonly #answered = Promise.withResolvers<Response>()
  #over = false

  constructor(id: FetchId, invocation: number, channel: Channel, onEnd: () => void) {
    this.id = id
    this.invocation = invocation
    this.body = new RequestBody(id, channel, false)
    this.outgoing = new FlowControlledSender(channel, `"${id}"`)
    this.#channel = channel
    this.#onEnd = onEnd
  }

  /** Resolves with the response when its head has arrived. */
  get answered(): Promise<Response> {
    return this.#answered.promise
  }

  /** Sends the request body, as fast as credit allows. */
  async upload(body: ReadableStream<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of body) {
        // A copy, because the tenant may change its chunk while it waits for credit.
        this.outgoing.write(chunk.slice())
        await this.outgoing.drained()
        if (this.outgoing.closed) return
      }
      this.outgoing.end()
    } catch (error) {
      this.abort(error)
    }
  }

  onResponse({ status, statusText, url, redirected, headers, end }: FetchResponseMessage): void {
    if (this.#over) return
    const bodyless = end || NULL_BODY_STATUSES.has(status)
    const list = new Headers()
    for (const [name, value] of headers) list.append(name, value)
    const init = { status, statusText, headers: list }
    const response = new Response(bodyless ? null : this.body.stream(undefined), init)
    Object.defineProperties(response, { url: { value: url }, redirected: { value: redirected } })
    if (end) this.#finish()
    else if (bodyless) this.body.unwanted()
    this.#answered.resolve(response)
  }

  /** The response is complete. */
  onEnd(): void {
    this.body.end()
    this.#finish()
  }

  /** The host does not want the rest of the request body. */
  onUploadUnwanted(): void {
    this.outgoing.close()
  }

  /** The tenant aborted the fetch. */
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

  #finish(): void {
    this.#over = true
    this.outgoing.close()
    this.#onEnd()
  }
}
