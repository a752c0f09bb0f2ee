/** OutgoingMessage of node:http: a stream to write, with headers that are sent before it. */

import { Buffer } from 'node:buffer'
import { Writable } from 'node:stream'
import { invalidArgType, nodeError } from './errors.ts'
import { OutgoingHeaders } from './http-headers.ts'

const encoder = new TextEncoder()

/** What is not a string is left to the stream, which checks it. */
function bytesOf(chunk, encoding = 'utf8') {
  if (typeof chunk !== 'string') return chunk
  return /^utf-?8$/i.test(encoding) ? encoder.encode(chunk) : Buffer.from(chunk, encoding)
}

export class OutgoingMessage extends Writable {
  #headers = new OutgoingHeaders()
  headersSent = false
  finished = false
  sendDate = false
  shouldKeepAlive = true
  chunkedEncoding = false
  useChunkedEncodingByDefault = true
  socket = null

  constructor(options = undefined) {
    super({ ...options, autoDestroy: false, emitClose: false })
  }

  get connection() {
    return this.socket
  }

  get _headers() {
    return this.getHeaders()
  }

  #changing(what) {
    if (this.headersSent) {
      const message = `Cannot ${what} headers after they are sent to the client`
      throw nodeError('ERR_HTTP_HEADERS_SENT', message)
    }
  }

  setHeader(name, value) {
    this.#changing('set')
    this.#headers.set(name, value)
    return this
  }

  setHeaders(headers) {
    this.#changing('set')
    if (headers === null || typeof headers !== 'object' || Array.isArray(headers)) {
      throw invalidArgType('headers', 'an instance of Headers or Map', headers)
    }
    if (typeof headers[Symbol.iterator] !== 'function') {
      throw invalidArgType('headers', 'an instance of Headers or Map', headers)
    }
    const given = new Map()
    for (const [name, value] of headers) {
      const before = given.get(name)
      given.set(name, before === undefined ? value : [before, value].flat())
    }
    for (const [name, value] of given) this.#headers.set(name, value)
    return this
  }

  appendHeader(name, value) {
    this.#changing('append')
    this.#headers.append(name, value)
    return this
  }

  getHeader(name) {
    return this.#headers.get(name)
  }

  getHeaders() {
    return this.#headers.toObject()
  }

  getHeaderNames() {
    return this.#headers.names()
  }

  getRawHeaderNames() {
    return this.#headers.rawNames()
  }

  hasHeader(name) {
    return this.#headers.has(name)
  }

  removeHeader(name) {
    this.#changing('remove')
    this.#headers.remove(name)
  }

  /** The service sends no trailers: they are left out, as many servers do. */
  addTrailers() {}

  flushHeaders() {}

  write(chunk, encoding, done) {
    if (typeof encoding === 'function') return super.write(bytesOf(chunk), encoding)
    return super.write(bytesOf(chunk, encoding), done)
  }

  end(chunk, encoding, done) {
    this.finished = true
    if (typeof chunk === 'function') return super.end(chunk)
    if (typeof encoding === 'function') return super.end(bytesOf(chunk), encoding)
    return super.end(bytesOf(chunk, encoding), done)
  }

  /** The headers to send, as pairs. */
  _lines() {
    return this.#headers.lines()
  }
}
