/**
 * One connection to a checked address, which carries one request at a time.
 *
 * Three things here depend on the inside of the library. The imports of undici/lib break when undici
 * moves these files; the build and every test in tests/egress notice. `contain` breaks when undici no
 * longer listens to the socket's events through `emit`, `skipContinue` when its parser changes;
 * connection.test.ts notices.
 */
import type { Socket } from 'node:net'
import type { Client, Dispatcher } from 'undici'
import { kParser } from 'undici/lib/core/symbols.js'
import UndiciClient from 'undici/lib/dispatcher/client.js'
import type { Connected } from './connect.ts'
import { takeOnce } from './take-once.ts'
import type { Target } from './target.ts'

export interface ConnectionLimits {
  /** Size of a response head, names and values. */
  maxHeaderBytes: number
  /** Longest time from the request to the head of its response, ms. */
  headTimeoutMs: number
  /** Longest time without a byte of the response's body, ms. */
  bodyTimeoutMs: number
  /** Time after which a connection without a request is closed, ms. */
  keepAliveMs: number
}

export type DispatchOptions = Pick<
  Dispatcher.DispatchOptions,
  'path' | 'method' | 'headers' | 'body'
>

export class Connection {
  readonly address: string
  /** Number of requests that it has carried. */
  used = 0
  readonly #client: Client
  #closed = false
  #onClose: (() => void) | undefined

  constructor({ socket, address }: Connected, target: Target, limits: ConnectionLimits) {
    this.address = address
    // An error while the connection is idle needs no handling: `disconnect` follows.
    socket.on('error', () => {})
    contain(socket)
    this.#client = new UndiciClient(target.url.origin, {
      connect: takeOnce(socket),
      pipelining: 1,
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headTimeoutMs,
      bodyTimeout: limits.bodyTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
      keepAliveMaxTimeout: limits.keepAliveMs,
    })
    this.#client.on('connect', () => skipContinue(socket))
    this.#client.on('disconnect', () => this.close())
  }

  get closed(): boolean {
    return this.#closed
  }

  /** `listener` is called once, when either side closes the connection. */
  onClose(listener: () => void): void {
    this.#onClose = listener
  }

  send(options: DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.used++
    this.#client.dispatch(options as Dispatcher.DispatchOptions, handler)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#client.destroy().catch(() => {})
    this.#onClose?.()
  }
}

/**
 * Limits the damage of an exception that the library throws while it handles an upstream's bytes: it
 * closes this connection. Uncaught, it would end the service.
 */
function contain(socket: Socket): void {
  const { emit } = socket
  socket.emit = (...args: Parameters<Socket['emit']>) => {
    try {
      return Reflect.apply(emit, socket, args)
    } catch (cause) {
      socket.destroy(cause as Error)
      return true
    }
  }
}

const CONTINUE = 100
const PROCESSING = 102

interface Parser {
  onHeadersComplete(status: number, upgrade: boolean, keepAlive: boolean): number
}

/**
 * The library closes a connection on which `100 Continue` comes, because it never asks for one. A client
 * must skip it all the same (RFC 9110, 15.2), as it does every other 1xx: it is shown as one of those.
 */
function skipContinue(socket: Socket & { [kParser]?: Parser }): void {
  const parser = socket[kParser]
  if (parser === undefined) return
  const { onHeadersComplete } = parser
  parser.onHeadersComplete = (status, upgrade, keepAlive) => {
    const shown = status === CONTINUE ? PROCESSING : status
    return onHeadersComplete.call(parser, shown, upgrade, keepAlive)
  }
}
