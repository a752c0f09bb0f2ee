import type { Database } from 'bun:sqlite'
import { Batch } from './batch.ts'
import { prune, type Retention, ROWS_AT_ONCE, usedBytes } from './database.ts'
import { type SetAsideReport, TelemetryFile } from './telemetry-file.ts'

const FLUSH_MS = 500
const PRUNE_MS = 60_000
/** Time between two tries to write to a database that cannot be written, such as on a full disk. */
const RETRY_MS = 5_000
/** Maximum number of entries that wait for a flush; more are dropped and counted. */
const MAX_WAITING = 20_000
/** Maximum size of the waiting entries, in characters; more are dropped and counted. */
const MAX_WAITING_CHARACTERS = 32 * 2 ** 20
/** Why entries are lost here, in the row that counts them. */
const TOO_MANY = 'more waited to be written than the service keeps'

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
const NOT_WRITTEN = 'the database refused them'

/** How many lines of a function version are lost, and are not in the database as a row yet. */
interface Lost {
  function: string
  version: string
  lines: number
  reason: string
}

/** What becomes of the database. */
export interface LogStoreEvents {
  /** It cannot be written. The entries are kept and tried again. */
  failed(error: unknown): void
  /** This number of entries was lost. */
  lost(entries: number): void
  setAside: SetAsideReport
}

/**
 * The logs of functions, in `logs.db`. They are written in batches, so a crash of the machine loses at
 * most the last half second. The first entry creates the database. Every line that is lost is counted
 * in a row of its function's log.
 */
export class LogStore {
  readonly #file: TelemetryFile
  #retention: Retention
  readonly #events: LogStoreEvents
  readonly #batch = new Batch(FLUSH_MS, () => this.#write())
  readonly #retry = new Batch(RETRY_MS, () => this.#write())
  readonly #lost = new Map<string, Lost>()
  #failing = false
  #waiting: LogEntry[] = []
  #waitingCharacters = 0
  #unreported = 0
  #prunedAt = 0

  constructor(path: string, retention: Retention, events: LogStoreEvents) {
    this.#file = new TelemetryFile(path, SCHEMA, events.setAside)
    this.#retention = retention
    this.#events = events
  }

  /** Prunes by other limits, from the next write on. */
  keep(retention: Retention): void {
    this.#retention = retention
    this.#prunedAt = 0
  }

  /** @returns false if too many entries wait: this one is lost, and counted */
  add(entry: LogEntry): boolean {
    const characters = this.#waitingCharacters + entry.message.length
    if (this.#waiting.length >= MAX_WAITING || characters > MAX_WAITING_CHARACTERS) {
      this.#unreported++
      this.countLost(entry.function, entry.version, 1, TOO_MANY)
      return false
    }
    this.#waiting.push(entry)
    this.#waitingCharacters = characters
    this.#wake()
    return true
  }

  /** Counts lines that never arrived. The next flush writes a row that says how many. */
  countLost(functionName: string, version: string, lines: number, reason: string): void {
    const key = `${functionName} ${version} ${reason}`
    const lost = this.#lost.get(key)
    if (lost !== undefined) lost.lines += lines
    else this.#lost.set(key, { function: functionName, version, lines, reason })
    this.#wake()
  }

  /** Writes the waiting entries now. */
  flush(): void {
    this.#batch.now()
  }

  /** The latest entries of a function, newest first. */
  recent(functionName: string, limit: number): LogEntry[] {
    const select = `SELECT time, function, version, level, request_id AS requestId, message
      FROM logs WHERE function = ? ORDER BY id DESC LIMIT ?`
    return this.#file.use((db) => db.query(select).all(functionName, limit) as LogEntry[])
  }

  /**
   * Gives the functions of a project other names, in the entries up to now. It takes several turns of the event loop,
   * because requests are served meanwhile.
   */
  async rename(project: string, label: string): Promise<void> {
    this.flush()
    const last = this.#file.use((db) => db.query('SELECT max(id) AS id FROM logs').get())
    const { id } = last as { id: number | null }
    const update = `UPDATE logs SET function = ? || substr(function, ?) WHERE id IN
      (SELECT id FROM logs WHERE function > ? AND function < ? AND id <= ? LIMIT ${ROWS_AT_ONCE})`
    const parameters = [label, project.length + 1, `${project}/`, `${project}0`, id]
    while (this.#file.use((db) => db.query(update).run(...parameters).changes) > 0)
      await new Promise((next) => setImmediate(next))
  }

  close(): void {
    this.flush()
    this.#retry.cancel()
    if (this.#waiting.length > 0) this.#events.lost(this.#waiting.length)
    this.#waiting = []
    this.#file.close()
  }

  #wake(): void {
    if (this.#failing) this.#retry.wake()
    else this.#batch.wake()
  }

  #write(): void {
    if (this.#waiting.length === 0 && this.#lost.size === 0) return
    const entries = [...this.#waiting, ...[...this.#lost.values()].map(lossEntry)]
    try {
      this.#file.use((db) => insert(db, entries))
      this.#waiting = []
      this.#waitingCharacters = 0
      this.#lost.clear()
      this.#failing = false
      this.#file.use((db) => this.#prune(db, entries.length))
    } catch (error) {
      this.#events.failed(error)
      if (this.#waiting.length > 0 && !mayEnd(error)) this.#abandon()
      this.#failing = this.#waiting.length > 0 || this.#lost.size > 0
      if (this.#failing) this.#retry.wake()
    }
    if (this.#unreported > 0) this.#events.lost(this.#unreported)
    this.#unreported = 0
  }

  #abandon(): void {
    const entries = this.#waiting
    this.#waiting = []
    this.#waitingCharacters = 0
    this.#unreported += entries.length
    for (const { function: functionName, version } of entries) {
      this.countLost(functionName, version, 1, NOT_WRITTEN)
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

function insert(db: Database, entries: LogEntry[]): void {
  const row = db.query(
    'INSERT INTO logs (time, function, version, level, request_id, message) VALUES (?, ?, ?, ?, ?, ?)',
  )
  db.transaction(() => {
    for (const entry of entries) {
      const { time, version, level, requestId, message } = entry
      row.run(time, entry.function, version, level, requestId ?? null, message)
    }
  })()
}

/** Whether the same entries may be written later: there may be space again, or another disk. */
function mayEnd(error: unknown): boolean {
  const { code = '' } = error as { code?: string }
  return /^(SQLITE_(FULL|BUSY|LOCKED|IOERR|CANTOPEN|READONLY|PERM|NOMEM)|STORAGE_UNUSABLE)/.test(
    code,
  )
}

function lossEntry({ function: functionName, version, lines, reason }: Lost): LogEntry {
  const message = `${lines} log lines were dropped: ${reason}`
  return {
    time: Date.now(),
    function: functionName,
    version,
    level: 'warn',
    requestId: undefined,
    message,
  }
}
