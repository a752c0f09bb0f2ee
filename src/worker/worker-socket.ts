/** The socket of a worker's channel. */
import type { Socket } from 'bun'
import type { Announcement } from './inbox.ts'
import type { ProtocolWorker } from './protocol-worker.ts'

/** Handlers shared by all of them: the socket carries its worker. */
export const workerSocket = {
  data(socket: Socket<ProtocolWorker<Announcement>>, data: Buffer): void {
    socket.data.inbox.receive(data)
  },
  drain(socket: Socket<ProtocolWorker<Announcement>>): void {
    socket.data.channel.drain()
  },
  close(socket: Socket<ProtocolWorker<Announcement>>): void {
    socket.data.disconnected()
  },
  error(socket: Socket<ProtocolWorker<Announcement>>): void {
    socket.data.disconnected()
  },
}
