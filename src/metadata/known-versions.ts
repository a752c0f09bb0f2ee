/** What runs for each function, read ahead: to ask for one alone is most of what a first request waits for here. */
import type { Database, Statement } from 'bun:sqlite'

/** Rows by function id, as long as nobody else writes to the database; then nothing is known any more. */
export class KnownVersions<Row> {
  readonly #writes: Statement<{ data_version: number }, []>
  readonly #byFunction: Map<string, Row>
  readonly #seen: number

  /** @param read what is known; what others write from here on is noticed */
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

  /** This process changed it. */
  forget(functionId: string): void {
    this.#byFunction.delete(functionId)
  }

  /** Changes when another connection has written (SQLite, PRAGMA data_version). */
  #otherWrites(): number {
    return this.#writes.get()?.data_version ?? 0
  }
}
