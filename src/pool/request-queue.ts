/** The requests that wait for a worker: first those that a worker lost, then the others as they came. */
export class RequestQueue<T> {
  readonly #again = new Set<T>()
  readonly #fresh = new Set<T>()

  get size(): number {
    return this.#again.size + this.#fresh.size
  }

  /** Requests that no worker had yet. */
  get fresh(): number {
    return this.#fresh.size
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

  /** The caller may delete what it gets. */
  *[Symbol.iterator](): Iterator<T> {
    yield* this.#again
    yield* this.#fresh
  }
}
