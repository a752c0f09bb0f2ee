/** Streams a request body from a client to a worker, only as fast as the worker reads it. */
import type { Invocation } from '../worker/worker.ts'
import { REPLAY_BYTES, ReplayBuffer, type ReplayMemory } from './replay-buffer.ts'

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

/**
 * The body of one request. A worker may be lost while it gets the body: then the body is written to
 * another from its start, if all of it that was read is still held.
 */
export class RequestBody {
  readonly #reader: Reader
  readonly #owner: BodyReader
  readonly #limitBytes: number
  /** As declared; undefined for a chunked body. */
  readonly #length: number | undefined
  #read = 0
  /** Bytes that were read but were too many to send with the head; written first. */
  #held: Uint8Array | undefined
  /** What was read after the opening. */
  readonly #replay: ReplayBuffer | undefined
  /** Why the body cannot be written again from its start. */
  #obstacle: string | undefined
  /** Counts the invocations that the body is written to. A pump stops when its invocation was lost. */
  #turn = 0
  #pending: Promise<Part> | undefined
  #awaited = false
  #complete = false
  #stopped = false
  #resume: (() => void) | undefined

  constructor(
    stream: ReadableStream<Uint8Array>,
    length: number | undefined,
    limitBytes: number,
    owner: BodyReader,
    memory?: ReplayMemory,
  ) {
    this.#reader = stream.getReader()
    this.#length = length
    this.#limitBytes = limitBytes
    this.#owner = owner
    // A body that is known to be too large is not copied in vain.
    const small = length === undefined || length <= REPLAY_BYTES
    this.#replay = memory !== undefined && small ? new ReplayBuffer(memory) : undefined
  }

  /** Why the body cannot be written to another worker, as the end of a sentence; undefined if it can. */
  get obstacle(): string | undefined {
    return this.#obstacle
  }

  /** The reader waits for bytes of the client. */
  get awaited(): boolean {
    return this.#awaited && !this.#stopped
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
    this.#complete = this.#atLength
    return part.value
  }

  /** Writes what follows the opening to the invocation, up to the end of the body or until `stop`. */
  async pump(invocation: Invocation): Promise<void> {
    const turn = ++this.#turn
    const active = () => turn === this.#turn && !this.#stopped
    try {
      const before = this.#replay?.bytes()
      if (before !== undefined && !invocation.write(before)) await this.#drained()
      while (active()) {
        const bytes = await this.#next(active)
        if (!active()) return
        if (bytes === undefined) {
          invocation.end()
          return
        }
        this.#keep(bytes)
        if (!invocation.write(bytes)) await this.#drained()
      }
    } catch {
      if (active()) this.#owner.disconnected()
    }
  }

  /** The invocation was lost. What the client sends waits for the next `pump`. */
  rewind(): void {
    this.#turn++
    this.drain()
  }

  /** The body is not written to another worker any more: frees what is held for it. */
  forget(): void {
    this.#replay?.free()
    this.#obstacle ??= 'its response had begun'
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
    if (!this.#complete) this.#obstacle ??= 'a part of its body was discarded'
    this.#replay?.free()
    this.drain()
    this.#reader.cancel().catch(() => {})
  }

  /**
   * Undefined at the end, and after `stop`.
   *
   * @param active false: the part is left for the next pump
   */
  async #next(active: () => boolean): Promise<Uint8Array | undefined> {
    const held = this.#held
    if (held !== undefined) {
      this.#held = undefined
      return held
    }
    this.#pending ??= this.#reader.read()
    this.#awaited = true
    const part = await this.#pending
    this.#awaited = false
    if (!active()) return undefined
    this.#pending = undefined
    const counts = this.#counts(part)
    this.#complete = part.done || this.#atLength
    return counts ? part.value : undefined
  }

  /** Must be called before the bytes are written, which gives them away. */
  #keep(bytes: Uint8Array): void {
    if (this.#obstacle !== undefined) return
    if (Math.max(this.#read, this.#length ?? 0) > REPLAY_BYTES) {
      this.#replay?.free()
      this.#obstacle = `its body is larger than ${REPLAY_BYTES / 1024} KiB`
    } else if (this.#replay === undefined) {
      this.#obstacle = 'a part of its body was sent'
    } else if (!this.#replay.add(bytes)) {
      this.#obstacle = 'the service held too many other request bodies'
    }
  }

  get #atLength(): boolean {
    return this.#length !== undefined && this.#read >= this.#length
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
