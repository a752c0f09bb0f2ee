/** Keeps idle connections for the next request, each for one function, host and address. */
import { type ConnectOptions, connectTo } from './connect.ts'
import { Connection, type ConnectionLimits } from './connection.ts'
import type { Target } from './target.ts'

/** Idle connections of all functions together; above this the oldest one is closed. */
const MAX_IDLE = 256

export type ConnectionsOptions = ConnectionLimits & ConnectOptions

export class Connections {
  #options: ConnectionsOptions
  /** Idle connections, the oldest first. */
  readonly #idle = new Map<Connection, string>()

  constructor(options: ConnectionsOptions) {
    this.#options = options
  }

  /** Applies to new connections. Idle ones, which have the old timeouts, are closed. */
  configure(options: ConnectionsOptions): void {
    this.#options = options
    this.close()
  }

  /**
   * An idle connection to one of the addresses, or a new one.
   *
   * @param owner the function; connections are not shared, so that bytes which an upstream left in one
   *   cannot reach another function
   * @param fresh opens a new connection although an idle one may exist
   */
  async take(
    owner: string,
    target: Target,
    addresses: readonly string[],
    signal: AbortSignal,
    fresh = false,
  ): Promise<Connection> {
    for (const address of fresh ? [] : addresses) {
      const kept = this.#takeIdle(keyOf(owner, target, address))
      if (kept !== undefined) return kept
    }
    const connected = await connectTo(target, addresses, this.#options, signal)
    return new Connection(connected, target, this.#options)
  }

  /** Keeps a connection whose request is over, unless it was closed. */
  release(owner: string, target: Target, connection: Connection): void {
    // The library reports the end of a response before it closes a connection that cannot be reused.
    setImmediate(() => {
      if (connection.closed) return
      this.#idle.set(connection, keyOf(owner, target, connection.address))
      connection.onClose(() => this.#idle.delete(connection))
      if (this.#idle.size > MAX_IDLE) this.#idle.keys().next().value?.close()
    })
  }

  close(): void {
    for (const connection of [...this.#idle.keys()]) connection.close()
  }

  #takeIdle(key: string): Connection | undefined {
    for (const [connection, of] of this.#idle) {
      if (of !== key) continue
      this.#idle.delete(connection)
      return connection
    }
    return undefined
  }
}

function keyOf(owner: string, { url }: Target, address: string): string {
  return `${owner} ${url.origin} ${address}`
}
