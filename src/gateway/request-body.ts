/** Streams a request body from a client to a worker, only as fast as the worker reads it. */
import type { Invocation } from '../worker/worker.ts'

/** The largest body, or first part of one, that is sent together with the request head, bytes. */
const INLINE_BYTES = 64 * 1024

export interface BodyReader {
  /** The body is longer than allowed. */
  tooLarge(): void
  /** The client disconnected before the body was complete. */
  disconnected(): void
  /** This many bytes arrived. */
  moved(bytes: number): void
}

type Part = { done: false; value: Uint8Array } | { done: true; value?: Uint8Array | undefined }

interface Reader {
  read(): Promise<Part>
  cancel(): Promise<void>
}

export class RequestBody {
  readonly #reader: Reader
  readonly #owner: BodyReader
  readonly #limitBytes: number
  /** As declared; undefined for a chunked body. */
  readonly #length: number | undefined
  #read = 0
  /** Bytes that were read but were too many to send with the head; written first. */
  #held: Uint8Array | undefined
  #pending: Promise<Part> | undefined
  #complete = false
  #stopped = false
  #resume: (() => void) | undefined

  constructor(
    stream: ReadableStream<Uint8Array>,
    length: number | undefined,
    limitBytes: number,
    owner: BodyReader,
  ) {
    this.#reader = stream.getReader()
    this.#length = length
    this.#limitBytes = limitBytes
    this.#owner = owner
  }

  /** No bytes follow what `opening` returned. */
  get complete(): boolean {
    return this.#complete
  }

  /**
   * Returns what has arrived by the next turn of the event loop: a small body arrives with its head and
   * reaches the worker in one message. Does not wait longer, since the client may want a response first.
   */
  async opening(): Promise<Uint8Array | undefined> {
    this.#pending = this.#reader.read()
    const part = await Promise.race([this.#pending, nextTurn()])
    if (part === undefined) return undefined
    this.#pending = undefined
    if (!this.#counts(part)) return undefined
    if (part.done) {
      this.#complete = true
      return undefined
    }
    if (part.value.length > INLINE_BYTES) {
      this.#held = part.value
      return undefined
    }
    this.#complete = this.#length !== undefined && this.#read >= this.#length
    return part.value
  }

  /** Writes the rest to the invocation, up to the end of the body or until `stop`. */
  async pump(invocation: Invocation): Promise<void> {
    try {
      for (let bytes = await this.#next(); bytes !== undefined; bytes = await this.#next()) {
        if (!invocation.write(bytes)) await this.#drained()
      }
      if (!this.#stopped) invocation.end()
    } catch {
      if (!this.#stopped) this.#owner.disconnected()
    }
  }

  /** The worker accepts more. */
  drain(): void {
    const resume = this.#resume
    this.#resume = undefined
    resume?.()
  }

  /** Stops reading; Bun discards what still arrives. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.drain()
    this.#reader.cancel().catch(() => {})
  }

  /** Undefined at the end, and after `stop`. */
  async #next(): Promise<Uint8Array | undefined> {
    if (this.#stopped) return undefined
    const held = this.#held
    if (held !== undefined) {
      this.#held = undefined
      return held
    }
    const part = await (this.#pending ?? this.#reader.read())
    this.#pending = undefined
    return this.#stopped || !this.#counts(part) ? undefined : part.value
  }

  #counts(part: Part): boolean {
    if (part.done) return true
    this.#read += part.value.length
    this.#owner.moved(part.value.length)
    if (this.#read <= this.#limitBytes) return true
    this.stop()
    this.#owner.tooLarge()
    return false
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve
    })
  }
}

function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(() => resolve(undefined)))
}
