/** One end of a worker's or a template's channel: batched writes out, whatever the socket takes. */
import type { Socket } from 'bun'

/** Frames with raw bytes are gathered here for one write; nothing stays in it between two flushes. */
const scratch = Buffer.allocUnsafeSlow(256 * 1024)

/** Channels that have something to write in this tick. */
let dirty: Channel[] = []

/**
 * The way out of a channel. Everything sent in one tick leaves in one write; what the kernel does
 * not take waits for the socket to drain.
 */
export class Channel {
  #socket: Socket<unknown> | undefined
  /** Sent in this tick: ASCII strings and raw bytes, in order. */
  #fresh: (string | Uint8Array)[] = []
  #freshBytes = 0
  /** What the kernel did not take at once, in order. */
  #backlog: Uint8Array[] = []
  #backlogBytes = 0
  #accepted = 0
  #closed = false

  /** From here on what was and is sent goes to this socket. */
  attach(socket: Socket<unknown>): void {
    this.#socket = socket
    if (this.#freshBytes > 0) this.#schedule()
  }

  /** One or more whole lines, printable ASCII with their newlines. */
  sendLine(line: string): void {
    if (this.#closed) return
    if (this.#freshBytes === 0 && this.#socket !== undefined) this.#schedule()
    this.#fresh.push(line)
    this.#freshBytes += line.length
  }

  /** Raw bytes behind the line that announced them. The channel owns them until they are written. */
  sendBytes(bytes: Uint8Array): void {
    if (this.#closed || bytes.length === 0) return
    if (this.#freshBytes === 0 && this.#socket !== undefined) this.#schedule()
    this.#fresh.push(bytes)
    this.#freshBytes += bytes.length
  }

  /** Bytes that the kernel took, of all that was ever sent. */
  get acceptedBytes(): number {
    return this.#accepted
  }

  /** Bytes that wait here. */
  get pendingBytes(): number {
    return this.#freshBytes + this.#backlogBytes
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Writes what this tick sent. */
  flush(): void {
    if (this.#closed || this.#freshBytes === 0 || this.#socket === undefined) return
    const fresh = this.#fresh
    const bytes = this.#freshBytes
    this.#fresh = []
    this.#freshBytes = 0
    if (this.#backlogBytes > 0) this.#keep(gather(fresh, bytes), 0)
    else this.#writeAll(this.#socket, fresh, bytes)
  }

  /** The socket takes bytes again. */
  drain(): void {
    const socket = this.#socket
    while (socket !== undefined && !this.#closed && this.#backlog.length > 0) {
      const first = this.#backlog[0] as Uint8Array
      const written = Math.max(0, socket.write(first))
      this.#accepted += written
      this.#backlogBytes -= written
      if (written < first.length) {
        this.#backlog[0] = first.subarray(written)
        return
      }
      this.#backlog.shift()
    }
  }

  /** Drops what was not written and closes the socket. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#fresh = []
    this.#backlog = []
    this.#socket?.terminate()
  }

  #schedule(): void {
    if (dirty.length === 0) setImmediate(flushDirty)
    dirty.push(this)
  }

  #writeAll(socket: Socket<unknown>, fresh: (string | Uint8Array)[], bytes: number): void {
    if (bytes > scratch.length) {
      this.#write(socket, gather(fresh, bytes))
      return
    }
    if (fresh.every((part) => typeof part === 'string')) {
      const text = fresh.length === 1 ? (fresh[0] as string) : fresh.join('')
      const written = Math.max(0, socket.write(text))
      this.#accepted += written
      // All of it is ASCII, so that a byte is a character.
      if (written < bytes) this.#keep(Buffer.from(text.slice(written), 'latin1'), 0)
      return
    }
    fill(scratch, fresh)
    const written = Math.max(0, socket.write(scratch, 0, bytes))
    this.#accepted += written
    if (written < bytes) this.#keep(Buffer.from(scratch.subarray(written, bytes)), 0)
  }

  #write(socket: Socket<unknown>, data: Buffer): void {
    const written = Math.max(0, socket.write(data))
    this.#accepted += written
    if (written < data.length) this.#keep(data, written)
  }

  #keep(data: Buffer, from: number): void {
    this.#backlog.push(from === 0 ? data : data.subarray(from))
    this.#backlogBytes += data.length - from
  }
}

function flushDirty(): void {
  const channels = dirty
  dirty = []
  for (const channel of channels) channel.flush()
}

function gather(parts: (string | Uint8Array)[], bytes: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(bytes)
  fill(whole, parts)
  return whole
}

function fill(target: Buffer, parts: (string | Uint8Array)[]): void {
  let at = 0
  for (const part of parts) {
    if (typeof part === 'string') {
      at += target.write(part, at, 'latin1')
    } else {
      target.set(part, at)
      at += part.length
    }
  }
}
