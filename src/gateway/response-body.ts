/** Streams a response body from a worker to a client, pulled by the client's socket. */

import { isReleasable, release } from '../lib/bytes.ts'

export interface BodyObserver {
  /** The client's socket took this many bytes. */
  taken(bytes: number): void
  /** The whole body was sent. */
  sent(): void
  /** The client disconnected. */
  gone(): void
}

/**
 * Holds what the worker sent until the socket pulls it. It never holds more than the worker's credit,
 * since credit is granted only for bytes that the socket took.
 */
export class ResponseBody {
  readonly stream: ReadableStream<Uint8Array>
  readonly #observer: BodyObserver
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #chunks: Uint8Array[] = []
  /** The socket pulled while no bytes were available. */
  #wanted = false
  #ended = false
  #over = false
  /** The bytes that the socket got last. */
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

  /** The client's socket does not take what it was given, or does not ask for more. */
  get blocked(): boolean {
    return !this.#wanted && !this.#over
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
   * Resets the connection, so that the client sees that the body is incomplete. The stream gets no
   * error, since Bun would print it, and its message may come from the tenant's code.
   */
  break(): void {
    if (this.#over) return
    this.#over = true
    this.#chunks = []
    this.#controller?.error()
  }

  #pull(): void {
    // A pull means that the socket has written or copied the bytes that it got before.
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
