/** A connection to the zygote that was made ahead of need: its process waits for the `start` of a worker. */
import type { Socket } from 'bun'
import { type Accepted, validateAccepted } from '../protocol/announcements.ts'
import { MAX_ACCEPTED_LINE_BYTES } from '../protocol/limits.ts'
import type { ChannelPeer } from '../protocol/worker-socket.ts'

export class Spare implements ChannelPeer {
  readonly #onEnd: (spare: Spare) => void
  #socket: Socket<ChannelPeer> | undefined
  #line = ''
  #accepted: Accepted | undefined

  /** @param onEnd called when the connection cannot be used any more, at most once, and not after `take` */
  constructor(onEnd: (spare: Spare) => void) {
    this.#onEnd = onEnd
  }

  /** The worker's number, once its process has announced it. */
  get number(): number | undefined {
    return this.#accepted?.worker
  }

  attach(socket: Socket<ChannelPeer>): void {
    this.#socket = socket
  }

  /** Gives socket and process to a worker. @returns undefined while there is no process yet */
  take(peer: ChannelPeer): { socket: Socket<ChannelPeer>; accepted: Accepted } | undefined {
    const socket = this.#socket
    if (socket === undefined || this.#accepted === undefined) return undefined
    this.#socket = undefined
    socket.data = peer
    return { socket, accepted: this.#accepted }
  }

  receive(data: Buffer): void {
    this.#line += data.toString('latin1')
    const end = this.#line.indexOf('\n')
    try {
      if (end === this.#line.length - 1 && this.#accepted === undefined) {
        this.#accepted = validateAccepted(JSON.parse(this.#line))
      } else if (end >= 0 || this.#line.length > MAX_ACCEPTED_LINE_BYTES) {
        this.close()
      }
    } catch {
      this.close()
    }
  }

  drain(): void {}

  disconnected(): void {
    this.#socket = undefined
    this.#onEnd(this)
  }

  /** Closes the connection. Its process reads the end of the channel and exits. */
  close(): void {
    this.#socket?.terminate()
  }
}
