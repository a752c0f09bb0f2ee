/** A minimal HTTP/1.1 client on one keep-alive connection, so that the client adds little to a latency. */

export interface Connection {
  /**
   * Sends a GET, or a POST when there is a JSON `body`, and resolves with the text of the response.
   *
   * @throws {Error} when the status is not a 2xx or the connection closes
   */
  send(path: string, body?: string): Promise<string>
  close(): void
  /** False when the server has closed it, as it does with a connection that is idle for long. */
  readonly open: boolean
}

const WARM_UP_REQUESTS = 2000

/** Warms up the server and this client: in a cold start only the worker is cold. */
export async function warmUp(connection: Connection, path: string, body?: string): Promise<void> {
  for (let i = 0; i < WARM_UP_REQUESTS; i++) {
    await connection.send(path, body)
  }
}

/** Opens a connection to `127.0.0.1:port`. */
export async function openConnection(port: number): Promise<Connection> {
  let answer = ''
  let open = true
  let waiting: PromiseWithResolvers<string> | undefined
  const fail = (error: Error) => {
    waiting?.reject(error)
    waiting = undefined
  }
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      data(_, chunk) {
        answer += Buffer.from(chunk).toString('latin1')
        const body = completeBody(answer)
        if (body === undefined || waiting === undefined) {
          return
        }
        const done = waiting
        const head = answer.slice(0, 12)
        waiting = undefined
        answer = ''
        if (head.startsWith('HTTP/1.1 2')) {
          done.resolve(body)
        } else {
          done.reject(new Error(`answered ${head}: ${body.slice(0, 200)}`))
        }
      },
      drain: () => flush(),
      close() {
        open = false
        fail(new Error('the server closed the connection'))
      },
      error: (_, error) => fail(error),
    },
  })
  socket.setNoDelay(true)
  /** What the socket has not taken yet of a long request. */
  let unsent = Buffer.alloc(0)
  const flush = () => {
    unsent = unsent.subarray(Math.max(0, socket.write(unsent)))
  }
  return {
    send(path, body) {
      waiting = Promise.withResolvers<string>()
      const head = `${body === undefined ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nHost: localhost\r\n`
      const entity =
        body === undefined
          ? ''
          : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
      unsent = Buffer.from(`${head}${entity}\r\n${body ?? ''}`)
      flush()
      return waiting.promise
    },
    close: () => socket.end(),
    get open() {
      return open
    },
  }
}

/** The body of a complete response, by content-length or chunks; undefined while it is incomplete. */
function completeBody(answer: string): string | undefined {
  const headEnd = answer.indexOf('\r\n\r\n')
  if (headEnd < 0) {
    return undefined
  }
  const body = answer.slice(headEnd + 4)
  const length = /\r\ncontent-length: *(\d+)/i.exec(answer.slice(0, headEnd))?.[1]
  if (length !== undefined) {
    return body.length >= Number(length) ? body : undefined
  }
  return body.endsWith('0\r\n\r\n') ? body : undefined
}
