/**
 * ClientRequest of node:http, on the worker's fetch: the service resolves, checks and connects. A
 * body that is complete in the turn of its first byte is sent whole, another one as a stream.
 */

import { Buffer } from 'node:buffer'
import { aborted, invalidArgType, nodeError, notAvailable } from './errors.ts'
import { IncomingMessage } from './http-incoming.js'
import { OutgoingMessage } from './http-outgoing.js'
import { RequestSocket } from './http-socket.js'
import { readArguments, targetOf, urlOf } from './http-target.js'
import { validateFunction } from './validate.ts'

const { fetch, Headers, Request } = globalThis

/** Errors whose names Node gives to the call that failed. */
const SYSCALLS = {
  __proto__: null,
  ENOTFOUND: ['getaddrinfo', -3008],
  ENODATA: ['getaddrinfo', -3007],
  EAI_AGAIN: ['getaddrinfo', -3001],
  EAI_FAIL: ['getaddrinfo', -3004],
  ECONNREFUSED: ['connect', -111],
  EHOSTUNREACH: ['connect', -113],
  ENETUNREACH: ['connect', -101],
  ETIMEDOUT: ['connect', -110],
  ECONNRESET: ['read', -104],
}

/** The error of a failed fetch, as an error of a socket. */
function socketError(failure, host) {
  const { cause } = failure
  const code = cause?.code ?? failure.code
  const [syscall, errno] = SYSCALLS[code] ?? []
  const said = cause?.message ?? failure.message
  const text = syscall === undefined ? said : `${syscall} ${code} ${host}: ${said}`
  const error = typeof code === 'string' ? nodeError(code, text) : new Error(text)
  if (syscall !== undefined) Object.assign(error, { errno, syscall, hostname: host })
  Object.defineProperty(error, 'cause', { value: failure, writable: true, configurable: true })
  return error
}

function msOf(ms) {
  if (typeof ms !== 'number') throw invalidArgType('msecs', 'of type number', ms)
  return ms >= 0 && ms < 2 ** 31 ? ms : 2 ** 31 - 1
}

export class ClientRequest extends OutgoingMessage {
  aborted = false
  reusedSocket = false
  maxHeadersCount = null
  res = null
  timeoutCb = null
  #target
  #url
  #abortFetch = new AbortController()
  /** Parts of the body before the fetch has started. */
  #parts = []
  /** Controls the stream of the body, when there is one. */
  #stream
  #taken
  #started = false
  #closed = false
  #timer
  #timeoutMs = 0
  #signal
  #onSignal

  constructor(input, options, callback, fallback) {
    super()
    const [given, done] = readArguments(input, options, callback)
    this.#target = targetOf(given, fallback)
    this.#url = urlOf(this.#target)
    const { agent, protocol, host, path, method } = this.#target
    Object.assign(this, { agent, protocol, host, path, method })
    this.#addHeaders(given)
    if (done !== undefined) {
      validateFunction(done, 'callback')
      this.once('response', done)
    }
    this.socket = new RequestSocket(this, protocol === 'https:')
    if (given.timeout !== undefined) this.setTimeout(given.timeout)
    this.#follow(given.signal)
    queueMicrotask(() => this.#begin())
  }

  #addHeaders({ headers, auth, setHost, joinDuplicateHeaders: _ }) {
    if (Array.isArray(headers)) this.#addList(headers)
    else for (const name in headers ?? {}) this.setHeader(name, headers[name])
    if (auth && !this.hasHeader('authorization')) {
      this.setHeader('Authorization', `Basic ${Buffer.from(String(auth)).toString('base64')}`)
    }
    const { host, port, agent } = this.#target
    if (setHost !== false && !this.hasHeader('host')) {
      const name = host.includes(':') ? `[${host}]` : host
      const known = Number(port) === agent.defaultPort
      this.setHeader('Host', known ? name : `${name}:${port}`)
    }
  }

