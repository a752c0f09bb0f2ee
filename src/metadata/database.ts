import { Database } from 'bun:sqlite'
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { migrate } from './migrate.ts'

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
  if (!existsSync(path) && existsSync(join(dataDir, RESTORING))) {
    throw new FunctionError(
      'STORAGE_UNUSABLE',
      `A restore into the data directory ${dataDir} was interrupted: run 'functions restore' again.`,
    )
  }
  let db: Database | undefined
  try {
    db = new Database(path, { create: true, strict: true })
    db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    db.run('PRAGMA journal_mode = WAL')
    // A deployment that was acknowledged must survive a power cut.
    db.run('PRAGMA synchronous = FULL')
    db.run('PRAGMA foreign_keys = ON')
    migrate(db, path)
    return db
  } catch (cause) {
    db?.close()
    throw cause instanceof FunctionError ? cause : unusable(path, cause)
  }
}

/** The meaning of system error codes here, and what to do. */
const REASONS: Record<string, string> = {
  EACCES: 'permission denied; run as the user that owns it',
  EEXIST: 'it is not a directory',
  ENOSPC: 'no space is left on the device',
  ENOTDIR: 'a part of its path is not a directory',
  EROFS: 'its file system is mounted read-only',
}

/** The error for a path that the system or SQLite refused. */
export function unusable(path: string, cause: unknown): FunctionError {
  const { code, message } = cause as NodeJS.ErrnoException
  const why = code?.startsWith('SQLITE') ? message : (REASONS[code ?? ''] ?? code ?? message)
  return new FunctionError('STORAGE_UNUSABLE', `${path} cannot be used (${why}).`, { cause })
}
