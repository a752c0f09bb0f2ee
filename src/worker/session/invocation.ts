/** One invocation as the host sees it: which messages may come next, and flow control in both directions. */

import { FunctionError } from '../../errors.ts'
import { isReleasable } from '../../lib/bytes.ts'
import type { Channel } from '../protocol/channel.ts'
import { asciiJson, encodeLine } from '../protocol/encode.ts'
import { FlowControlledReceiver, FlowControlledSender } from '../protocol/flow-control.ts'
import { MAX_LINE_BYTES, MAX_PAYLOAD_BYTES } from '../protocol/limits.ts'
import { ProtocolBreach, type ResponseMessage } from '../protocol/messages.ts'
import type { Completion, Invocation, InvocationRequest, ResponseSink } from '../worker.ts'
import type { FetchTable } from './fetch-table.ts'

/**
 * `head`: the response head is awaited. `streaming`: the head has come, its body follows.
 * `background`: the response is complete, `waitUntil` runs on. `cancelled`: only `done` is awaited,
 * and other messages are dropped. The caller of `invoke` watches the time of the first three and
 * cancels; here only an overdue `done` is watched.
 */
export type Phase = 'head' | 'streaming' | 'background' | 'cancelled'

/** What an invocation needs of its worker. */
export interface InvocationOwner {
  readonly channel: Channel
  readonly fetches: Pick<FetchTable, 'endOf' | 'leave'>
  /** The invocation was cancelled at `at` (ms, performance.now()): its `done` is due soon. */
  watch(at: number): void
  /** An invocation was cancelled after its deadline had passed without a response. */
  overdue(): void
}

export class RunningInvocation implements Invocation {
  readonly id: number
  readonly sink: ResponseSink
  readonly completion: Completion
  readonly cpuMs: number
  /** When it was sent, or when its worker was ready for it; performance.now(). */
  startedAt: number
  phase: Phase = 'head'
  /**
   * When this invocation is due (ms, performance.now()): in `head` its deadline, in `cancelled` the
   * time of the cancellation, else Infinity. A blocked worker is killed when all of them are past.
   */
  due: number
  readonly #owner: InvocationOwner
  /** Bytes sent on the channel before this invocation's first. */
  readonly #offset: number
  #bodyWritten = false
  /** The request body. */
  readonly #body: FlowControlledSender
  #writerWaits = false
  #disconnected = false
  /** The response body, until the sink's reader has taken it. */
  readonly #responseBody: FlowControlledReceiver

  constructor(
    id: number,
    request: InvocationRequest,
    sink: ResponseSink,
    completion: Completion,
    owner: InvocationOwner,
  ) {
    this.id = id
    this.sink = sink
    this.completion = completion
    this.cpuMs = request.cpuMs
    this.due = request.deadline
    this.startedAt = performance.now()
    this.#owner = owner
    this.#offset = owner.channel.acceptedBytes + owner.channel.pendingBytes
    this.#body = new FlowControlledSender(owner.channel, id)
    this.#responseBody = new FlowControlledReceiver(owner.channel, id)
  }

  /** Sends the request. False: its line is longer than the protocol allows. */
  begin(request: InvocationRequest): boolean {
    const { body } = request
    const inline = body !== undefined && body.length > 0 && body.length <= MAX_PAYLOAD_BYTES
    const late = body !== undefined && body.length > MAX_PAYLOAD_BYTES
    const line = encodeLine({
      type: 'invoke',
      id: this.id,
      method: request.method,
      url: request.url,
      headers: request.headers,
      client: request.clientAddress,
      deadline_ms: Math.max(0, Math.round(request.deadline - this.startedAt)),
      cpu_ms: Math.max(1, Math.round(request.cpuMs)),
      bytes: inline ? body.length : undefined,
      end: request.end && !late,
    })
    if (line.length > MAX_LINE_BYTES) {
      this.phase = 'cancelled'
      return false
    }
    const { channel } = this.#owner
    channel.sendLine(line)
    if (inline) {
      this.#body.spend(body.length)
      channel.sendBytes(body)
    }
    if (late) this.#body.write(body)
    if (request.end) {
      if (late) this.#body.end()
      else this.#body.close()
    }
    return true
  }

