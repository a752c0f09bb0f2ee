/** One invocation: runs the handler, sends its Response, then waits for `waitUntil`. */
import { heapSize } from 'bun:jsc'
import type { Channel } from '../../src/worker/protocol/channel.ts'
import { encodeLine } from '../../src/worker/protocol/encode.ts'
import { FlowControlledSender } from '../../src/worker/protocol/flow-control.ts'
import type {
  InvokeMessage,
  StartDetails,
  WorkerErrorCode,
} from '../../src/worker/protocol/messages.ts'
import { sendLog } from './capture.ts'
import { describeError, errorFields, errorText } from './errors.ts'
import type { Handler, InvocationContext } from './load.ts'
import { RequestBody } from './request-body.ts'
import { InvalidResponse, sendResponse } from './respond.ts'

/**
 * Bun reports its heap size as of the last collection, and garbage makes the process grow as well. Each
 * time the process has grown by this much, garbage is collected before the heap is reported.
 */
const COLLECT_AFTER_BYTES = 16 * 1024 * 1024
let collectedAtBytes = process.memoryUsage.rss()

export class Run {
  readonly id: number
  readonly body: RequestBody
  /** The response body. */
  readonly outgoing: FlowControlledSender
  done = false
  /** The client is gone: nobody reads the response. */
  disconnected = false
  source: ReadableStreamDefaultReader<unknown> | undefined
  readonly #channel: Channel
  readonly #onDone: (id: number) => void
  readonly #abort = new AbortController()
  readonly #cpuAtStart = process.cpuUsage()
  #waiting: Promise<unknown>[] = []

  constructor(message: InvokeMessage, channel: Channel, onDone: (id: number) => void) {
    this.id = message.id
    this.body = new RequestBody(message.id, channel, message.end)
    this.outgoing = new FlowControlledSender(channel, message.id)
    this.#channel = channel
    this.#onDone = onDone
  }

  /** Runs the invocation to its end. Never rejects. */
  async handle(
    handler: Handler,
    details: StartDetails,
    message: InvokeMessage,
    payload: Buffer | undefined,
  ): Promise<void> {
    try {
      const request = this.#request(message, payload)
      const response = await handler(request, this.#context(message, details))
      if (!this.done) await sendResponse(this, this.#channel, response)
    } catch (thrown) {
      this.#fail(thrown instanceof InvalidResponse ? 'INVALID_RESPONSE' : 'HANDLER_ERROR', thrown)
    }
    this.body.unwanted()
    // A promise may register another one before it settles.
    while (this.#waiting.length > 0 && !this.done) {
      const waiting = this.#waiting
      this.#waiting = []
      await Promise.all(waiting)
    }
    this.#finish()
  }

  /** The client is gone. The handler and `waitUntil` go on; the host drops what comes of the response. */
  disconnect(reason: string): void {
    if (this.done || this.disconnected) return
    this.disconnected = true
    const error = new DOMException(`The client disconnected: ${reason}`, 'AbortError')
    if (!this.body.complete) this.body.abort(error)
    this.outgoing.close()
    if (this.source !== undefined) this.hold(this.source.cancel(error))
    this.#abort.abort(error)
  }

  /** `done` waits for the promise, whose rejection is ignored. */
  hold(promise: Promise<unknown>): void {
    this.#waiting.push(promise.catch(() => {}))
  }

  /** The host cancelled the invocation. Its code cannot be stopped here, but its messages are dropped. */
  cancel(reason: string): void {
    const error = new DOMException(`The invocation was cancelled: ${reason}`, 'AbortError')
    this.body.abort(error)
    this.source?.cancel(error).catch(() => {})
    try {
      this.#abort.abort(error)
    } finally {
      this.#finish()
    }
  }

  #request(message: InvokeMessage, payload: Buffer | undefined): Request {
    const { method } = message
    const headers = new Headers()
    for (const [name, value] of message.headers) headers.append(name, value)
    const init: RequestInit & { duplex: 'half' } = {
      method,
      headers,
      signal: this.#abort.signal,
      duplex: 'half',
    }
    const bodyless = method === 'GET' || method === 'HEAD'
    if (bodyless) this.body.unwanted()
    else if (!message.end) init.body = this.body.stream(payload)
    else if (payload !== undefined) init.body = payload
    const request = new Request(message.url, init)
    // Bun changes a method that it does not know to GET.
    if (request.method !== method) Object.defineProperty(request, 'method', { value: method })
    return request
  }

  #context(message: InvokeMessage, details: StartDetails): InvocationContext {
    return {
      env: details.env,
      waitUntil: (promise) => this.#waitUntil(promise),
      requestId: message.headers.find(([name]) => name === 'x-request-id')?.[1] ?? '',
      clientAddress: message.client,
      functionName: details.function,
      version: details.version,
      project: details.project,
      deadline: Date.now() + message.deadline_ms,
    }
  }

  #waitUntil(promise: unknown): void {
    this.#waiting.push(
      Promise.resolve(promise).catch((thrown) => {
        if (this.done) return
        const error = describeError(thrown)
        const text = `waitUntil rejected: ${errorText(error)}`
        sendLog(this.#channel, 'error', text, this.id)
      }),
    )
  }

  #fail(code: WorkerErrorCode, thrown: unknown): void {
    if (this.done) return
    const error = errorFields(describeError(thrown))
    this.#channel.sendLine(encodeLine({ type: 'error', id: this.id, code, ...error }))
  }

  #finish(): void {
    if (this.done) return
    this.done = true
    this.outgoing.close()
    const cpu = process.cpuUsage(this.#cpuAtStart)
    this.#report(cpu.user + cpu.system)
  }

  #report(cpuUs: number): void {
    if (process.memoryUsage.rss() - collectedAtBytes > COLLECT_AFTER_BYTES) {
      Bun.gc(true)
      collectedAtBytes = process.memoryUsage.rss()
    }
    this.#channel.sendLine(
      `{"type":"done","id":${this.id},"cpu_us":${cpuUs},"heap_bytes":${heapSize()}}\n`,
    )
    this.#onDone(this.id)
  }
}
