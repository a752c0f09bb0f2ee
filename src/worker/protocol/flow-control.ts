/**
 * Flow control of one direction of one body. The sender starts with a window of
 * CREDIT_WINDOW_BYTES; every payload byte spends one byte of it, and the receiver gives credit back
 * when its reader has taken the bytes. Both ends of a channel, and bodies of invocations and of
 * fetches, use the same pair. See "Flow control" in docs/protocol.md.
 */
import type { Channel } from './channel.ts'
import { CREDIT_BATCH_BYTES, CREDIT_WINDOW_BYTES, MAX_PAYLOAD_BYTES } from './limits.ts'
import { ProtocolBreach } from './messages.ts'

/** An outgoing body: queued, cut into chunks, and sent as far as credit allows. */
export class FlowControlledSender {
  readonly #channel: Channel
  /** The body's id as JSON has it: `7`, or `"f1"` with its quotes. */
  readonly #id: number | string
  #credit = CREDIT_WINDOW_BYTES
  /** Made by the first write: most bodies are empty, or fit their head. */
  #queue: Uint8Array[] | undefined
  /** Buffers in the queue whose memory the channel may release when they are written. */
  #disposable: Set<ArrayBufferLike> | undefined
  #ending = false
  #closed = false
  #drained: PromiseWithResolvers<void> | undefined

  constructor(channel: Channel, id: number | string) {
    this.#channel = channel
    this.#id = id
  }

  /** Bytes wait for credit. */
  get blocked(): boolean {
    return this.#queue !== undefined && this.#queue.length > 0
  }

  /** Bytes that were written and for which no credit came. */
  get unread(): number {
    const queued = this.#queue?.reduce((bytes, { length }) => bytes + length, 0) ?? 0
    return CREDIT_WINDOW_BYTES - this.#credit + queued
  }

  /** Nothing more may be written. */
  get ended(): boolean {
    return this.#ending || this.#closed
  }

  /** Nothing more is sent: the end was sent, or nobody wants the rest. */
  get closed(): boolean {
    return this.#closed
  }

  /** Accounts for a payload that was sent with the head of the body. */
  spend(bytes: number): void {
    this.#credit -= bytes
  }

  /**
   * Queues a part of any size and sends what credit allows. Ignored once the body has ended.
   *
   * @param disposable nobody needs the buffer of `bytes` after it was sent
   */
  write(bytes: Uint8Array, disposable = false): void {
    if (this.#closed || this.#ending) return
    if (bytes.length > 0) {
      this.#queue ??= []
      this.#queue.push(bytes)
      if (disposable) {
        this.#disposable ??= new Set()
        this.#disposable.add(bytes.buffer)
      }
    }
    this.#pump()
  }

  /** The body is complete: `end` follows its last byte. */
  end(): void {
    if (this.#closed || this.#ending) return
    this.#ending = true
    this.#pump()
  }

  /** @throws {ProtocolBreach} if the window would grow past its initial size */
  addCredit(bytes: number): void {
    this.#credit += bytes
    if (this.#credit > CREDIT_WINDOW_BYTES) throw new ProtocolBreach('credit for bytes not sent')
    if (!this.#closed) this.#pump()
  }

  /** Drops what was not sent. Nothing more is sent, not even the end. */
  close(): void {
    this.#closed = true
    this.#queue = undefined
    this.#disposable = undefined
    this.#wake()
  }

  /** Resolves when no bytes wait for credit, or when the sender is closed. */
  drained(): Promise<void> {
    if (!this.blocked) return Promise.resolve()
    this.#drained ??= Promise.withResolvers<void>()
    return this.#drained.promise
  }

  #pump(): void {
    const queue = this.#queue
    while (queue !== undefined && this.#credit > 0) {
      const first = queue[0]
      if (first === undefined) break
      const bytes = Math.min(first.length, this.#credit, MAX_PAYLOAD_BYTES)
      this.#channel.sendLine(`{"type":"chunk","id":${this.#id},"bytes":${bytes}}\n`)
      this.#credit -= bytes
      if (bytes < first.length) {
        this.#channel.sendBytes(first.subarray(0, bytes))
        queue[0] = first.subarray(bytes)
        continue
      }
      queue.shift()
      if (this.#disposable?.delete(first.buffer)) this.#channel.giveBytes(first)
      else this.#channel.sendBytes(first)
    }
    if (this.blocked) return
    if (this.#ending) {
      this.#closed = true
      this.#channel.sendLine(`{"type":"end","id":${this.#id}}\n`)
    }
    this.#wake()
  }

  #wake(): void {
    this.#drained?.resolve()
    this.#drained = undefined
  }
}

/** The accounts of an incoming body: how much may still arrive, and when credit is given. */
export class FlowControlledReceiver {
  readonly #channel: Channel
  /** The body's id as JSON has it. */
  readonly #id: number | string
  /** Bytes that the sender may still send. */
  #window = CREDIT_WINDOW_BYTES
  /** Bytes that arrived and that the reader has not taken. */
  #unread = 0
  /** Bytes that the reader took and for which no credit was given. */
  #owed = 0

  constructor(channel: Channel, id: number | string) {
    this.#channel = channel
    this.#id = id
  }

  get unread(): number {
    return this.#unread
  }

  /** @throws {ProtocolBreach} if the sender had no credit for these bytes */
  received(bytes: number): void {
    this.#window -= bytes
    this.#unread += bytes
    if (this.#window < 0) throw new ProtocolBreach('sent without credit')
  }

  /**
   * The reader took bytes. Gives credit for them when a batch of CREDIT_BATCH_BYTES is owed, or when
   * nothing is left to read.
   *
   * @param open false if no more of the body is expected, so that credit would be of no use
   */
  consumed(bytes: number, open: boolean): void {
    this.#unread = Math.max(0, this.#unread - bytes)
    this.#owed += bytes
    if (!open || (this.#owed < CREDIT_BATCH_BYTES && this.#unread > 0)) return
    const given = Math.min(this.#owed, CREDIT_WINDOW_BYTES - this.#window)
    this.#owed = 0
    if (given <= 0) return
    this.#window += given
    this.#channel.sendLine(`{"type":"credit","id":${this.#id},"bytes":${given}}\n`)
  }
}
