/** A response body on its way from a worker to a client, pulled by the client's socket. */

import { isReleasable, release } from '../lib/bytes.ts'

export interface BodyObserver {
  /** The client's side took so many bytes. */
  taken(bytes: number): void
  /** All of it went out. */
  sent(): void
  /** The client went away. */
  gone(): void
}

/**
 * Keeps what the worker sent until the socket asks for it. It never holds more than the worker's
 * credit, since credit is given only for what was taken.
 */
export class ResponseBody {
  readonly stream: ReadableStream<Uint8Array>
  readonly #observer: BodyObserver
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #chunks: Uint8Array[] = []
  /** The socket asked and there was nothing. */
  #wanted = false
  #ended = false
  #over = false
  /** What the socket got last. */
  #given: Uint8Array | undefined

  constructor(observer: BodyObserver) {
    this.#observer = observer
    this.stream = new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#pull(),
        cancel: () => this.#cancel(),
      },
      { highWaterMark: 0 },
    )
  }

  push(bytes: Uint8Array): void {
    if (this.#over || bytes.length === 0) return
    if (this.#wanted) this.#give(bytes)
    else this.#chunks.push(bytes)
  }

  end(): void {
    this.#ended = true
    if (this.#wanted) this.#close()
  }

  /**
   * Ends it so that the client sees that it is not whole: the connection is reset. Why is not said
   * to the stream, since Bun would print it, and with it what the tenant's code said.
   */
  break(): void {
    if (this.#over) return
    this.#over = true
    this.#chunks = []
    this.#controller?.error()
  }

  #pull(): void {
    // The socket asks for more when it has written or copied what it was given before.
    if (this.#given !== undefined) release(this.#given)
    this.#given = undefined
    const next = this.#chunks.shift()
    if (next !== undefined) this.#give(next)
    else if (this.#ended) this.#close()
    else this.#wanted = true
  }

  #give(bytes: Uint8Array): void {
    this.#wanted = false
    this.#controller?.enqueue(bytes)
    if (isReleasable(bytes)) this.#given = bytes
    this.#observer.taken(bytes.length)
  }

  #close(): void {
    if (this.#over) return
    this.#over = true
    this.#controller?.close()
    this.#observer.sent()
  }

  #cancel(): void {
    if (this.#over) return
    this.#over = true
    this.#chunks = []
    this.#observer.gone()
  }
}
