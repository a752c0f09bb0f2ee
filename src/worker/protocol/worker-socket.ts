/** The socket of a worker's channel. */
import type { Socket } from 'bun'
import { isReleasable, release } from '../../lib/bytes.ts'

/** The owner of a channel's socket: a worker, or a connection that waits for one. */
export interface ChannelPeer {
  /** `data` must not be kept if it is releasable. */
  receive(data: Buffer): void
  /** The socket takes bytes again. */
  drain(): void
  disconnected(): void
}

/** Handlers shared by all of them: the socket carries its peer, which may change. */
export const workerSocket = {
  data(socket: Socket<ChannelPeer>, data: Buffer): void {
    socket.data.receive(data)
    if (isReleasable(data)) release(data)
  },
  drain(socket: Socket<ChannelPeer>): void {
    socket.data.drain()
  },
  close(socket: Socket<ChannelPeer>): void {
    socket.data.disconnected()
  },
  error(socket: Socket<ChannelPeer>): void {
    socket.data.disconnected()
  },
}
