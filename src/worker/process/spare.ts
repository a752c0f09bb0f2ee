/** A connection to a template that was made ahead of need: its process waits for a worker's start. */
import type { Socket } from 'bun'
import { type Accepted, checkAccepted } from '../protocol/announcements.ts'
import { MAX_ACCEPTED_LINE_BYTES } from '../protocol/limits.ts'
import type { ChannelPeer } from '../protocol/worker-socket.ts'

export class Spare implements ChannelPeer {
  readonly #ended: (spare: Spare) => void
  #socket: Socket<ChannelPeer> | undefined
  #line = ''
  #accepted: Accepted | undefined

  /** @param ended it is of no use any more; called once at most, unless it was taken */
  constructor(ended: (spare: Spare) => void) {
    this.#ended = ended
  }

  /** The worker's number in the template's life, once its process has said so. */
  get number(): number | undefined {
    return this.#accepted?.worker
  }

  attach(socket: Socket<ChannelPeer>): void {
    this.#socket = socket
  }

  /** Hands socket and process to a worker; undefined while there is no process yet. */
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
        this.#accepted = checkAccepted(JSON.parse(this.#line))
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
    this.#ended(this)
  }

  /** Its process reads the end of the channel, and exits. */
  close(): void {
    this.#socket?.terminate()
  }
}