  /** Either pairs, or names and values by turns. */
  #addList(list) {
    if (Array.isArray(list[0])) for (const [name, value] of list) this.appendHeader(name, value)
    else for (let i = 0; i + 1 < list.length; i += 2) this.appendHeader(list[i], list[i + 1])
  }

  #follow(signal) {
    if (signal === undefined || signal === null) return
    this.#signal = signal
    this.#onSignal = () => this.destroy(aborted(signal.reason))
    if (signal.aborted) queueMicrotask(this.#onSignal)
    else signal.addEventListener('abort', this.#onSignal, { once: true })
  }

  #begin() {
    if (this.destroyed) return
    this.emit('socket', this.socket)
    this.#stir()
    if (/^100-continue$/i.test(String(this.getHeader('expect') ?? ''))) this.emit('continue')
  }

  onSocket() {}

  setNoDelay() {}

  setSocketKeepAlive() {}

  clearTimeout(callback) {
    return this.setTimeout(0, callback)
  }

  /** The time without a byte after which `timeout` is emitted. 0 means none. */
  setTimeout(ms, callback) {
    this.#timeoutMs = msOf(ms)
    if (callback !== undefined) {
      validateFunction(callback, 'callback')
      if (this.#timeoutMs === 0) this.removeListener('timeout', callback)
      else this.once('timeout', callback)
    }
    this.timeout = this.#timeoutMs
    this.socket.timeout = this.#timeoutMs
    this.#stir()
    return this
  }

  /** Something happened: the time begins again. */
  #stir() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#timeoutMs === 0 || this.#closed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.socket.emit('timeout')
      this.emit('timeout')
    }, this.#timeoutMs)
  }

  /** Sends the head, before there is a body. */
  flushHeaders() {
    if (this.#started || this.destroyed) return
    if (this.method === 'GET' || this.method === 'HEAD') return
    queueMicrotask(() => this.#startStream())
  }

  _write(chunk, _encoding, done) {
    if (this.destroyed) return done()
    this.#stir()
    if (this.#stream !== undefined) return this.#pass(chunk, done)
    if (this.#started) return done()
    this.#parts.push(chunk)
    if (this.#parts.length === 1) {
      queueMicrotask(() => {
        if (!this.writableEnded) this.#startStream()
      })
    }
    done()
  }

  #pass(chunk, done) {
    this.socket.bytesWritten += chunk.byteLength
    try {
      this.#stream.enqueue(chunk)
    } catch {
      // The upstream wants no more.
      return done()
    }
    if (this.#stream.desiredSize > 0) done()
    else this.#taken = done
  }

  _final(done) {
    done()
    if (this.destroyed) return
    if (this.#stream !== undefined) {
      try {
        this.#stream.close()
      } catch {
        // The upstream wanted no more.
      }
      return
    }
    if (this.#started) return
    const parts = this.#parts
    this.#parts = []
    const body = parts.length > 0 ? Buffer.concat(parts) : undefined
    this.socket.bytesWritten += body?.byteLength ?? 0
    this.#start(body?.byteLength > 0 ? { body } : {})
  }

  #startStream() {
    if (this.#started || this.destroyed) return
    const release = () => {
      const done = this.#taken
      this.#taken = undefined
      if (done === undefined) return
      this.#stir()
      done()
    }
    const body = new ReadableStream(
      {
        start: (controller) => {
          this.#stream = controller
          for (const part of this.#parts) controller.enqueue(part)
          this.#parts = []
          if (this.writableFinished) controller.close()
        },
        pull: release,
        cancel: release,
      },
      { highWaterMark: 1 },
    )
    this.#start({ body, duplex: 'half' })
  }

  #start(body) {
    this.#started = true
    this.headersSent = true
    let request
    try {
      request = this.#request(body)
    } catch (error) {
      queueMicrotask(() => this.destroy(error))
      return
    }
    fetch(request).then(
      (response) => this.#respond(response),
      (error) => {
        if (!this.destroyed) this.destroy(socketError(error, this.host))
      },
    )
  }

  #request(body) {
    if (this.#url === undefined) {
      const { host, path } = this.#target
      const what = JSON.stringify(this.#target.origin === undefined ? host : path)
      throw nodeError(
        'ERR_INVALID_URL',
        `A request to ${what} is not possible: the host must be a name or an address, and the path begins with /`,
      )
    }
    if (body.body !== undefined && (this.method === 'GET' || this.method === 'HEAD')) {
      throw notAvailable(`http.request with a body and the method ${this.method}`)
    }
    if (/^(?:CONNECT|TRACE|TRACK)$/.test(this.method)) {
      throw notAvailable(`http.request with the method ${this.method}`)
    }
    const headers = new Headers()
    for (const [name, value] of this._lines()) headers.append(name, value)
    const { method } = this
    const { signal } = this.#abortFetch
    return new Request(this.#url, { method, headers, redirect: 'manual', signal, ...body })
  }

  #respond(response) {
    if (this.destroyed) {
      response.body?.cancel().catch(() => {})
      return
    }
    this.#stir()
    const message = new IncomingMessage(this.socket)
    message.req = this
    this.res = message
    message._receive(response, () => this.#stir())
    if (!this.emit('response', message)) message._dump()
  }

  /** The response is over, or was destroyed. */
  _responseClosed(message) {
    if (!message.complete) this.#abortFetch.abort()
    this.#close()
  }

  abort() {
    if (this.aborted) return
    this.aborted = true
    queueMicrotask(() => this.emit('abort'))
    this.destroy()
  }

  destroy(error = undefined) {
    if (this.destroyed) return this
    super.destroy(error)
    return this
  }

  _destroy(error, done) {
    this.#abortFetch.abort()
    const taken = this.#taken
    this.#taken = undefined
    taken?.()
    const { res } = this
    if (res !== null && !res.complete) res.destroy(nodeError('ECONNRESET', 'aborted'))
    const hangUp = res === null ? nodeError('ECONNRESET', 'socket hang up') : null
    done(error ?? hangUp)
    queueMicrotask(() => this.#close())
  }

  #close() {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onSignal)
    queueMicrotask(() => {
      this.socket._close(this.errored !== null && this.errored !== undefined)
      this.emit('close')
    })
  }
}
