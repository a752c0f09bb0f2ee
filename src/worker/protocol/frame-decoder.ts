/** Reads frames off a channel: a JSON line, then the raw bytes that it announces. */
import { isReleasable } from '../../lib/bytes.ts'
import { couldBeMessage } from './json-guard.ts'
import { MAX_LINE_BYTES } from './limits.ts'
import { ProtocolBreach } from './messages.ts'

const NEWLINE = 10
const NOTHING = Buffer.alloc(0)
const always = () => true

export interface FrameReader<M> {
  /** Checks one parsed line; throws ProtocolBreach if it is not a message of this channel. */
  check(value: unknown): M
  /** How many raw bytes follow the line; -1 when the message has none. */
  payloadBytes(message: M): number
  /** Takes a whole frame. `payload` may share the memory of the read buffer, unless that is releasable. */
  deliver(message: M, payload: Buffer | undefined): void
}

/**
 * Cuts a stream of bytes into frames, however it was split on its way. What arrives whole is parsed
 * in place; only a frame that spans two reads is copied.
 */
export class FrameDecoder<M> {
  readonly #reader: FrameReader<M>
  readonly #maxLine: number
  /** The start of a line whose end has not arrived: `#carried` bytes of `#carry`. */
  #carry: Buffer = NOTHING
  #carried = 0
  /** The message that waits for its payload, of which `#filled` bytes are there. */
  #waiting: M | undefined
  #payload: Buffer = NOTHING
  #filled = 0
  #stopped = false

  constructor(reader: FrameReader<M>, maxLine = MAX_LINE_BYTES) {
    this.#reader = reader
    this.#maxLine = maxLine
  }

  /** Nothing more is delivered, not even the rest of what is being read. */
  stop(): void {
    this.#stopped = true
    this.#carry = NOTHING
    this.#payload = NOTHING
    this.#waiting = undefined
  }

  /**
   * Reads `data` until `mayContinue` returns false. It is called after each line and payload, with the
   * number of bytes taken so far.
   *
   * @returns the number of bytes taken; the caller passes the rest again
   * @throws {ProtocolBreach} for the first part of `data` that is not a frame
   */
  push(data: Buffer, mayContinue: (at: number) => boolean = always): number {
    let at = 0
    while (at < data.length && !this.#stopped) {
      at = this.#waiting === undefined ? this.#readLine(data, at) : this.#fillPayload(data, at)
      if (!mayContinue(at)) break
    }
    return at
  }

  /** The stream is between two frames, as it must be at its end. */
  get idle(): boolean {
    return this.#carried === 0 && this.#waiting === undefined
  }

  #readLine(data: Buffer, at: number): number {
    const newline = data.indexOf(NEWLINE, at)
    if (newline === -1) {
      this.#keep(data, at, data.length)
      return data.length
    }
    if (this.#carried > 0) {
      this.#keep(data, at, newline)
      const line = this.#carry.toString('latin1', 0, this.#carried)
      this.#carried = 0
      this.#carry = NOTHING
      return this.#takeLine(line, data, newline + 1)
    }
    if (newline - at > this.#maxLine) throw new ProtocolBreach('line too long')
    return this.#takeLine(data.toString('latin1', at, newline), data, newline + 1)
  }

  /** Parses one line and delivers it, with its payload where that has arrived as a whole. */
  #takeLine(line: string, data: Buffer, next: number): number {
    const message = this.#reader.check(parseLine(line))
    const bytes = this.#reader.payloadBytes(message)
    if (bytes < 0) {
      this.#reader.deliver(message, undefined)
      return next
    }
    const end = next + bytes
    if (end <= data.length) {
      const payload = data.subarray(next, end)
      // The read buffer will be released, but the payload is kept.
      this.#reader.deliver(message, isReleasable(data) ? Buffer.from(payload) : payload)
      return end
    }
    this.#waiting = message
    this.#payload = Buffer.allocUnsafeSlow(bytes)
    this.#filled = 0
    return next
  }

  #fillPayload(data: Buffer, at: number): number {
    const end = Math.min(data.length, at + this.#payload.length - this.#filled)
    this.#filled += data.copy(this.#payload, this.#filled, at, end)
    if (this.#filled === this.#payload.length) {
      const message = this.#waiting as M
      const payload = this.#payload
      this.#waiting = undefined
      this.#payload = NOTHING
      this.#reader.deliver(message, payload)
    }
    return end
  }

  /** Appends to the unfinished line; doubling keeps a line sent byte by byte linear. */
  #keep(data: Buffer, from: number, to: number): void {
    const needed = this.#carried + to - from
    if (needed > this.#maxLine) throw new ProtocolBreach('line too long')
    if (needed > this.#carry.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#carry.length, 1024))
      this.#carry.copy(grown, 0, 0, this.#carried)
      this.#carry = grown
    }
    this.#carried += data.copy(this.#carry, this.#carried, from, to)
  }
}

function parseLine(line: string): unknown {
  if (!couldBeMessage(line)) throw new ProtocolBreach('a line cannot be a message')
  try {
    return JSON.parse(line)
  } catch (cause) {
    // A line that nests too deeply overflows the parser's stack. That is a breach as well.
    const what = cause instanceof SyntaxError ? 'not JSON' : 'cannot be parsed'
    throw new ProtocolBreach(`a line is ${what}`)
  }
}
