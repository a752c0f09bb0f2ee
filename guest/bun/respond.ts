/** Sends a Response: its head at once, its body as fast as it comes and credit allows. */
import type { Channel } from '../../src/worker/protocol/channel.ts'
import { encodeLine } from '../../src/worker/protocol/encode.ts'
import type { FlowControlledSender } from '../../src/worker/protocol/flow-control.ts'
import { MAX_PAYLOAD_BYTES } from '../../src/worker/protocol/limits.ts'
import type { HeaderList } from '../../src/worker/worker.ts'
import { fitsLine } from './heads.ts'

/** The handler returned something that is no response. */
export class InvalidResponse extends Error {}

/** What sending needs of its invocation. */
export interface Sender {
  readonly id: number
  readonly outgoing: FlowControlledSender
  readonly done: boolean
  /** Where the body comes from, to be cancelled with the invocation. */
  source: ReadableStreamDefaultReader<unknown> | undefined
}

type Read = { done: boolean; value?: unknown }

/** @throws {InvalidResponse} and what the response's own stream throws */
export async function sendResponse(run: Sender, channel: Channel, response: unknown) {
  if (!(response instanceof Response)) {
    throw new InvalidResponse('the handler returned no Response')
  }
  const { status, body } = response
  if (status < 200 || status > 599) throw new InvalidResponse(`a response of status ${status}`)
  if (response.bodyUsed || body?.locked) {
    throw new InvalidResponse('the body of the response is in use or was read before')
  }
  const head = checkedHead(run.id, status, [...response.headers] as HeaderList)
  if (body === null) {
    channel.sendLine(`${head},"end":true}\n`)
    return
  }
  const reader = body.getReader() as ReadableStreamDefaultReader<unknown>
  run.source = reader
  const next = await sendStartOfBody(run, channel, head, reader)
  if (next !== undefined) await sendRest(run, reader, next)
}

/**
 * Sends the head, with the body where that is small and there. A stream that takes its time gets its
 * head out before its first byte.
 *
 * @returns what was read and not sent; undefined when the response is complete
 */
async function sendStartOfBody(
  run: Sender,
  channel: Channel,
  head: string,
  reader: ReadableStreamDefaultReader<unknown>,
): Promise<Read | undefined> {
  const pending = read(reader)
  const first = await soon(pending)
  if (run.done) return undefined
  if (first === undefined) {
    channel.sendLine(`${head},"end":false}\n`)
    return pending
  }
  if (first.done) {
    channel.sendLine(`${head},"end":true}\n`)
    return undefined
  }
  const bytes = toBytes(first.value)
  if (bytes.length === 0 || bytes.length > MAX_PAYLOAD_BYTES) {
    channel.sendLine(`${head},"end":false}\n`)
    return first
  }
  const next = read(reader)
  const whole = (await soon(next))?.done === true
  if (run.done) return undefined
  run.outgoing.spend(bytes.length)
  channel.sendLine(`${head},"bytes":${bytes.length},"end":${whole}}\n`)
  channel.sendBytes(bytes)
  return whole ? undefined : next
}

async function sendRest(
  run: Sender,
  reader: ReadableStreamDefaultReader<unknown>,
  next: Read,
): Promise<void> {
  let part = next
  while (!part.done && !run.done) {
    run.outgoing.write(toBytes(part.value))
    await run.outgoing.drained()
    if (run.done) return
    part = await read(reader)
  }
  run.outgoing.end()
}

/** The line of the head, open for `bytes` and `end`. */
function checkedHead(id: number, status: number, headers: HeaderList): string {
  const line = encodeLine({ type: 'response', id, status, headers }).slice(0, -2)
  if (!fitsLine(line, headers)) {
    throw new InvalidResponse('the headers of the response are more than 2,000, or pass 64 KiB')
  }
  return line
}

function read(reader: ReadableStreamDefaultReader<unknown>): Promise<Read> {
  const reading = reader.read() as Promise<Read>
  // An invocation that ends meanwhile leaves nobody to await it.
  reading.catch(() => {})
  return reading
}

/** What the promise gives before the event loop turns; undefined where it takes longer. */
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
