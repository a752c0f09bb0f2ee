/** One connection to a checked address, which carries one request at a time. */
import type { Socket } from 'node:net'
import type { buildConnector, Client, Dispatcher } from 'undici'
import UndiciClient from 'undici/lib/dispatcher/client.js'
import type { Connected } from './connect.ts'
import type { Target } from './target.ts'

export interface ConnectionLimits {
  /** Head of a response, names and values. */
  maxHeaderBytes: number
  /** From the request until the head of its response is there, ms. */
  headTimeoutMs: number
  /** Without a byte of the response's body, ms. */
  bodyTimeoutMs: number
  /** A connection without a request is closed after so long, ms. */
  keepAliveMs: number
}

export type DispatchOptions = Pick<
  Dispatcher.DispatchOptions,
  'path' | 'method' | 'headers' | 'body'
>

export class Connection {
  readonly address: string
  /** Requests that it carried. */
  used = 0
  readonly #client: Client
  #closed = false
  #onClose: (() => void) | undefined

  constructor({ socket, address }: Connected, target: Target, limits: ConnectionLimits) {
    this.address = address
    // An error that comes while nobody uses it is told by its end.
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
    this.#client.on('disconnect', () => this.close())
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Called once, when it is closed from either side. */
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

/** What the library throws at something that an upstream sent ends that connection, and nothing else. */
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

/** The library would connect anew to a name, once this socket is gone: it never may. */
function takeOnce(socket: Socket) {
  let taken = false
  return (_options: unknown, callback: buildConnector.Callback) => {
    const gone = taken || socket.destroyed
    taken = true
    // Called at once, the library would not go on to the request.
    queueMicrotask(() => {
      if (gone) callback(new Error('the connection is closed'), null)
      else callback(null, socket)
    })
  }
}
