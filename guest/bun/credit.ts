/** What this worker may still send of one response body. */
import { CREDIT_WINDOW_BYTES } from '../../src/worker/protocol/messages.ts'

export class Credit {
  #left = CREDIT_WINDOW_BYTES
  #wake: (() => void) | undefined

  spend(bytes: number): void {
    this.#left -= bytes
  }

  add(bytes: number): void {
    this.#left += bytes
    this.release()
  }

  /** How much of `wanted` may go now; waits until it is something. */
  async take(wanted: number): Promise<number> {
    while (this.#left <= 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
    const taken = Math.min(wanted, this.#left)
    this.#left -= taken
    return taken
  }

  /** Lets a waiting sender look again, also where the invocation has ended. */
  release(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  /** Nobody waits from here on: what is sent is dropped. */
  lift(): void {
    this.#left = Number.POSITIVE_INFINITY
    this.release()
  }
}
