/** Reads the audit from `metadata.db`. The queries run in a thread of their own. */
import { join } from 'node:path'
import type { QueryThread } from '../lib/query-thread.ts'
import type { AuditDetails, AuditEntry } from './audit-entry.ts'

const COLUMNS =
  'id, time, project, actor, address, action, object, outcome, details_json AS details, count'
/** After every entry. */
const LAST: AuditPlace = { time: '~', id: '~' }

/** The place of an entry in the order of time. */
export interface AuditPlace {
  time: string
  id: string
}

interface AuditQuery {
  /** One project; all unless set. */
  project?: string | undefined
  /** ISO 8601, UTC: entries from then on. */
  since: string
  /** Entries before this one; from the newest on unless set. */
  before?: AuditPlace | undefined
  limit: number
}

type AuditRow = Omit<AuditEntry, 'details'> & { id: string; details: string }

export class AuditReader {
  readonly #queries: QueryThread
  readonly #path: string

  constructor(queries: QueryThread, dataDir: string) {
    this.#queries = queries
    this.#path = join(dataDir, 'metadata.db')
  }

  /** Newest first. */
  async read({ project, since, before = LAST, limit }: AuditQuery) {
    const ofProject = project === undefined ? '' : 'AND project = ?'
    const sql = `SELECT ${COLUMNS} FROM audit WHERE (time, id) < (?, ?) AND time >= ? ${ofProject} ORDER BY time DESC, id DESC LIMIT ?`
    const given = project === undefined ? [] : [project]
    const parameters = [before.time, before.id, since, ...given, limit]
    const rows = await this.#queries.all<AuditRow>(this.#path, sql, parameters)
    return rows.map((row) => ({ ...row, details: JSON.parse(row.details) as AuditDetails }))
  }
}
