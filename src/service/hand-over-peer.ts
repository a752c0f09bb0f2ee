/**
 * The connection between a service and the process that takes over from it: JSON lines on a socket pair.
 *
 *     the service (predecessor)               the new process (successor)
 *       begin     ->                            starts beside it; changes nothing
 *                                      <-       prepared
 *       stops changes, releases the lock
 *       take      ->                            takes the lock, migrates the tables
 *                                      <-       adopted: it accepts connections as well
 *       stops accepting
 *       alone     ->                            checks that it is served by itself, takes the management socket
 *                                      <-       ready
 *       main      ->                            reports to the service manager from now on
 *
 * Each message is sent once; `failed` may come in place of any message of the successor. The two may be of different
 * releases, so a change that is not an addition needs another number in `HAND_OVER`.
 */
import type { Socket } from 'bun'
import { z } from 'zod'
import { connectFd } from '../worker/protocol/connect-fd.ts'

/** The number of this protocol. `functions version --json` has it, so that an upgrade knows before it begins. */
export const HAND_OVER = 1

/** Descriptors of the successor. */
export const LISTENER_FD = 3
export const CHANNEL_FD = 4
/** The socket of the management API over TCP, where the service has one. */
export const MANAGEMENT_FD = 5

const message = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('begin'),
    host: z.string(),
    port: z.int(),
    /** What the management API listens on, if `MANAGEMENT_FD` is its socket. */
    adminListen: z.string().optional(),
    /** Absolute, without symbolic links. */
    dataDir: z.string(),
    /** Where the executable is installed; an upgrade starts it under another name. */
    installed: z.string(),
  }),
  z.object({ type: z.literal('take') }),
  z.object({ type: z.literal('alone') }),
  z.object({ type: z.literal('main') }),
  z.object({ type: z.literal('prepared') }),
  z.object({ type: z.literal('adopted') }),
  z.object({ type: z.literal('ready'), release: z.string() }),
  z.object({ type: z.literal('failed'), message: z.string() }),
])

export type HandOverMessage = z.infer<typeof message>
type TypeName = HandOverMessage['type']
type Of<T extends TypeName> = Extract<HandOverMessage, { type: T }>

/** The peer ended, or closed the connection. */
export class PeerGone extends Error {}

export class HandOverPeer {
  readonly #waiting = new Map<TypeName, PromiseWithResolvers<HandOverMessage>>()
  #socket: Socket<undefined> | undefined
  #text = ''
  #gone = false

  /** @param fd a stream socket, which then belongs to the peer */
  static async connect(fd: number): Promise<HandOverPeer> {
    const peer = new HandOverPeer()
    const decoder = new TextDecoder()
    peer.#socket = await connectFd(fd, undefined, {
      data: (_socket, bytes) => peer.#received(decoder.decode(bytes, { stream: true })),
      close: () => peer.#closed(),
      error: () => peer.#closed(),
    })
    return peer
  }

  /** The messages are small: the socket takes each at once. */
  send(content: HandOverMessage): void {
    this.#socket?.write(messageLine(content))
    this.#socket?.flush()
  }

  /**
   * Waits for a message.
   *
   * @throws {PeerGone}
   */
  receive<T extends TypeName>(type: T): Promise<Of<T>> {
    return this.#entry(type).promise as Promise<Of<T>>
  }

  close(): void {
    this.#socket?.end()
  }

  #entry(type: TypeName): PromiseWithResolvers<HandOverMessage> {
    let entry = this.#waiting.get(type)
    if (entry === undefined) {
      entry = Promise.withResolvers<HandOverMessage>()
      // Several are awaited at a time, and only the first that settles counts.
      entry.promise.catch(() => {})
      if (this.#gone) entry.reject(new PeerGone())
      this.#waiting.set(type, entry)
    }
    return entry
  }

  #received(text: string): void {
    const lines = (this.#text + text).split('\n')
    this.#text = lines.pop() ?? ''
    for (const line of lines) {
      const content = message.safeParse(parsed(line))
      // A program that is none of this product.
      if (content.success) this.#entry(content.data.type).resolve(content.data)
      else this.#closed()
    }
  }

  #closed(): void {
    this.#gone = true
    for (const entry of this.#waiting.values()) entry.reject(new PeerGone())
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

export function messageLine(content: HandOverMessage): string {
  return `${JSON.stringify(content)}\n`
}
