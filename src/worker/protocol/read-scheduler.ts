/** Reads a worker's channel in slices, so that a worker that floods it does not delay the others. */
import type { FrameDecoder } from './frame-decoder.ts'

/** A slice ends at the first of these. The work that its messages cause comes on top. */
const SLICE_MS = 0.15
const SLICE_STEPS = 32
const SLICE_BYTES = 128 * 1024
/** The clock is read once in this many steps. */
const CLOCK_STEPS = 4
const NOTHING = Buffer.alloc(0)

/** Slices that wait, of all channels: each turn of the event loop reads one. */
const waiting: (() => void)[] = []

function readNext(): void {
  const next = waiting.shift()
  if (waiting.length > 0) setImmediate(readNext)
  next?.()
}

function readLater(read: () => void): void {
  waiting.push(read)
  if (waiting.length === 1) setImmediate(readNext)
}

export interface Source {
  /** Stops receiving until `resume`. */
  pause(): void
  resume(): void
}

export class ReadScheduler {
  readonly #decoder: FrameDecoder<unknown>
  readonly #source: Source
  readonly #onBreach: (cause: unknown) => void
  /** Received, but not read yet. */
  #rest: Buffer = NOTHING
  /** Nothing is read before this time, ms of performance.now(). */
  #pausedUntil = 0
  #paused = false
  #stopped = false

  /** @param onBreach called with what the decoder threw */
  constructor(decoder: FrameDecoder<unknown>, source: Source, onBreach: (cause: unknown) => void) {
    this.#decoder = decoder
    this.#source = source
    this.#onBreach = onBreach
  }

  /** Reads `data`, or copies what cannot be read now. */
  receive(data: Buffer): void {
    if (this.#stopped) return
    const idle = this.#rest.length === 0
    if (idle && performance.now() >= this.#pausedUntil) {
      const at = this.#read(data)
      if (at < data.length) this.#keep(Buffer.from(data.subarray(at)))
      return
    }
    this.#rest = Buffer.concat([this.#rest, data])
    if (idle) this.#schedule()
    if (this.#paused) return
    this.#paused = true
    this.#source.pause()
  }

  /** Reads nothing for `ms` after this frame: the delay for a worker that floods the host. */
  pauseFor(ms: number): void {
    this.#pausedUntil = performance.now() + ms
  }

  /** The channel is closed: reads what is left at once. */
  finish(): void {
    const rest = this.#rest
    this.#rest = NOTHING
    for (let at = 0; at < rest.length && !this.#stopped; ) at += this.#read(rest.subarray(at))
  }

  stop(): void {
    this.#stopped = true
    this.#rest = NOTHING
  }

  #keep(rest: Buffer): void {
    if (this.#stopped) return
    this.#rest = rest
    this.#schedule()
  }

  #schedule(): void {
    const ms = this.#pausedUntil - performance.now()
    if (ms > 0) setTimeout(() => this.#continue(), ms)
    else readLater(() => this.#continue())
  }

  #continue(): void {
    const rest = this.#rest
    if (rest.length === 0) return
    this.#rest = NOTHING
    const at = this.#read(rest)
    if (at < rest.length) {
      this.#keep(rest.subarray(at))
    } else if (this.#paused) {
      this.#paused = false
      this.#source.resume()
    }
  }

  /** Reads one slice. @returns the number of bytes read */
  #read(data: Buffer): number {
    const start = performance.now()
    const end = start + SLICE_MS
    let steps = 0
    const mayContinue = (at: number) => {
      if (at >= SLICE_BYTES || this.#pausedUntil > start) return false
      return ++steps % CLOCK_STEPS !== 0 || (steps < SLICE_STEPS && performance.now() < end)
    }
    try {
      return this.#decoder.push(data, mayContinue)
    } catch (cause) {
      this.#onBreach(cause)
      return data.length
    }
  }
}
