/** An HTTP/1.1 client on one kept-alive connection, with nothing in it that would blur a latency. */

interface Connection {
  /** Sends a GET; resolves with the body's text when the whole answer is there, rejects unless it is 200. */
  get(path: string): Promise<string>
  close(): void
}

/** What is cold in a cold start is the worker: the server, and this client, have been running. */
export async function warmUp(connection: Connection, path: string): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    await connection.get(path)
  }
}

/** Opens a connection to `127.0.0.1:port`. */
export async function openConnection(port: number): Promise<Connection> {
  let answer = ''
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
        if (head === 'HTTP/1.1 200') {
          done.resolve(body)
        } else {
          done.reject(new Error(`answered ${head}: ${body.slice(0, 200)}`))
        }
      },
      close: () => fail(new Error('the connection was closed')),
      error: (_, error) => fail(error),
    },
  })
  socket.setNoDelay(true)
  return {
    get(path) {
      waiting = Promise.withResolvers<string>()
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      return waiting.promise
    },
    close: () => socket.end(),
  }
}

/** The body of a whole answer, by content-length or by chunks; undefined while parts are missing. */
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
