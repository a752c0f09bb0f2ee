/**
 * A cache of active versions, read ahead: a single query is most of the time that a cold start
 * spends here.
 */
import type { Database, Statement } from 'bun:sqlite'

/** Rows by function id. The cache is dropped as soon as another process writes to the database. */
export class KnownVersions<Row> {
  readonly #writes: Statement<{ data_version: number }, []>
  readonly #byFunction: Map<string, Row>
  readonly #seen: number

  /** @param read yields the rows to cache; later writes by other processes are noticed */
  constructor(database: Database, read: () => Iterable<[functionId: string, row: Row]>) {
    this.#writes = database.query('PRAGMA data_version')
    this.#seen = this.#otherWrites()
    this.#byFunction = new Map(read())
  }

  get(functionId: string): Row | undefined {
    const row = this.#byFunction.get(functionId)
    if (row === undefined || this.#otherWrites() === this.#seen) return row
    this.#byFunction.clear()
    return undefined
  }

  /** Must be called when this process changes the function. */
  forget(functionId: string): void {
    this.#byFunction.delete(functionId)
  }

  /** Changes when another connection has written (SQLite, PRAGMA data_version). */
  #otherWrites(): number {
    return this.#writes.get()?.data_version ?? 0
  }
}
