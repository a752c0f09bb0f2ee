/** The program of the query thread: answers one query after the other, each with a connection that cannot write. */
import { Database } from 'bun:sqlite'
import { statSync } from 'node:fs'

/** What the thread is asked. */
export interface Query {
  id: number
  path: string
  sql: string
  parameters: (string | number | null)[]
}

/** What it answers. Without a database there are no rows. */
export type Answer = { id: number; rows: unknown[] } | { id: number; error: string }

declare const self: Worker

self.onmessage = ({ data }: MessageEvent<Query>) => {
  const { id } = data
  try {
    self.postMessage({ id, rows: run(data) } satisfies Answer)
  } catch (cause) {
    self.postMessage({ id, error: String((cause as Error).message) } satisfies Answer)
  }
}

/** The file is opened anew each time: it may be replaced, and an open reader would keep the log of writes from shrinking. */
function run({ path, sql, parameters }: Query): unknown[] {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return []
  const db = new Database(path, { readonly: true, strict: true })
  try {
    db.run('PRAGMA busy_timeout = 2000')
    return db.query(sql).all(...parameters)
  } catch (cause) {
    if (/^no such table/.test((cause as Error).message)) return []
    throw cause
  } finally {
    db.close()
  }
}
