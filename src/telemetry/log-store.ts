import type { Database } from 'bun:sqlite'
import { Batch } from './batch.ts'
import { openTelemetry, prune, type Retention, ROWS_AT_ONCE, usedBytes } from './database.ts'

const FLUSH_MS = 500
const PRUNE_MS = 60_000
/** Maximum number of entries that wait for a flush; more are dropped and counted. */
const MAX_WAITING = 20_000

const SCHEMA = `
CREATE TABLE IF NOT EXISTS logs (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  function TEXT NOT NULL,
  version TEXT NOT NULL,
  level TEXT NOT NULL,
  request_id TEXT,
  message TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS logs_by_function ON logs (function, id);
CREATE INDEX IF NOT EXISTS logs_by_time ON logs (time);
`

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** One entry of a function's log: console output, or an error. */
export interface LogEntry {
  /** ms since the epoch. */
  time: number
  function: string
  version: string
  level: LogLevel
  requestId: string | undefined
  message: string
}

/**
 * The logs of functions, in `logs.db`. They are written in batches, so a crash of the machine loses at
 * most the last half second. The first entry creates the database.
 */
export class LogStore {
  readonly #path: string
  #retention: Retention
  readonly #onFailure: (error: unknown) => void
  readonly #batch = new Batch(FLUSH_MS, () => this.#write())
  #db: Database | undefined
  #waiting: LogEntry[] = []
  #dropped = 0
  #prunedAt = 0

  /** @param onFailure called if the database cannot be written; the entries are lost */
  constructor(path: string, retention: Retention, onFailure: (error: unknown) => void) {
    this.#path = path
    this.#retention = retention
    this.#onFailure = onFailure
  }

  /** Prunes by other limits, from the next write on. */
  keep(retention: Retention): void {
    this.#retention = retention
    this.#prunedAt = 0
  }

  add(entry: LogEntry): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#dropped++
      return
    }
    this.#waiting.push(entry)
    this.#batch.wake()
  }

  /** Writes the waiting entries now. */
  flush(): void {
    this.#batch.now()
  }

  /** The latest entries of a function, newest first. */
  recent(functionName: string, limit: number): LogEntry[] {
    const select = `SELECT time, function, version, level, request_id AS requestId, message
      FROM logs WHERE function = ? ORDER BY id DESC LIMIT ?`
    return this.#open().query(select).all(functionName, limit) as LogEntry[]
  }

  close(): void {
    this.flush()
    this.#db?.close()
    this.#db = undefined
  }

  #open(): Database {
    this.#db ??= openTelemetry(this.#path, SCHEMA)
    return this.#db
  }

  #write(): void {
    if (this.#waiting.length === 0) return
    const entries = this.#waiting
    this.#waiting = []
    try {
      const db = this.#open()
      const insert = db.query(
        'INSERT INTO logs (time, function, version, level, request_id, message) VALUES (?, ?, ?, ?, ?, ?)',
      )
      db.transaction(() => {
        for (const entry of entries) {
          const { time, version, level, requestId, message } = entry
          insert.run(time, entry.function, version, level, requestId ?? null, message)
        }
      })()
      this.#prune(db, entries.length)
    } catch (error) {
      this.#onFailure(error)
    }
    if (this.#dropped > 0) {
      this.#onFailure(
        new Error(
          `${this.#dropped} log entries were dropped: functions wrote more than ${MAX_WAITING} in ${FLUSH_MS} ms`,
        ),
      )
      this.#dropped = 0
    }
  }

  #prune(db: Database, written: number): void {
    const now = Date.now()
    const tooLarge = usedBytes(db) > this.#retention.maxBytes
    if (!tooLarge && now - this.#prunedAt < PRUNE_MS) return
    const more = prune(db, 'logs', 'time', ROWS_AT_ONCE + written, this.#retention)
    this.#prunedAt = more ? 0 : now
  }
}