  write(bytes: Uint8Array): boolean {
    if (this.#body.ended) return true
    this.#bodyWritten = true
    this.#body.write(bytes, isReleasable(bytes))
    this.#writerWaits = this.#body.blocked
    return !this.#writerWaits
  }

  end(): void {
    this.#body.end()
  }

  get unread(): number {
    return this.#body.unread
  }

  postpone(ms: number): void {
    if (this.phase === 'head') this.due += ms
  }

  credit(bytes: number): void {
    this.#responseBody.consumed(bytes, this.phase === 'streaming')
  }

  disconnect(reason: string): void {
    if (this.#disconnected || (this.phase !== 'head' && this.phase !== 'streaming')) return
    this.#disconnected = true
    this.#dropBody()
    this.#owner.channel.sendLine(
      `{"type":"disconnect","id":${this.id},"reason":${asciiJson(reason)}}\n`,
    )
  }

  cancel(reason: string): void {
    if (this.phase === 'cancelled') return
    const now = performance.now()
    if (this.phase === 'head' && now >= this.due) this.#owner.overdue()
    this.phase = 'cancelled'
    this.due = now
    this.#dropBody()
    this.#owner.fetches.endOf(this.id)
    this.#owner.channel.sendLine(
      `{"type":"cancel","id":${this.id},"reason":${asciiJson(reason)}}\n`,
    )
    this.#owner.watch(this.due)
  }

  /** The worker wrote the head of the response, perhaps with all of its body. */
  onResponse(message: ResponseMessage, payload: Buffer | undefined): void {
    if (this.phase === 'cancelled') return
    if (this.phase !== 'head') throw new ProtocolBreach('a second response')
    if (payload !== undefined) this.#responseBody.received(payload.length)
    this.#headReceived(message.end)
    const body = payload === undefined || payload.length === 0 ? undefined : payload
    const { status, headers, end, length } = message
    this.sink.response({ status, headers, body, end, length })
  }

  onChunk(payload: Buffer): void {
    if (this.phase === 'cancelled') return
    if (this.phase !== 'streaming') throw new ProtocolBreach('a chunk outside of a response body')
    this.#responseBody.received(payload.length)
    this.sink.chunk(payload)
  }

  onEnd(): void {
    if (this.phase === 'cancelled') return
    if (this.phase !== 'streaming') throw new ProtocolBreach('an end without a response body')
    this.#headReceived(true)
    this.sink.end()
  }

  onCredit(bytes: number): void {
    this.#body.addCredit(bytes)
    if (!this.#writerWaits || this.#body.blocked) return
    this.#writerWaits = false
    this.sink.drain()
  }

  /** The worker wants no more of the request body. */
  onCancel(): void {
    if (this.#body.closed) return
    this.#dropBody()
    this.sink.bodyUnwanted()
  }

  onError(error: FunctionError): void {
    if (this.phase === 'cancelled') return
    if (this.phase === 'background') throw new ProtocolBreach('an error after the response')
    this.#headReceived(true)
    this.completion.fail(error)
  }

  /** @throws {ProtocolBreach} if the worker may not end it now */
  validateDone(): void {
    if (this.phase === 'head' || this.phase === 'streaming') {
      throw new ProtocolBreach('done before the response was complete')
    }
  }

  onDone(cpuUs: number): void {
    this.#dropBody()
    if (this.phase === 'cancelled') this.#owner.fetches.endOf(this.id)
    else this.#owner.fetches.leave(this.id)
    this.completion.done({ cpuUs, loss: undefined })
  }

  /** Fails an invocation that was not sent, because `begin` returned false. */
  refuse(): void {
    const message = `The URL and the headers of the request are too large: together they may have ${MAX_LINE_BYTES} bytes, escaped as JSON.`
    this.completion.fail(new FunctionError('HEADERS_TOO_LARGE', message))
    this.completion.done({ cpuUs: 0, loss: undefined })
  }

  /**
   * The worker ended.
   *
   * @param how.guilty because this invocation reached a limit; else it is lost
   * @param how.cpuUs this invocation's share of the CPU time that no `done` has reported
   */
  abandon(error: FunctionError, how: { guilty: boolean; unbegun: boolean; cpuUs: number }): void {
    const background = this.phase === 'background'
    const answered = background || this.phase === 'cancelled'
    const unread = how.unbegun || this.#owner.channel.acceptedBytes <= this.#offset
    const unsent = this.phase === 'head' && !this.#bodyWritten && unread
    this.phase = 'cancelled'
    this.#dropBody()
    this.#owner.fetches.endOf(this.id)
    if (how.guilty && !answered) this.completion.fail(error)
    const loss = how.guilty || answered ? undefined : { error, unsent }
    const elapsedUs = Math.max(0, performance.now() - this.startedAt) * 1000
    const cpuUs = Math.round(Math.min(how.cpuUs, elapsedUs))
    this.completion.done({ cpuUs, loss, cut: background ? error : undefined })
  }

  #dropBody(): void {
    this.#body.close()
    this.#writerWaits = false
  }

  #headReceived(complete: boolean): void {
    this.phase = complete ? 'background' : 'streaming'
    this.due = Number.POSITIVE_INFINITY
  }
}
