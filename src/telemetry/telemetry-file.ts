/** A telemetry database that replaces itself when its file is damaged or is not its own. */
import type { Database } from 'bun:sqlite'
import { lstatSync, readdirSync, renameSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { openTelemetry, Unusable } from './database.ts'

/**
 * Maximum number of files that are set aside beside one database. With as many, nothing more is
 * recorded until the operator deletes some: a disk that damages every file must not be filled.
 */
const MAX_SET_ASIDE = 5

/** The database and its write-ahead log, last what the others are nothing without. */
const PARTS = ['-wal', '-shm', ''] as const

/** Reports that a database was set aside. */
export type SetAsideReport = (file: string, setAside: string, reason: string) => void

/**
 * Opens its database on first use. A file that SQLite finds damaged, at the start or later, and one
 * that another program wrote are renamed to `<file>.set-aside-<time>`, and the work is done again in
 * a new database. A file that was deleted or replaced meanwhile is opened again.
 */
export class TelemetryFile {
  readonly #path: string
  readonly #schema: string
  readonly #onSetAside: SetAsideReport
  #db: Database | undefined
  #inode: number | undefined

  constructor(path: string, schema: string, onSetAside: SetAsideReport) {
    this.#path = path
    this.#schema = schema
    this.#onSetAside = onSetAside
  }

  /** @param work one transaction at most: it is called again if the database is damaged */
  use<T>(work: (db: Database) => T): T {
    try {
      return work(this.#open())
    } catch (cause) {
      const reason = damage(cause)
      if (reason === undefined) throw cause
      this.#setAside(reason)
      return work(this.#open())
    }
  }

  close(): void {
    const db = this.#db
    this.#db = undefined
    db?.close()
  }

  #open(): Database {
    if (this.#db !== undefined && this.#inode !== inodeOf(this.#path)) this.#closeQuietly()
    if (this.#db === undefined) {
      this.#db = openTelemetry(this.#path, this.#schema)
      this.#inode = inodeOf(this.#path)
    }
    return this.#db
  }

  #setAside(reason: string): void {
    this.#closeQuietly()
    // A symbolic link is set aside itself: what it leads to may be another program's.
    const file = this.#path
    const prefix = `${basename(file)}.set-aside-`
    const others = readdirSync(dirname(file)).filter((name) => name.startsWith(prefix))
    const before = others.filter((name) => !/-(wal|shm)$/.test(name))
    if (before.length >= MAX_SET_ASIDE) {
      const message = `${file} cannot be used (${reason}), and ${before.length} such files were set aside before: check the disk, then delete ${join(dirname(file), prefix)}*.`
      throw new FunctionError('STORAGE_UNUSABLE', message)
    }
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
    let name = `${prefix}${time}`
    for (let n = 2; others.includes(name); n++) name = `${prefix}${time}.${n}`
    const setAside = join(dirname(file), name)
    for (const part of PARTS) {
      if (exists(file + part)) renameSync(file + part, setAside + part)
    }
    this.#onSetAside(file, setAside, reason)
  }

  /** What is wrong with the database may be wrong at its close, too. */
  #closeQuietly(): void {
    try {
      this.close()
    } catch {}
  }
}

/** A symbolic link exists even if it leads nowhere. */
function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino
}

/** Why the file cannot be used as it is; undefined for an error that another file would not end. */
function damage(cause: unknown): string | undefined {
  if (cause instanceof Unusable) return cause.message
  const { code = '', message = '' } = cause as { code?: string; message?: string }
  const damaged = /^SQLITE_(CORRUPT|NOTADB)/.test(code) || message === 'malformed JSON'
  return damaged ? message : undefined
}
