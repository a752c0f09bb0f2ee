import type { Database } from 'bun:sqlite'
import { functionLabel } from '../metadata/records.ts'
import { Batch } from './batch.ts'
import { FunctionCounters, type MetricsRegistry, OK } from './counters.ts'
import { prune, type Retention, ROWS_AT_ONCE } from './database.ts'
import type { TelemetryFile } from './telemetry-file.ts'

const FLUSH_MS = 5_000
const PRUNE_MS = 60_000
const MINUTE_MS = 60_000

export const METRICS_SCHEMA = `
CREATE TABLE IF NOT EXISTS function_metrics (
  minute INTEGER NOT NULL,
  function TEXT NOT NULL,
  version TEXT NOT NULL,
  invocations INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  duration_ms_sum REAL NOT NULL,
  cpu_us_sum INTEGER NOT NULL,
  duration_buckets_json TEXT NOT NULL,
  PRIMARY KEY (function, version, minute)
);
CREATE INDEX IF NOT EXISTS function_metrics_by_minute ON function_metrics (minute);
CREATE TABLE IF NOT EXISTS function_outcomes (
  minute INTEGER NOT NULL,
  function TEXT NOT NULL,
  version TEXT NOT NULL,
  outcome TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (function, version, minute, outcome)
);
CREATE INDEX IF NOT EXISTS function_outcomes_by_minute ON function_outcomes (minute);
`

const ADD_METRICS = `
INSERT INTO function_metrics (
  minute, function, version, invocations, errors, duration_ms_sum, cpu_us_sum, duration_buckets_json
) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
  invocations = invocations + excluded.invocations,
  errors = errors + excluded.errors,
  duration_ms_sum = duration_ms_sum + excluded.duration_ms_sum,
  cpu_us_sum = cpu_us_sum + excluded.cpu_us_sum,
  duration_buckets_json = (
    SELECT json_group_array(old.value + new.value)
    FROM json_each(duration_buckets_json) AS old
    JOIN json_each(excluded.duration_buckets_json) AS new ON new.key = old.key
  )
`

const ADD_OUTCOME = `
INSERT INTO function_outcomes (minute, function, version, outcome, count) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET count = count + excluded.count
`

/**
 * Execution statistics by function version and minute, in `metrics.db`: the increase of the counters
 * since the last flush. `duration_buckets_json` holds one count for each of DURATION_BUCKETS_MS and
 * one for longer durations.
 */
export class MetricStore {
  readonly #file: TelemetryFile
  readonly #registry: MetricsRegistry
  #retention: Retention
  readonly #onFailure: (error: unknown) => void
  readonly #othersBytes: (db: Database) => number
  readonly #batch = new Batch(FLUSH_MS, () => this.#write())
  #prunedAt = 0

  /**
   * @param onFailure called if the database cannot be written; the next flush writes these counts too
   * @param othersBytes size of the other tables in the file, which do not count
   */
  constructor(
    file: TelemetryFile,
    registry: MetricsRegistry,
    retention: Retention,
    onFailure: (error: unknown) => void,
    othersBytes: (db: Database) => number = () => 0,
  ) {
    this.#file = file
    this.#registry = registry
    this.#retention = retention
    this.#onFailure = onFailure
    this.#othersBytes = othersBytes
  }

  /** Prunes by other limits, from the next write on. */
  keep(retention: Retention): void {
    this.#retention = retention
    this.#prunedAt = 0
  }

  /** Schedules a flush. */
  wake(): void {
    this.#batch.wake()
  }

  flush(): void {
    this.#batch.now()
  }

  #write(): void {
    const changed = [...this.#registry.all()].filter((counters) => !counters.isWritten)
    if (changed.length === 0) return
    try {
      const minute = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS
      const copies = changed.map((counters) => counters.copy())
      const write = (db: Database) => {
        changed.forEach((counters, index) => {
          // Only the increase since the last flush is added.
          add(db, minute, copies[index] as FunctionCounters, counters.written ?? NOTHING)
        })
      }
      this.#file.use((db) => db.transaction(() => write(db))())
      changed.forEach((counters, index) => {
        counters.written = copies[index]
      })
      this.#registry.sweep()
      this.#file.use((db) => this.#prune(db))
    } catch (error) {
      this.#onFailure(error)
    }
  }

  #prune(db: Database): void {
    const now = Date.now()
    if (now - this.#prunedAt < PRUNE_MS) return
    const tables = ['function_outcomes', 'function_metrics']
    const maxBytes = this.#retention.maxBytes + this.#othersBytes(db)
    const retention = { ...this.#retention, maxBytes }
    const more = tables.map((table) => prune(db, table, 'minute', ROWS_AT_ONCE, retention))
    this.#prunedAt = more.includes(true) ? 0 : now
  }
}

const NOTHING = new FunctionCounters({ project: '', functionName: '', version: '' })

function add(db: Database, minute: number, now: FunctionCounters, before: FunctionCounters): void {
  const gained = now.invocations - before.invocations
  const outcomes = [...now.outcomes].map(
    ([outcome, count]) => [outcome, count - (before.outcomes.get(outcome) ?? 0)] as const,
  )
  const succeeded = outcomes.find(([outcome]) => outcome === OK)?.[1] ?? 0
  const label = functionLabel(now.functionName, now.project)
  db.query(ADD_METRICS).run(
    minute,
    label,
    now.version,
    gained,
    gained - succeeded,
    now.durationMsSum - before.durationMsSum,
    now.cpuUsSum - before.cpuUsSum,
    JSON.stringify(now.buckets.map((count, index) => count - (before.buckets[index] ?? 0))),
  )
  for (const [outcome, count] of outcomes) {
    if (count === 0) continue
    db.query(ADD_OUTCOME).run(minute, label, now.version, outcome, count)
  }
}
