/** A forward proxy on loopback. It connects to loopback, whatever public address it is asked for. */
import { connect, createServer, type Socket } from 'node:net'

export interface ProxyServer {
  port: number
  url: string
  /** The heads of the requests that came. */
  heads: string[]
  /** Connections that are open. */
  open: () => number
  /** How the next requests are answered; undefined = as a proxy should. */
  answer: ((socket: Socket, head: string) => void) | undefined
  close(): void
}

export async function startProxy(): Promise<ProxyServer> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    let text = ''
    const read = (data: Buffer) => {
      text += data.toString('latin1')
      if (!text.includes('\r\n\r\n')) return
      socket.off('data', read)
      proxy.heads.push(text)
      if (proxy.answer !== undefined) proxy.answer(socket, text)
      else tunnel(socket, text)
    }
    socket.on('data', read)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const proxy: ProxyServer = {
    port,
    url: `http://127.0.0.1:${port}`,
    heads: [],
    open: () => sockets.size,
    answer: undefined,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
  return proxy
}

function tunnel(socket: Socket, head: string): void {
  const port = /^CONNECT \S+:(\d+) HTTP\/1\.1\r\n/.exec(head)?.[1]
  if (port === undefined) {
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    return
  }
  const upstream = connect({ host: '127.0.0.1', port: Number(port) }, () => {
    socket.write('HTTP/1.1 200 Connection established\r\nproxy-agent: test\r\n\r\n')
    socket.pipe(upstream).pipe(socket)
  })
  upstream.on('error', () => socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n'))
  socket.on('close', () => upstream.destroy())
  upstream.on('close', () => socket.destroy())
}
