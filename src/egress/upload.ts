/** The body of an outbound request, from a worker to an upstream. */

export class Upload {
  /** The whole body, if it came with the request. It can then be sent again. */
  readonly whole: Uint8Array | undefined
  /** The request has a body, or it will follow. */
  readonly present: boolean
  readonly #taken: (bytes: number) => void
  #queue: Uint8Array[] = []
  #ended: boolean
  #closed: boolean
  #wake: (() => void) | undefined

  /** @param taken called with the number of written bytes that the upstream's socket took */
  constructor(body: Uint8Array | undefined, end: boolean, taken: (bytes: number) => void) {
    this.whole = end ? body : undefined
    this.present = body !== undefined || !end
    this.#taken = taken
    this.#ended = end
    this.#closed = end
    if (body !== undefined && this.whole === undefined) this.#queue.push(body)
  }

  /** Part of the body has yet to arrive or to be sent. */
  get open(): boolean {
    return !this.#closed
  }

  write(bytes: Uint8Array): void {
    if (this.#closed || this.#ended) return
    this.#queue.push(bytes)
    this.#stir()
  }

  end(): void {
    this.#ended = true
    this.#stir()
  }

  /** The body for the library to send. May be called once, or repeatedly if the body is `whole`. */
  body(): Uint8Array | AsyncIterable<Uint8Array> | null {
    if (this.whole !== undefined) return this.whole
    return this.present ? this.#read() : null
  }

  /** Drops the rest of the body. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#queue = []
    this.#stir()
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      // A normal end would make a partial body look complete.
      if (this.#closed) throw new Error('The request body was aborted.')
      const next = this.#queue.shift()
      if (next !== undefined) {
        yield next
        this.#taken(next.length)
      } else if (this.#ended) {
        this.#closed = true
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }

  #stir(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
