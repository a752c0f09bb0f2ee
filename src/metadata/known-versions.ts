/** What runs for each function, read ahead: to ask for one alone is most of what a first request waits for here. */
import type { Database, Statement } from 'bun:sqlite'
import type { ActiveVersion } from './records.ts'

/** As long as nobody else writes to the database; then nothing is known any more. */
export class KnownVersions {
  readonly #writes: Statement<{ data_version: number }, []>
  readonly #byFunction: Map<string, ActiveVersion>
  readonly #seen: number

  /** @param read what is known, by function id; what others write from here on is noticed */
  constructor(database: Database, read: () => Iterable<ActiveVersion>) {
    this.#writes = database.query('PRAGMA data_version')
    this.#seen = this.#otherWrites()
    this.#byFunction = new Map(Array.from(read(), (version) => [version.functionId, version]))
  }

  get(functionId: string): ActiveVersion | undefined {
    const version = this.#byFunction.get(functionId)
    if (version === undefined || this.#otherWrites() === this.#seen) return version
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
