/** A load at a constant rate on one port: each request is sent when it is due, whatever became of the others. */
import { connect, type Socket } from 'node:net'

export interface LoadResult {
  /** Requests that were answered with 200 and the expected body. */
  answered: number
  /** What went wrong, with how often. */
  failures: Map<string, number>
  /** Answers on connections that had answered before. */
  reused: number
}

export interface LoadOptions {
  port: number
  path: string
  body: string
  /** Requests a second on new connections, and as many on kept ones. */
  rate: number
}

export class ConstantLoad {
  readonly #options: LoadOptions
  readonly #result: LoadResult = { answered: 0, failures: new Map(), reused: 0 }
  readonly #open = new Set<Promise<void>>()
  readonly #idle: Socket[] = []
  readonly #startedAt = performance.now()
  readonly #timer: ReturnType<typeof setInterval>
  #sent = 0

  constructor(options: LoadOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#send(), 5)
  }

  get answered(): number {
    return this.#result.answered
  }

  /** Sends no more; resolves when everything is answered. */
  async stop(): Promise<LoadResult> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
    for (const socket of this.#idle) socket.destroy()
    return this.#result
  }

  #send(): void {
    const due = ((performance.now() - this.#startedAt) / 1000) * this.#options.rate
    for (; this.#sent < due; this.#sent++) {
      this.#follow(this.#request(false))
      this.#follow(this.#request(true))
    }
  }

  #follow(request: Promise<void>): void {
    const done = request
      .catch((error: NodeJS.ErrnoException) => {
        const name = error.code ?? error.message
        this.#result.failures.set(name, (this.#result.failures.get(name) ?? 0) + 1)
      })
      .finally(() => this.#open.delete(done))
    this.#open.add(done)
  }

  /** @param keep on a connection that may have answered before, and is kept if the server keeps it */
  async #request(keep: boolean): Promise<void> {
    const { port, path, body } = this.#options
    const kept = keep ? this.#idle.pop() : undefined
    const socket = kept ?? newConnection(port)
    const connection = keep ? '' : 'Connection: close\r\n'
    socket.write(`GET ${path} HTTP/1.1\r\nHost: load\r\n${connection}\r\n`)
    const answer = await answerOn(socket)
    if (!answer.startsWith('HTTP/1.1 200 ') || !answer.endsWith(`\r\n\r\n${body}`)) {
      socket.destroy()
      throw new Error(answer.split('\r\n')[0] || 'the connection was closed without an answer')
    }
    this.#result.answered++
    if (kept !== undefined) this.#result.reused++
    const closes = /\r\nconnection: close\r\n/i.test(answer)
    if (keep && !closes) this.#idle.push(socket)
    else socket.end()
  }
}

/** An idle connection that the server closes is no failure of a request. */
function newConnection(port: number): Socket {
  return connect(port, '127.0.0.1')
    .setNoDelay()
    .on('error', () => {})
}

/** Reads one response with Content-Length. */
function answerOn(socket: Socket): Promise<string> {
  return new Promise((done, failed) => {
    let text = ''
    const finish = (settle: () => void) => {
      socket.off('data', take).off('error', failed).off('close', closed)
      settle()
    }
    const closed = () => finish(() => done(text))
    const take = (bytes: Buffer) => {
      text += bytes.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text)?.[1]
      if (head >= 0 && length !== undefined && text.length >= head + 4 + Number(length)) {
        finish(() => done(text))
      }
    }
    socket.on('data', take).once('error', failed).once('close', closed)
  })
}
