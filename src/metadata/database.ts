import { Database } from 'bun:sqlite'
import { accessSync, constants, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { isFull, unusable } from '../lib/storage.ts'
import { migrate, refuseNewer } from './migrate.ts'

/** How long a statement waits for another process's transaction. */
const BUSY_TIMEOUT_MS = 10_000

/** Where a restore keeps what it has not checked yet, in the data directory. */
export const RESTORING = '.restore'

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
  if (!existsSync(path)) refuseLost(dataDir)
  try {
    return open(path, 'NORMAL')
  } catch (cause) {
    if (!isFull(cause)) throw cause instanceof FunctionError ? cause : unusable(path, cause)
  }
  // A process that has the database for itself needs no shared memory file, for which there may be no
  // space, and so it can serve what was deployed.
  try {
    return open(path, 'EXCLUSIVE')
  } catch (cause) {
    throw cause instanceof FunctionError ? cause : unusable(path, cause)
  }
}

function open(path: string, lockingMode: 'NORMAL' | 'EXCLUSIVE'): Database {
  const db = new Database(path, { create: true, strict: true })
  try {
    db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    db.run(`PRAGMA locking_mode = ${lockingMode}`)
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
    db = new Database(path, { readonly: true })
    db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    refuseNewer(db, path)
  } catch (cause) {
    throw cause instanceof FunctionError ? cause : unusable(path, cause)
  } finally {
    db?.close()
  }
}

/**
 * A new database in place of a lost one would make every function disappear, and the next garbage
 * collection would delete all bundles.
 */
function refuseLost(dataDir: string): void {
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

/** Does the data directory have the bundles of any function? */
export function hasBundles(dataDir: string): boolean {
  const path = join(dataDir, 'bundles')
  return existsSync(path) && readdirSync(path).some((name) => name.startsWith('func-'))
}
