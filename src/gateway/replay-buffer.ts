/** Request bodies that are held until it is certain that no other worker needs them. */

/** The largest request body that can be written to a second worker, bytes. */
export const REPLAY_BYTES = 64 * 1024

/** The first allocation for one body, bytes; further ones double it. */
const FIRST_BYTES = 4 * 1024

/** Memory for the bodies of all requests together. Beyond it, bodies are sent without being held. */
export class ReplayMemory {
  #left: number

  constructor(bytes: number) {
    this.#left = bytes
  }

  get left(): number {
    return this.#left
  }

  /** @returns false if so much is not left */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false
    this.#left -= bytes
    return true
  }

  give(bytes: number): void {
    this.#left += bytes
  }
}

/**
 * A copy of the parts of one body, in one buffer: many small parts would take more memory than their
 * bytes, and a part that was sent belongs to the channel.
 */
export class ReplayBuffer {
  readonly #memory: ReplayMemory
  #buffer: Buffer | undefined
  #length = 0

  constructor(memory: ReplayMemory) {
    this.#memory = memory
  }

  /** @returns false, and holds nothing any more, if there is no memory for it */
  add(bytes: Uint8Array): boolean {
    const needed = this.#length + bytes.length
    if (needed > (this.#buffer?.length ?? 0) && !this.#grow(needed)) {
      this.free()
      return false
    }
    this.#buffer?.set(bytes, this.#length)
    this.#length = needed
    return true
  }

  /** A copy of everything that was added; undefined if that is nothing. */
  bytes(): Uint8Array | undefined {
    if (this.#buffer === undefined || this.#length === 0) return undefined
    return new Uint8Array(this.#buffer.subarray(0, this.#length))
  }

  free(): void {
    if (this.#buffer !== undefined) this.#memory.give(this.#buffer.length)
    this.#buffer = undefined
    this.#length = 0
  }

  #grow(needed: number): boolean {
    const before = this.#buffer?.length ?? 0
    let size = Math.max(before, FIRST_BYTES)
    while (size < needed) size *= 2
    if (!this.#memory.take(size - before)) return false
    const buffer = Buffer.allocUnsafeSlow(size)
    if (this.#buffer !== undefined) buffer.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = buffer
    return true
  }
}
