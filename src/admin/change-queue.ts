/** The order of changes: those of one function run one at a time, and none begins during a hand-over. */
import type { FunctionError } from '../errors.ts'

export class ChangeQueue {
  /** The last change of each function. The next change waits for it. */
  readonly #running = new Map<string, Promise<unknown>>()
  /** Settled when changes may begin again. */
  #paused: PromiseWithResolvers<void> | undefined

  /**
   * Runs a change after those before it.
   *
   * @param ids the functions that it changes. It takes its place for all of them at once, so that no two changes
   *   wait for each other
   */
  async run<T>(ids: readonly string[], change: () => Promise<T>): Promise<T> {
    while (this.#paused !== undefined) await this.#paused.promise
    const before = ids.map((id) => this.#running.get(id))
    const run = Promise.allSettled(before).then(change)
    for (const id of ids) this.#running.set(id, run)
    try {
      return await run
    } finally {
      for (const id of ids) if (this.#running.get(id) === run) this.#running.delete(id)
    }
  }

  /** Lets no change begin until `resume`; resolves when the running ones are over. */
  async pause(): Promise<void> {
    this.#paused ??= Promise.withResolvers<void>()
    // Changes that wait see its rejection; without any it must not count as unhandled.
    this.#paused.promise.catch(() => {})
    await Promise.allSettled(this.#running.values())
  }

  /** @param elsewhere the changes that waited fail with it: another process makes changes now */
  resume(elsewhere?: FunctionError): void {
    if (elsewhere !== undefined) {
      this.#paused?.reject(elsewhere)
      return
    }
    this.#paused?.resolve()
    this.#paused = undefined
  }
}
