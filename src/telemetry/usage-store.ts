import type { Database } from 'bun:sqlite'
import { Batch } from './batch.ts'
import { prune, ROWS_AT_ONCE, roughCount } from './database.ts'
import type { TelemetryFile } from './telemetry-file.ts'
import type { UsageIncrease, UsageRegistry } from './usage.ts'

/** Usage is in the database after this time, ms: at most the last second is lost with the process. */
const FLUSH_MS = 500
/** Functions in one transaction. It runs on the thread that serves requests. */
const FUNCTIONS_AT_ONCE = 250
/** Time between two tries to write to a database that cannot be written. */
const RETRY_MS = 5_000
const PRUNE_MS = 60_000

/** Size of a row with its entries in the indexes, roughly, bytes. */
const ROW_BYTES = { usage: 180, usage_outcomes: 140 }

/** Times are ms since the epoch, sums are whole numbers. */
export const USAGE_SCHEMA = `
CREATE TABLE IF NOT EXISTS usage (
  project TEXT NOT NULL,
  function TEXT NOT NULL,
  hour INTEGER NOT NULL,
  invocations INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  cpu_us INTEGER NOT NULL,
  wall_us INTEGER NOT NULL,
  byte_seconds INTEGER NOT NULL,
  egress_requests INTEGER NOT NULL,
  egress_bytes INTEGER NOT NULL,
  response_bytes INTEGER NOT NULL,
  cold_starts INTEGER NOT NULL,
  log_bytes INTEGER NOT NULL,
  PRIMARY KEY (project, hour, function)
);
CREATE INDEX IF NOT EXISTS usage_by_hour ON usage (hour, project, function);
CREATE TABLE IF NOT EXISTS usage_outcomes (
  project TEXT NOT NULL,
  function TEXT NOT NULL,
  hour INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (project, hour, function, outcome)
);
CREATE INDEX IF NOT EXISTS usage_outcomes_by_hour ON usage_outcomes (hour, project, function);
`

const SUMS = [
  'invocations',
  'failed',
  'cpu_us',
  'wall_us',
  'byte_seconds',
  'egress_requests',
  'egress_bytes',
  'response_bytes',
  'cold_starts',
  'log_bytes',
]

/** Increases only: during a hand-over two processes write. */
const ADD_USAGE = `
INSERT INTO usage (project, function, hour, ${SUMS.join(', ')})
VALUES (?, ?, ?${', ?'.repeat(SUMS.length)})
ON CONFLICT DO UPDATE SET ${SUMS.map((sum) => `${sum} = ${sum} + excluded.${sum}`).join(', ')}
`

const ADD_OUTCOME = `
INSERT INTO usage_outcomes (project, function, hour, outcome, count) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET count = count + excluded.count
`

/** Usage by project, function and hour, in `metrics.db`. Bills are made from it, so nothing is counted twice. */
export class UsageStore {
  readonly #file: TelemetryFile
  readonly #registry: UsageRegistry
  #maxAgeMs: number
  readonly #onFailure: (error: unknown) => void
  readonly #batch = new Batch(FLUSH_MS, () => this.#writeSome())
  readonly #retry = new Batch(RETRY_MS, () => this.#writeSome())
  readonly #rest = new Batch(0, () => this.#writeSome())
  #failing = false
  #prunedAt = 0

  /** @param onFailure called if the database cannot be written; what was counted is kept and tried again */
  constructor(
    file: TelemetryFile,
    registry: UsageRegistry,
    maxAgeMs: number,
    onFailure: (error: unknown) => void,
  ) {
    this.#file = file
    this.#registry = registry
    this.#maxAgeMs = maxAgeMs
    this.#onFailure = onFailure
  }

  /** Keeps rows for another time, from the next write on. */
  keep(maxAgeMs: number): void {
    this.#maxAgeMs = maxAgeMs
    this.#prunedAt = 0
  }

  /** Schedules a write. */
  wake(): void {
    if (this.#failing) this.#retry.wake()
    else this.#batch.wake()
  }

  /** Writes all that was counted. */
  flush(): void {
    for (const batch of [this.#batch, this.#retry, this.#rest]) batch.cancel()
    while (this.#registry.size > 0 && this.#write());
  }

  /** Gives what a project has used another name. */
  rename(project: string, label: string): void {
    this.flush()
    this.#file.use((db) =>
      db.transaction(() => {
        for (const table of ['usage', 'usage_outcomes'])
          db.query(`UPDATE ${table} SET project = ? WHERE project = ?`).run(label, project)
      })(),
    )
  }

  /** Writes a part, so that requests between two parts do not wait for many functions. */
  #writeSome(): void {
    if (this.#write() && this.#registry.size > 0) this.#rest.wake()
  }

  /** @returns false if the database cannot be written */
  #write(): boolean {
    const increases = this.#registry.take(FUNCTIONS_AT_ONCE)
    if (increases.length === 0) return true
    try {
      // A failed transaction has written nothing, and a file that is set aside gets none of it twice.
      this.#file.use((db) => db.transaction(() => add(db, increases))())
      this.#failing = false
    } catch (error) {
      this.#registry.putBack(increases)
      this.#failing = true
      this.#onFailure(error)
      this.#retry.wake()
      return false
    }
    this.#prune()
    return true
  }

  #prune(): void {
    const now = Date.now()
    if (now - this.#prunedAt < PRUNE_MS) return
    try {
      const retention = { maxAgeMs: this.#maxAgeMs, maxBytes: Number.POSITIVE_INFINITY }
      const more = ['usage', 'usage_outcomes'].map((table) =>
        this.#file.use((db) => prune(db, table, 'hour', ROWS_AT_ONCE, retention)),
      )
      this.#prunedAt = more.includes(true) ? 0 : now
    } catch (error) {
      this.#prunedAt = now
      this.#onFailure(error)
    }
  }
}

/** Size of the tables of usage, roughly: counting pages would read all of them. */
export function usageBytes(db: Database): number {
  return Object.entries(ROW_BYTES).reduce((sum, [table, bytes]) => {
    return sum + roughCount(db, table) * bytes
  }, 0)
}

function add(db: Database, increases: readonly UsageIncrease[]): void {
  const addUsage = db.query(ADD_USAGE)
  const addOutcome = db.query(ADD_OUTCOME)
  for (const one of increases) {
    const { project, functionName, hour } = one
    addUsage.run(
      project,
      functionName,
      hour,
      one.invocations,
      one.failed,
      Math.round(one.cpuUs),
      Math.round(1000 * one.wallMs),
      Math.round(one.byteMs / 1000),
      one.egressRequests,
      one.egressBytes,
      one.responseBytes,
      one.coldStarts,
      one.logBytes,
    )
    for (const [outcome, count] of one.outcomes) {
      addOutcome.run(project, functionName, hour, outcome, count)
    }
  }
}
