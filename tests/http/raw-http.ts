/** HTTP/1.x over a raw socket: bytes as a test writes them, and every response that comes back. */
import { connect } from 'node:net'

export interface RawResponse {
  version: string
  status: number
  headers: Headers
  /** Without its chunked coding. Bytes as Latin-1. */
  body: string
  /** Its end was received. */
  complete: boolean
}

export interface Exchanged {
  /** All bytes of the server, as Latin-1. */
  text: string
  responses: RawResponse[]
  /** The server closed the connection. */
  closed: boolean
  reset: boolean
}

interface ExchangeOptions {
  /** Final responses after which the exchange is over. */
  expect?: number
  /** Bound for a server that neither answers nor closes, ms. */
  waitMs?: number
  /** How long the connection is watched for its end after the last response, ms. */
  lingerMs?: number
  /** Sends FIN behind the last part. */
  halfClose?: boolean
  /** Of a HEAD request: the responses have no body. */
  head?: boolean
}

/**
 * Sends the parts one after another and reads until the expected responses came, or the server closed.
 * A number waits that many ms, and ends at the first byte of the server.
 */
export async function exchange(
  port: number,
  parts: (string | Uint8Array | number)[],
  options: ExchangeOptions = {},
): Promise<Exchanged> {
  const { expect = 1, waitMs = 5_000, lingerMs = 60, halfClose = false, head = false } = options
  let text = ''
  let reset = false
  let closed = false
  let changed = Promise.withResolvers<void>()
  const wake = () => {
    changed.resolve()
    changed = Promise.withResolvers<void>()
  }
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    wake()
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE') reset = true
    closed = true
    wake()
  })
  socket.on('end', () => {
    closed = true
    wake()
  })
  const sleepOrChange = (ms: number) => Promise.race([changed.promise, Bun.sleep(ms)])
  for (const part of parts) {
    if (typeof part === 'number') await sleepOrChange(part)
    else socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part)
  }
  if (halfClose) socket.end()
  const end = performance.now() + waitMs
  const isHttp1 = () => 'HTTP/1'.startsWith(text.slice(0, 6))
  const enough = () =>
    !isHttp1() ||
    parseResponses(text, closed, head).filter((one) => one.status >= 200 && one.complete).length >=
      expect
  while (!closed && !enough()) {
    const left = end - performance.now()
    if (left <= 0) break
    await sleepOrChange(left)
  }
  const lingerEnd = performance.now() + lingerMs
  while (!closed && performance.now() < lingerEnd)
    await sleepOrChange(lingerEnd - performance.now())
  socket.destroy()
  return { text, responses: parseResponses(text, closed, head), closed, reset }
}

/** Splits what a server sent into its responses. What is no response ends the list. */
export function parseResponses(text: string, closed: boolean, head: boolean): RawResponse[] {
  const responses: RawResponse[] = []
  for (let at = 0; at < text.length; ) {
    const bodyAt = text.indexOf('\r\n\r\n', at) + 4
    const line = /^(HTTP\/\d\.\d) (\d{3})/.exec(text.slice(at, at + 12))
    if (bodyAt < 4 || line === null) break
    const headers = headersOf(text.slice(text.indexOf('\r\n', at) + 2, bodyAt - 4))
    const status = Number(line[2])
    const bodyless = head || status < 200 || status === 204 || status === 304
    const { body, next, complete } = bodyless
      ? { body: '', next: bodyAt, complete: true }
      : bodyOf(text, bodyAt, headers, closed)
    responses.push({ version: line[1] as string, status, headers, body, complete })
    at = next
  }
  return responses
}

function headersOf(block: string): Headers {
  const headers = new Headers()
  for (const line of block.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  return headers
}

function bodyOf(text: string, from: number, headers: Headers, closed: boolean) {
  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return chunkedBody(text, from)
  const length = headers.get('content-length')
  if (length === null) return { body: text.slice(from), next: text.length, complete: closed }
  const next = from + Number(length)
  const complete = next <= text.length
  return { body: text.slice(from, next), next: Math.min(next, text.length), complete }
}

function chunkedBody(text: string, from: number) {
  let body = ''
  for (let at = from; ; ) {
    const lineEnd = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    const next = lineEnd + 2 + size + 2
    if (lineEnd < 0 || next > text.length) return { body, next: text.length, complete: false }
    if (size === 0) return { body, next, complete: true }
    body += text.slice(lineEnd + 2, next - 2)
    at = next
  }
}
