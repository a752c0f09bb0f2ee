/** Reads usage from `metrics.db`, for bills and for quotas. The queries run in a thread of their own. */
import type { QueryThread } from '../lib/query-thread.ts'

const DAY_MS = 86_400_000

/** The place of a row in the list. */
export type UsagePlace = [hour: number, project: string, functionName: string]

export interface UsageQuery {
  /** All projects unless set. */
  project?: string | undefined
  /** From this time, ms since the epoch, until before that one. Hours that begin in between are counted. */
  from: number
  to: number
  by: 'hour' | 'day'
  /** One row for each function, or for all functions of a project. */
  group: 'function' | 'project'
  /** Beginning after this row. */
  after: UsagePlace | undefined
  limit: number
}

/** What was used in an hour or a day. */
export interface UsageRow {
  project: string
  /** Null in a row for all functions of a project. */
  function: string | null
  /** When the hour or the day begins, ms since the epoch. */
  hour: number
  invocations: number
  failed: number
  cpuUs: number
  wallUs: number
  byteSeconds: number
  egressRequests: number
  egressBytes: number
  responseBytes: number
  coldStarts: number
  logBytes: number
  /** Invocations by outcome. */
  outcomes: Record<string, number>
}

/** What was used since a time. */
export interface Used {
  cpuUs: number
  egressRequests: number
  egressBytes: number
}

const BEFORE_ALL: UsagePlace = [0, '', '']

export class UsageReader {
  readonly #thread: QueryThread
  readonly #path: string
  readonly #flush: () => void

  /** @param flush writes what was counted and is not in the database yet */
  constructor(thread: QueryThread, path: string, flush: () => void = () => {}) {
    this.#thread = thread
    this.#path = path
    this.#flush = flush
  }

  /** Rows in the order of hour, project and function. */
  async list(query: UsageQuery): Promise<UsageRow[]> {
    this.#flush()
    const { by, group, after = BEFORE_ALL, limit } = query
    const bucket = by === 'day' ? `hour - hour % ${DAY_MS}` : 'hour'
    const name = group === 'function' ? 'function' : "''"
    const { where, parameters } = conditions(query)
    const columns = `project, ${name} AS name, ${bucket} AS bucket`
    const sql = `SELECT ${columns}, sum(invocations) AS invocations, sum(failed) AS failed,
        sum(cpu_us) AS cpuUs, sum(wall_us) AS wallUs, sum(byte_seconds) AS byteSeconds,
        sum(egress_requests) AS egressRequests, sum(egress_bytes) AS egressBytes,
        sum(response_bytes) AS responseBytes, sum(cold_starts) AS coldStarts,
        sum(log_bytes) AS logBytes
      FROM usage ${where} AND (bucket, project, name) > (?, ?, ?)
      GROUP BY bucket, project, name ORDER BY bucket, project, name LIMIT ?`
    const rows = await this.#thread.all<StoredRow>(this.#path, sql, [
      ...parameters,
      ...after,
      limit,
    ])
    const [first, last] = [rows[0], rows.at(-1)]
    if (first === undefined || last === undefined) return []
    const outcomes = `SELECT ${columns}, outcome, sum(count) AS count FROM usage_outcomes ${where}
      AND (bucket, project, name) BETWEEN (?, ?, ?) AND (?, ?, ?)
      GROUP BY bucket, project, name, outcome`
    const range = [...placeOf(first), ...placeOf(last)]
    const counts = await this.#thread.all<StoredOutcome>(this.#path, outcomes, [
      ...parameters,
      ...range,
    ])
    return withOutcomes(rows, counts)
  }

  /** @param name of the function; all of the project's unless set. Without a project, of the installation */
  async used(since: number, project?: string, name?: string): Promise<Used> {
    this.#flush()
    const conditions = [
      'hour >= ?',
      ...(project === undefined ? [] : ['project = ?']),
      ...(name === undefined ? [] : ['function = ?']),
    ]
    const sql = `SELECT sum(cpu_us) AS cpuUs, sum(egress_requests) AS egressRequests,
      sum(egress_bytes) AS egressBytes FROM usage WHERE ${conditions.join(' AND ')}`
    const parameters = [since, project, name].filter((value) => value !== undefined)
    const [row] = await this.#thread.all<Partial<Used>>(this.#path, sql, parameters)
    return {
      cpuUs: row?.cpuUs ?? 0,
      egressRequests: row?.egressRequests ?? 0,
      egressBytes: row?.egressBytes ?? 0,
    }
  }
}

type StoredRow = Omit<UsageRow, 'function' | 'hour' | 'outcomes'> & { name: string; bucket: number }
interface StoredOutcome {
  project: string
  name: string
  bucket: number
  outcome: string
  count: number
}

export function placeOf(row: { project: string; name: string; bucket: number }): UsagePlace {
  return [row.bucket, row.project, row.name]
}

function conditions({ project, from, to, after }: UsageQuery) {
  // Hours before the last row need not be read again.
  const parameters: (string | number)[] = [Math.max(from, after?.[0] ?? 0), to]
  if (project === undefined) return { where: 'WHERE hour >= ? AND hour < ?', parameters }
  parameters.push(project)
  return { where: 'WHERE hour >= ? AND hour < ? AND project = ?', parameters }
}

function withOutcomes(rows: readonly StoredRow[], counts: readonly StoredOutcome[]): UsageRow[] {
  const byPlace = new Map<string, Record<string, number>>()
  for (const count of counts) {
    const key = placeOf(count).join(' ')
    const outcomes = byPlace.get(key) ?? {}
    outcomes[count.outcome] = count.count
    byPlace.set(key, outcomes)
  }
  return rows.map(({ name, bucket, ...sums }) => ({
    ...sums,
    function: name === '' ? null : name,
    hour: bucket,
    outcomes: byPlace.get(placeOf({ ...sums, name, bucket }).join(' ')) ?? {},
  }))
}
