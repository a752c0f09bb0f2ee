/** Connections that are kept for the next request: each to one address, for one host, of one function. */
import { connectTo } from './connect.ts'
import { Connection, type ConnectionLimits } from './connection.ts'
import type { Target } from './target.ts'

/** Kept without a request, of all functions together; the oldest goes first. */
const MAX_IDLE = 256

export interface ConnectionsOptions extends ConnectionLimits {
  connectTimeoutMs: number
}

export class Connections {
  readonly #options: ConnectionsOptions
  /** Idle ones, the oldest first. */
  readonly #idle = new Map<Connection, string>()

  constructor(options: ConnectionsOptions) {
    this.#options = options
  }

  /**
   * An idle connection to one of the addresses, or a new one.
   *
   * @param owner whose it is: what an upstream left in a connection reaches nobody else
   * @param fresh a kept one will not do
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
    const connected = await connectTo(target, addresses, this.#options.connectTimeoutMs, signal)
    return new Connection(connected, target, this.#options)
  }

  /** Its request is over; where it still stands, it is kept. */
  release(owner: string, target: Target, connection: Connection): void {
    // The library closes what cannot be used again only after it has told of the end.
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
