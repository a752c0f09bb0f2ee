/** The requests that wait for a worker: first those that a worker lost, then the others as they came. */
export class RequestQueue<T> {
  readonly #again = new Set<T>()
  readonly #fresh = new Set<T>()

  get size(): number {
    return this.#again.size + this.#fresh.size
  }

  /** Requests that a worker lost. The caller may delete them while it goes through them. */
  get again(): ReadonlySet<T> {
    return this.#again
  }

  /** Requests that no worker had yet. The caller may delete them while it goes through them. */
  get fresh(): ReadonlySet<T> {
    return this.#fresh
  }

  add(request: T): void {
    this.#fresh.add(request)
  }

  /** Queues a request that a worker lost. */
  addAgain(request: T): void {
    this.#again.add(request)
  }

  delete(request: T): void {
    if (!this.#fresh.delete(request)) this.#again.delete(request)
  }

  /** All of them, in their order. */
  *[Symbol.iterator](): Iterator<T> {
    yield* this.#again
    yield* this.#fresh
  }
}
