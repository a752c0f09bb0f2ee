/** IncomingMessage of node:http, on the Response of a fetch. */

import { Buffer } from 'node:buffer'
import { Readable } from 'node:stream'
import { nodeError } from './errors.ts'

const byName = () => Object.create(null)

/** @param raw names and values by turns */
function collect(raw) {
  const [headers, distinct] = [byName(), byName()]
  for (let i = 0; i < raw.length; i += 2) {
    const [name, value] = [raw[i].toLowerCase(), raw[i + 1]]
    if (name === 'set-cookie') {
      headers[name] ??= []
      headers[name].push(value)
    } else {
      headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
    }
    distinct[name] ??= []
    distinct[name].push(value)
  }
  return { headers, distinct }
}

export class IncomingMessage extends Readable {
  httpVersion = '1.1'
  httpVersionMajor = 1
  httpVersionMinor = 1
  complete = false
  aborted = false
  upgrade = null
  url = ''
  method = null
  statusCode = null
  statusMessage = null
  rawHeaders = []
  rawTrailers = []
  trailers = byName()
  trailersDistinct = byName()
  req = undefined
  #all
  #reader
  #reading = false
  #onBytes

  constructor(socket = null) {
    super({ autoDestroy: true })
    this.socket = socket
    this.client = socket
  }

  get connection() {
    return this.socket
  }

  get headers() {
    this.#all ??= collect(this.rawHeaders)
    return this.#all.headers
  }

  set headers(value) {
    this.#all ??= collect(this.rawHeaders)
    this.#all.headers = value
  }

  get headersDistinct() {
    this.#all ??= collect(this.rawHeaders)
    return this.#all.distinct
  }

  setTimeout(ms, callback) {
    this.req?.setTimeout(ms, callback)
    return this
  }

  /** Takes what a fetch received. `onBytes` is called for each part of the body. */
  _receive(response, onBytes) {
    this.statusCode = response.status
    this.statusMessage = response.statusText
    for (const line of response.headers) this.rawHeaders.push(...line)
    this.#onBytes = onBytes
    this.#reader = response.body?.getReader()
    if (this.#reader === undefined) this.#finish()
  }

  #finish() {
    this.complete = true
    this.push(null)
  }

  _read() {
    if (this.#reading || this.#reader === undefined || this.complete) return
    this.#reading = true
    this.#reader.read().then(
      ({ done, value }) => {
        this.#reading = false
        if (this.destroyed) return
        this.#onBytes()
        if (done) this.#finish()
        else this.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
      },
      (error) => {
        this.#reading = false
        this.destroy(resetBy(error))
      },
    )
  }

  _destroy(error, done) {
    if (!this.complete || !this.readableEnded) {
      this.#reader?.cancel(error).catch(() => {})
    }
    if (!this.complete && !this.aborted) {
      this.aborted = true
      this.emit('aborted')
    }
    this.req?._responseClosed(this)
    // An error that nobody listens for would end a handler that has all it wants.
    if (error !== null && this.listenerCount('error') === 0) done(null)
    else done(error)
  }

  /** Reads the rest and drops it. */
  _dump() {
    this.resume()
  }
}

export function resetBy(cause) {
  const code = typeof cause?.code === 'string' ? cause.code : 'ECONNRESET'
  const message = code === 'ECONNRESET' ? 'aborted' : String(cause?.message)
  const error = nodeError(code, message)
  Object.defineProperty(error, 'cause', { value: cause, writable: true, configurable: true })
  return error
}
