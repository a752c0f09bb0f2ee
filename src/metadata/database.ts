import { Database } from 'bun:sqlite'
import { accessSync, constants, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { isFull, unusable } from '../lib/storage.ts'
import { migrate, refuseNewer } from './migrate.ts'

/** How long a statement waits for another process's transaction. */
const BUSY_TIMEOUT_MS = 10_000

/** Where a restore keeps what it has not checked yet, in the data directory. */
export const RESTORING = '.restore'
/** Where a repair writes the new database before it replaces the lost one. */
export const REBUILDING = '.rebuild'

/**
 * Creates the data directory if it does not exist. Only its owner may read it: it holds the code and
 * the variables of tenants.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE
 */
export function makeDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    accessSync(dataDir, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw unusable(dataDir, cause)
  }
}

/**
 * Opens `<dataDir>/metadata.db` with this release's tables.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE
 */
export function openDatabase(dataDir: string): Database {
  makeDataDir(dataDir)
  const path = join(dataDir, 'metadata.db')
  if (existsSync(join(dataDir, REBUILDING))) {
    const message = `A repair of the data directory ${dataDir} was interrupted: run 'functions check --repair' again.`
    throw new FunctionError('STORAGE_UNUSABLE', message)
  }
  if (!existsSync(path)) refuseLost(dataDir)
  else refuseOtherKind(path)
  try {
    return open(path, 'NORMAL')
  } catch (cause) {
    if (!isFull(cause)) throw refusal(path, cause)
  }
  // A process that has the database for itself needs no shared memory file, for which there may be no
  // space, and so it can serve what was deployed.
  try {
    return open(path, 'EXCLUSIVE')
  } catch (cause) {
    throw refusal(path, cause)
  }
}

/** A database in memory with this release's tables. */
export function emptyDatabase(): Database {
  const db = new Database(':memory:', { strict: true })
  migrate(db, ':memory:')
  return db
}

function open(path: string, lockingMode: 'NORMAL' | 'EXCLUSIVE'): Database {
  const db = new Database(path, { create: true, strict: true })
  try {
    db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    db.run(`PRAGMA locking_mode = ${lockingMode}`)
    refuseEmptied(db, dirname(path))
    db.run('PRAGMA journal_mode = WAL')
    // A deployment that was acknowledged must survive a power cut.
    db.run('PRAGMA synchronous = FULL')
    db.run('PRAGMA foreign_keys = ON')
    migrate(db, path)
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

/**
 * Checks that this release can work with a database, without a change of it.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE
 */
export function checkDatabase(dataDir: string): void {
  const path = join(dataDir, 'metadata.db')
  let db: Database | undefined
  try {
    refuseOtherKind(path)
    db = new Database(path, { readonly: true })
    db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    refuseNewer(db, path)
  } catch (cause) {
    throw refusal(path, cause)
  } finally {
    db?.close()
  }
}

const REMEDY =
  "stop the service and run 'functions check --repair', or restore a backup into another directory"

function refusal(path: string, cause: unknown): unknown {
  if (cause instanceof FunctionError) return cause
  const { code = '' } = cause as NodeJS.ErrnoException
  if (!/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return unusable(path, cause)
  return unusable(path, cause, { remedy: REMEDY })
}

/** SQLite says of a folder or a pipe that the disk is at fault. */
function refuseOtherKind(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== false) return
  throw unusable(path, new Error('it is not a regular file'), { remedy: REMEDY })
}

/**
 * A new database in place of a lost one would make every function disappear, and the next garbage
 * collection would delete all bundles.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE if the directory has lost its database
 */
export function refuseLost(dataDir: string): void {
  if (existsSync(join(dataDir, RESTORING))) {
    throw new FunctionError(
      'STORAGE_UNUSABLE',
      `A restore into the data directory ${dataDir} was interrupted: run 'functions restore' again.`,
    )
  }
  if (hasBundles(dataDir)) {
    throw new FunctionError(
      'STORAGE_UNUSABLE',
      `The data directory ${dataDir} has bundles but no metadata.db: restore a backup into another directory, or rebuild the functions from their bundles with 'functions check --repair'.`,
    )
  }
}

/**
 * A database that lost its tables or all of its rows is as bad as a missing one: it was cut off, copied
 * without its write-ahead log, or is older than the bundles. Nothing is written to it.
 */
function refuseEmptied(db: Database, dataDir: string): void {
  const loss = contentLost(db, dataDir)
  if (loss === undefined) return
  throw new FunctionError(
    'STORAGE_UNUSABLE',
    `The data directory ${dataDir} has bundles, but its metadata.db ${loss}: it may have been cut off, or copied without metadata.db-wal. Restore a backup into another directory, or rebuild the functions from their bundles with 'functions check --repair'.`,
  )
}

/**
 * What a database lacks although bundles of its functions are there; undefined for a sound one. Another
 * process may change the directory meanwhile.
 */
export function contentLost(db: Database, dataDir: string): string | undefined {
  if (!hasTables(db)) return hasBundles(dataDir) && !hasTables(db) ? 'has no tables' : undefined
  // A change that runs, or was interrupted, has an intent from before its first to after its last step.
  const lost =
    !hasVersions(db) &&
    !hasIntents(dataDir) &&
    hasManifests(dataDir) &&
    !hasIntents(dataDir) &&
    !hasVersions(db)
  return lost ? 'has no versions' : undefined
}

function hasTables(db: Database): boolean {
  return db.query("SELECT 1 FROM sqlite_master WHERE name = 'function_versions'").get() !== null
}

function hasVersions(db: Database): boolean {
  return db.query('SELECT 1 FROM function_versions LIMIT 1').get() !== null
}

function hasIntents(dataDir: string): boolean {
  return namesIn(join(dataDir, 'bundles', '.staging')).length > 0
}

/** Is there the folder of a version that could be recorded again? */
function hasManifests(dataDir: string): boolean {
  const root = join(dataDir, 'bundles')
  const functions = namesIn(root).filter((name) => name.startsWith('func-'))
  return functions.some((id) =>
    namesIn(join(root, id)).some((name) => existsSync(join(root, id, name, 'version.json'))),
  )
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw cause
  }
}

/** Does the data directory have the bundles of any function? */
export function hasBundles(dataDir: string): boolean {
  return namesIn(join(dataDir, 'bundles')).some((name) => name.startsWith('func-'))
}
