/** Sends a Response: its head at once, and its body as fast as it is produced and credit allows. */
import type { Channel } from '../../src/worker/protocol/channel.ts'
import { encodeLine } from '../../src/worker/protocol/encode.ts'
import type { FlowControlledSender } from '../../src/worker/protocol/flow-control.ts'
import { CREDIT_WINDOW_BYTES, MAX_PAYLOAD_BYTES } from '../../src/worker/protocol/limits.ts'
import type { HeaderList } from '../../src/worker/worker.ts'
import { fitsLine } from './heads.ts'

/** The handler returned something that is not a valid response. */
export class InvalidResponse extends Error {}

/** What sending a response needs from its invocation. */
export interface Sender {
  readonly id: number
  readonly outgoing: FlowControlledSender
  readonly done: boolean
  /** The client is gone: of the response only its head and its end are sent. */
  readonly disconnected: boolean
  /** Keeps the invocation open until the promise has settled. */
  hold(promise: Promise<unknown>): void
  /** The source of the body, which is cancelled with the invocation. */
  source: ReadableStreamDefaultReader<unknown> | undefined
}

type Read = { done: boolean; value?: unknown }

/** @throws {InvalidResponse}, or what the stream of the response throws */
export async function sendResponse(run: Sender, channel: Channel, response: unknown) {
  if (!(response instanceof Response)) {
    throw new InvalidResponse('The handler returned no Response.')
  }
  const { status, body } = response
  if (status < 200 || status > 599)
    throw new InvalidResponse(`the status of the response is ${status}; it must be 200 to 599`)
  if (response.bodyUsed || body?.locked) {
    throw new InvalidResponse('The body of the Response was already read, or its stream is locked.')
  }
  if (run.disconnected) {
    if (body !== null) run.hold(body.cancel())
    sendEmpty(run, channel, status)
    return
  }
  const head = checkedHead(run.id, status, [...response.headers] as HeaderList)
  if (body === null) {
    channel.sendLine(`${head},"end":true}\n`)
    return
  }
  const reader = body.getReader() as ReadableStreamDefaultReader<unknown>
  run.source = reader
  const next = await sendStartOfBody(run, channel, head, reader)
  if (next !== undefined) await sendRest(run, channel, reader, next)
}

/** Nobody reads the response; the host learns from its head that the handler has ended. */
function sendEmpty(run: Sender, channel: Channel, status: number): void {
  channel.sendLine(encodeLine({ type: 'response', id: run.id, status, headers: [], end: true }))
}

/**
 * Sends the head, together with the body if that is available at once and small, or with the length of a
 * whole body. The head of a slow stream is sent before its first byte.
 *
 * @returns what was read but not sent; undefined when the response is complete
 */
async function sendStartOfBody(
  run: Sender,
  channel: Channel,
  head: string,
  reader: ReadableStreamDefaultReader<unknown>,
): Promise<Read | undefined> {
  const parts: Uint8Array[] = []
  let bytes = 0
  let pending = read(reader)
  let part = await soon(pending)
  while (part !== undefined && !part.done && bytes <= CREDIT_WINDOW_BYTES) {
    // Copied, because a stream may use its buffer again once its next part is read.
    const copy = toBytes(part.value).slice()
    parts.push(copy)
    bytes += copy.length
    pending = read(reader)
    part = await soon(pending)
  }
  if (run.done) return undefined
  const whole = part?.done === true
  if (run.disconnected) {
    channel.sendLine(`${head},"end":true}\n`)
    return undefined
  }
  if (whole && bytes <= MAX_PAYLOAD_BYTES) {
    sendWhole(run, channel, head, parts)
    return undefined
  }
  channel.sendLine(`${head}${whole ? `,"length":${bytes}` : ''},"end":false}\n`)
  for (const one of parts) run.outgoing.write(one)
  await run.outgoing.drained()
  return part ?? pending
}

function sendWhole(run: Sender, channel: Channel, head: string, parts: Uint8Array[]): void {
  const body = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts)
  if (body.length === 0) {
    channel.sendLine(`${head},"end":true}\n`)
    return
  }
  run.outgoing.spend(body.length)
  channel.sendLine(`${head},"bytes":${body.length},"end":true}\n`)
  channel.sendBytes(body)
}

async function sendRest(
  run: Sender,
  channel: Channel,
  reader: ReadableStreamDefaultReader<unknown>,
  next: Read,
): Promise<void> {
  let part = next
  while (!part.done && !run.done && !run.disconnected) {
    run.outgoing.write(toBytes(part.value))
    await run.outgoing.drained()
    if (run.done) return
    part = await read(reader)
  }
  if (!run.disconnected) run.outgoing.end()
  else if (!run.done) channel.sendLine(`{"type":"end","id":${run.id}}\n`)
}

/** The line of the head, without `bytes`, `end` and its closing brace. */
function checkedHead(id: number, status: number, headers: HeaderList): string {
  const line = encodeLine({ type: 'response', id, status, headers }).slice(0, -2)
  if (!fitsLine(line, headers)) {
    throw new InvalidResponse(
      'the response has more than 2,000 headers, or more than 64 KiB of them',
    )
  }
  return line
}

function read(reader: ReadableStreamDefaultReader<unknown>): Promise<Read> {
  const reading = reader.read() as Promise<Read>
  // Nobody awaits it if the invocation ends first.
  reading.catch(() => {})
  return reading
}

/** Resolves with the value of the promise, or with undefined if that takes longer than one turn of the event loop. */
function soon<T>(promise: Promise<T>): Promise<T | undefined> {
  const turn = new Promise<undefined>((resolve) => setImmediate(resolve, undefined))
  return Promise.race([promise, turn])
}

function toBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return new TextEncoder().encode(value)
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  }
  throw new TypeError('a chunk of the response body is neither bytes nor a string')
}
