/** Sockets over descriptors that this process already holds. */
import type { Socket, SocketHandler } from 'bun'

/** Connects a stream socket's descriptor, which then belongs to the socket. */
export function connectFd<Data>(
  fd: number,
  data: Data,
  socket: SocketHandler<Data>,
): Promise<Socket<Data>> {
  // Bun accepts `fd` here, although its types have it only for other calls.
  const options = { fd, data, socket } as unknown as Bun.UnixSocketOptions<Data>
  return Bun.connect<Data>(options)
}
