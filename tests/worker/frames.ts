/** The stream of a worker as a test sees it: frames from bytes, messages to wait for, ordered writes. */
import type { Socket } from 'bun'

/** One message of the protocol, as it was received. */
export interface Message {
  type: string
  /** A number, or the id of a fetch. */
  id?: number | string
  [key: string]: unknown
}

/** Resolves as soon as `check` gives a value; the caller's test bounds the wait. */
export class Inbox {
  readonly all: Message[] = []
  #waiting: (() => void)[] = []
  closed = false

  push(message: Message): void {
    this.all.push(message)
    this.#wake()
  }

  close(): void {
    this.closed = true
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const look of waiting) look()
  }

  async find(check: (message: Message) => boolean): Promise<Message> {
    for (let at = 0; ; at++) {
      while (at >= this.all.length) {
        if (this.closed) throw new Error(`the channel closed; it said ${JSON.stringify(this.all)}`)
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
      }
      const message = this.all[at]
      if (message !== undefined && check(message)) return message
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}

/** Writes everything in order, however much the socket takes at a time. */
export class Outbox {
  readonly #queue: Uint8Array[] = []
  #socket: Socket<undefined> | undefined

  attach(socket: Socket<undefined>): void {
    this.#socket = socket
    this.drain()
  }

  send(bytes: Uint8Array): void {
    this.#queue.push(bytes)
    this.drain()
  }

  drain(): void {
    while (this.#socket !== undefined) {
      const first = this.#queue[0]
      if (first === undefined) return
      const written = this.#socket.write(first)
      if (written < first.length) {
        this.#queue[0] = first.subarray(Math.max(0, written))
        return
      }
      this.#queue.shift()
    }
  }
}

type Deliver = (message: Message, bytes: Uint8Array) => void

/** Cuts the stream of a worker into frames. It validates only what a test needs. */
export class Frames {
  #buffer: Buffer = Buffer.alloc(0)
  readonly #deliver: Deliver

  constructor(deliver: Deliver) {
    this.#deliver = deliver
  }

  push(data: Uint8Array): void {
    this.#buffer =
      this.#buffer.length === 0 ? Buffer.from(data) : Buffer.concat([this.#buffer, data])
    for (;;) {
      const newline = this.#buffer.indexOf(10)
      if (newline === -1) return
      const line = this.#buffer.toString('latin1', 0, newline)
      if (/[^\x20-\x7e]/.test(line)) throw new Error(`a line that is not printable ASCII: ${line}`)
      const message = JSON.parse(line) as Message
      const hasPayload = ['response', 'chunk', 'fetch'].includes(message.type)
      const bytes = hasPayload ? ((message.bytes as number | undefined) ?? 0) : 0
      const end = newline + 1 + bytes
      if (this.#buffer.length < end) return
      const payload = new Uint8Array(this.#buffer.subarray(newline + 1, end))
      this.#buffer = this.#buffer.subarray(end)
      this.#deliver(message, payload)
    }
  }
}
