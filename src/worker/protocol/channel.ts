/** The host's or a worker's end of a channel: gathers what one tick sends into one write. */
import type { Socket } from 'bun'
import { release } from '../../lib/bytes.ts'

/** Frames with raw bytes are copied here for one write. It is empty between two flushes. */
const scratch = Buffer.allocUnsafeSlow(256 * 1024)

/** A text in ASCII, or raw bytes. */
type Part = string | Uint8Array

/** Channels that have something to write in this tick. */
let dirty: Channel[] = []

/**
 * The sending side of a channel. Everything sent in one tick leaves in one write; what the kernel does
 * not take waits until the socket drains.
 */
export class Channel {
  #socket: Socket<unknown> | undefined
  /** Sent in this tick: ASCII strings and raw bytes, in order. */
  #fresh: Part[] = []
  #freshBytes = 0
  /** What the kernel did not take at once, in order. */
  #backlog: Part[] = []
  #backlogBytes = 0
  /** How many bytes of the first part were taken. */
  #backlogFrom = 0
  /** Parts whose memory is freed as soon as they are written. */
  readonly #owned = new Set<Part>()
  #accepted = 0
  #closed = false

  /** Sends what was queued, and everything from now on, to this socket. */
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

  /** Raw bytes after the line that announced them. The channel owns them until they are written. */
  sendBytes(bytes: Uint8Array): void {
    if (this.#closed || bytes.length === 0) return
    if (this.#freshBytes === 0 && this.#socket !== undefined) this.#schedule()
    this.#fresh.push(bytes)
    this.#freshBytes += bytes.length
  }

  /** As `sendBytes`, for a buffer whose memory is released when `bytes`, its last part, is written. */
  giveBytes(bytes: Uint8Array): void {
    if (this.#closed || bytes.length === 0) return
    this.#owned.add(bytes)
    this.sendBytes(bytes)
  }

  /** Stops receiving until `resume`. */
  pause(): void {
    this.#socket?.pause()
  }

  resume(): void {
    this.#socket?.resume()
  }

  /** Bytes that the kernel took, of all that was ever sent. */
  get acceptedBytes(): number {
    return this.#accepted
  }

  /** Bytes that the kernel has not taken yet. */
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
    if (this.#backlogBytes > 0 || bytes > scratch.length) {
      this.#keep(fresh, bytes, 0)
      this.drain()
    } else {
      this.#writeAll(this.#socket, fresh, bytes)
    }
  }

  /** The socket takes bytes again. */
  drain(): void {
    const socket = this.#socket
    while (socket !== undefined && !this.#closed && this.#backlogBytes > 0) {
      const bytes = fill(this.#backlog, this.#backlogFrom)
      const written = Math.max(0, socket.write(scratch, 0, bytes))
      this.#accepted += written
      this.#drop(written)
      if (written < bytes) return
    }
  }

  /** Drops what was not written and closes the socket. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#fresh = []
    this.#backlog = []
    this.#owned.clear()
    this.#socket?.terminate()
  }

  #schedule(): void {
    if (dirty.length === 0) setImmediate(flushDirty)
    dirty.push(this)
  }

  #writeAll(socket: Socket<unknown>, fresh: Part[], bytes: number): void {
    const text = fresh.every((part) => typeof part === 'string')
    const taken = text
      ? socket.write(fresh.length === 1 ? (fresh[0] as string) : fresh.join(''))
      : socket.write(scratch, 0, fill(fresh, 0))
    const written = Math.max(0, taken)
    this.#accepted += written
    if (written < bytes) this.#keep(fresh, bytes, written)
    else this.#written(fresh, fresh.length)
  }

  /** Keeps the parts themselves, not a copy: they pass through the scratch buffer again. */
  #keep(parts: Part[], bytes: number, from: number): void {
    if (this.#backlogBytes === 0) {
      this.#backlog = parts
      this.#backlogFrom = 0
    } else {
      this.#backlog.push(...parts)
    }
    this.#backlogBytes += bytes
    this.#drop(from)
  }

  #written(parts: Part[], count: number): void {
    if (this.#owned.size === 0) return
    for (let i = 0; i < count; i++) {
      const part = parts[i] as Part
      if (this.#owned.delete(part)) release(part as Uint8Array)
    }
  }

  #drop(bytes: number): void {
    let written = 0
    let from = this.#backlogFrom + bytes
    while (written < this.#backlog.length && from >= (this.#backlog[written] as Part).length) {
      from -= (this.#backlog[written] as Part).length
      written++
    }
    this.#written(this.#backlog, written)
    this.#backlog.splice(0, written)
    this.#backlogFrom = from
    this.#backlogBytes -= bytes
  }
}

function flushDirty(): void {
  const channels = dirty
  dirty = []
  for (const channel of channels) channel.flush()
}

/** Fills the scratch buffer with parts, the first `from` bytes left out; returns how much there is. */
function fill(parts: Part[], from: number): number {
  let at = 0
  let skip = from
  for (const part of parts) {
    const room = scratch.length - at
    if (room === 0) break
    // A text is ASCII, so a byte is a character.
    if (typeof part === 'string') {
      at += scratch.write(skip === 0 ? part : part.slice(skip), at, room, 'latin1')
    } else {
      const piece = part.subarray(skip, skip + room)
      scratch.set(piece, at)
      at += piece.length
    }
    skip = 0
  }
  return at
}
