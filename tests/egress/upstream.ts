/** Upstreams on loopback: a well-behaved HTTP server, and bare sockets for the others. */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface Upstream {
  port: number
  /** As `egress.allow_private` names it. */
  address: string
  /** Connections taken so far. */
  connections: () => number
  /** Connections that are open. */
  open: () => number
  close(): void
}

export function httpUpstream(handler: Handler): Promise<Upstream> {
  return listen(createHttpServer(handler))
}

/** Everything that comes on a connection, and the socket to answer on. */
export function socketUpstream(
  serve: (socket: Socket, request: string) => void,
): Promise<Upstream> {
  const server = createServer((socket) => {
    let text = ''
    socket.on('error', () => {})
    socket.on('data', (data) => {
      text += data.toString('latin1')
      if (!text.includes('\r\n\r\n')) return
      const request = text
      text = ''
      serve(socket, request)
    })
  })
  return listen(server)
}

async function listen(server: Server): Promise<Upstream> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    address: `127.0.0.1:${port}`,
    connections: () => connections,
    open: () => sockets.size,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
