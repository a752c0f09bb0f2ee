/** The body of an outbound request, on its way from a worker to an upstream. */

export class Upload {
  /** All of it, where it came with the request: then it can be sent again. */
  readonly whole: Uint8Array | undefined
  /** There is a body, or there will be one. */
  readonly present: boolean
  readonly #taken: (bytes: number) => void
  #queue: Uint8Array[] = []
  #ended: boolean
  #closed: boolean
  #wake: (() => void) | undefined

  /** @param taken bytes of `write` that the upstream's socket took */
  constructor(body: Uint8Array | undefined, end: boolean, taken: (bytes: number) => void) {
    this.whole = end ? body : undefined
    this.present = body !== undefined || !end
    this.#taken = taken
    this.#ended = end
    this.#closed = end
    if (body !== undefined && this.whole === undefined) this.#queue.push(body)
  }

  /** More of it is awaited, or still to be sent. */
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

  /** What the library sends; once only, unless it is `whole`. */
  body(): Uint8Array | AsyncIterable<Uint8Array> | null {
    if (this.whole !== undefined) return this.whole
    return this.present ? this.#read() : null
  }

  /** Nobody wants the rest. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#queue = []
    this.#stir()
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      // To end quietly would make a part look like the whole.
      if (this.#closed) throw new Error('the body was broken off')
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
