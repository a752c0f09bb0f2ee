/**
 * Restores a backup into an empty data directory.
 *
 * Everything is written below `.restore/` and checked there. Then it is renamed to its place,
 * metadata.db last: without it nothing is visible, and no service starts while `.restore/` is there. A
 * restore that was killed is cleaned up by the next one. The lock of the data directory is held all the
 * time.
 */
import { Database } from 'bun:sqlite'
import { chmodSync, existsSync, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { sha256 } from '../bundles/bundle-store.ts'
import { BUNDLES, bundleOwner, syncDirectory } from '../bundles/files.ts'
import { FunctionError } from '../errors.ts'
import { isFull, unusable } from '../lib/storage.ts'
import { makeDataDir, RESTORING } from '../metadata/database.ts'
import { tryLockDataDir } from '../metadata/lock.ts'
import { lackingIn, migrate } from '../metadata/migrate.ts'
import { KEY_FILE } from '../secrets/key-file.ts'
import {
  type Entry,
  invalid,
  METADATA,
  MISSING,
  readArchive,
  SETTINGS,
  TELEMETRY,
} from './archive.ts'
import { needSpace, writeError } from './files.ts'
import { orphansIn } from './orphans.ts'
import { type StoredSecrets, secretsIn } from './secrets.ts'

/** Settings of the backup, for people: a service reads its own. */
const RESTORED_SETTINGS = 'settings.restored.toml'
const LOCK = 'service.lock'
/** What an empty data directory may contain: the lock that this process holds, the key for secrets, and what mkfs makes. */
const IGNORED = [LOCK, KEY_FILE, `${LOCK}-journal`, 'lost+found', RESTORING]
/** Renamed in this order; the data directory is restored when the last one has its name. */
const PARTS = [BUNDLES, ...TELEMETRY, RESTORED_SETTINGS, METADATA]
/** Files that are synced at the same time. */
const SYNCS_AT_ONCE = 32

export interface RestoreReport extends StoredSecrets {
  dataDir: string
  /** The release that made the backup, and when. */
  release: string
  createdAt: string
  files: number
  functions: number
  versions: number
  /** Bundles that were missing when the backup was made: their versions do not load. */
  missing: string[]
}

/**
 * @param source the bytes of the backup
 * @throws {FunctionError} BACKUP_INVALID; CONFLICT if the directory is not empty or in use;
 * STORAGE_UNUSABLE
 */
export async function restore(
  source: AsyncIterable<Uint8Array>,
  dataDir: string,
): Promise<RestoreReport> {
  makeDataDir(dataDir)
  const directory = realpathSync(dataDir)
  // Somebody's folder stays as it is: not even a lock is left there.
  const ours = [LOCK, RESTORING].some((name) => existsSync(join(directory, name)))
  if (!ours) refuseUsed(directory, dataDir, IGNORED)
  const lock = tryLockDataDir(directory)
  if (lock === undefined) {
    const message = `Another process holds the lock of the data directory ${dataDir}: a service or a command runs on it.`
    throw new FunctionError('CONFLICT', message)
  }
  try {
    await clear(directory, dataDir)
    return await restoreInto(directory, source)
  } finally {
    lock.release()
  }
}

/** Deletes what an interrupted restore left. @throws {FunctionError} CONFLICT if anything else is there */
async function clear(directory: string, shown: string): Promise<void> {
  const interrupted =
    existsSync(join(directory, RESTORING)) && !existsSync(join(directory, METADATA))
  const ignored = interrupted ? [...IGNORED, ...PARTS] : IGNORED
  refuseUsed(directory, shown, ignored)
  for (const name of [...(interrupted ? PARTS : []), RESTORING]) {
    await rm(join(directory, name), { recursive: true, force: true })
  }
}

/** @throws {FunctionError} CONFLICT */
function refuseUsed(directory: string, shown: string, ignored: readonly string[]): void {
  const found = readdirSync(directory).find((name) => !ignored.includes(name))
  if (found === undefined) return
  const message = `The directory ${shown} is not empty (it contains ${found}): a backup is restored into an empty or new directory only. Move the old one away first.`
  throw new FunctionError('CONFLICT', message)
}

async function restoreInto(
  directory: string,
  source: AsyncIterable<Uint8Array>,
): Promise<RestoreReport> {
  const staged = join(directory, RESTORING)
  try {
    chmodSync(directory, 0o700)
    mkdirSync(staged, { mode: 0o700 })
    const { header, files } = await extract(source, staged)
    const checked = await check(staged)
    await syncTree(staged)
    for (const name of PARTS) {
      if (!existsSync(join(staged, name))) continue
      // The rest is on the disk before the database that makes it visible.
      if (name === METADATA) await syncDirectory(directory)
      await rename(join(staged, name), join(directory, name))
    }
    await rm(staged, { recursive: true, force: true })
    await syncDirectory(directory)
    const { release, createdAt } = header
    return { dataDir: directory, release, createdAt, files: files + 1, ...checked }
  } catch (cause) {
    await clear(directory, directory).catch(() => {})
    throw cause
  }
}

async function extract(source: AsyncIterable<Uint8Array>, staged: string) {
  const entries = readArchive(source)
  let files = 0
  let made = ''
  for (;;) {
    const { done, value } = await entries.next()
    if (done === true) return { header: value, files }
    const name = value.path === SETTINGS ? RESTORED_SETTINGS : value.path
    const path = join(staged, name)
    if (dirname(path) !== made) {
      made = dirname(path)
      await mkdir(made, { recursive: true, mode: 0o700 })
    }
    await writeEntry(path, value)
    files++
  }
}

/** The archive decides about names and sizes only as far as `readArchive` has checked them. */
async function writeEntry(path: string, { size, content }: Entry): Promise<void> {
  const folder = dirname(path)
  try {
    needSpace(folder, size, 'the restored data')
    const file = await open(path, 'wx', 0o600)
    try {
      for await (const chunk of content) await file.appendFile(chunk)
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw writeError(folder, size, 'the restored data', cause)
  }
}

/** Is the database whole, and does it name exactly the bundles that are there? */
async function check(staged: string) {
  const path = join(staged, METADATA)
  if (!existsSync(path)) throw invalid(`it has no ${METADATA}`)
  const missing = await readMissing(staged)
  let db: Database | undefined
  try {
    db = new Database(path, { readwrite: true, create: false })
    // All of it must be in the one file that is renamed: no write-ahead log beside it.
    db.run('PRAGMA journal_mode = DELETE')
    checkDatabase(db)
    const lacking = lackingIn(db)
    if (lacking !== undefined) throw invalid(`its ${METADATA} lacks ${lacking}`)
    migrate(db, METADATA)
    const known = new Set(missing)
    const rows = db.query<{ path: string; sha256: string }, []>(
      'SELECT bundle_path AS path, bundle_sha256 AS sha256 FROM function_versions',
    )
    for (const row of rows.iterate()) await checkBundle(staged, row.path, row.sha256, known)
    for (const path of orphansIn(staged, db)) {
      throw invalid(`it has ${path}, which its ${METADATA} does not name`)
    }
    const count = (table: string) =>
      db?.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0
    const counts = { functions: count('functions'), versions: count('function_versions') }
    return { ...counts, ...secretsIn(db), missing }
  } catch (cause) {
    if (cause instanceof FunctionError && cause.code === 'BACKUP_INVALID') throw cause
    if (isFull(cause)) throw writeError(staged, 0, 'the restored data', cause)
    throw invalid(`its ${METADATA} cannot be used (${(cause as Error).message})`, cause)
  } finally {
    db?.close()
  }
}

async function checkBundle(
  staged: string,
  path: string,
  digest: string,
  missing: ReadonlySet<string>,
): Promise<void> {
  // A path that leads elsewhere would later be read, or deleted.
  if (bundleOwner(path) === undefined) {
    throw invalid(`a version names ${JSON.stringify(path)}, which is not a bundle's path`)
  }
  if (missing.has(path)) return
  const code = await readFile(join(staged, path)).catch(() => undefined)
  if (code === undefined) throw invalid(`it lacks ${path}`)
  if (sha256(code) !== digest) throw invalid(`${path} is not the bundle that ${METADATA} names`)
}

async function readMissing(staged: string): Promise<string[]> {
  const path = join(staged, MISSING)
  if (!existsSync(path)) return []
  const paths = (await readFile(path, 'utf8')).split('\n').filter(Boolean)
  const wrong = paths.find((each) => bundleOwner(each) === undefined)
  if (wrong === undefined) return paths
  throw invalid(`${MISSING} names ${JSON.stringify(wrong)}, which is not a bundle's path`)
}

function checkDatabase(db: Database): void {
  db.run('PRAGMA trusted_schema = OFF')
  const wrong = db.query('PRAGMA integrity_check(1)').values().flat()
  if (wrong.join() !== 'ok') throw invalid(`its ${METADATA} is damaged (${wrong.join()})`)
  if (db.query('PRAGMA foreign_key_check').values().length > 0) {
    throw invalid(`rows of its ${METADATA} refer to rows that are not there`)
  }
  // The service makes neither: a statement of this product would run somebody else's.
  const foreign = db.query("SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')")
  if (foreign.values().length > 0) throw invalid(`its ${METADATA} has a trigger or a view`)
}

/** Syncs every file and directory below: together they cost less than one by one. */
async function syncTree(directory: string): Promise<void> {
  const paths: string[] = []
  const flush = async () => {
    await Promise.all(paths.splice(0).map(syncDirectory))
  }
  const walk = async (at: string): Promise<void> => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name)
      if (entry.isDirectory()) await walk(path)
      else paths.push(path)
      if (paths.length >= SYNCS_AT_ONCE) await flush()
    }
    paths.push(at)
  }
  await walk(directory)
  await flush()
}

/**
 * Opens the file of a backup, or a pipe.
 *
 * @throws {FunctionError} BAD_REQUEST at once; STORAGE_UNUSABLE when it is read
 */
export function readBackup(path: string): AsyncGenerator<Uint8Array> {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) {
    throw new FunctionError('BAD_REQUEST', `The backup ${path} does not exist.`)
  }
  if (found.isDirectory()) {
    throw new FunctionError('BAD_REQUEST', `${path} is a directory and not a backup.`)
  }
  if (found.isCharacterDevice() || found.isBlockDevice()) {
    throw new FunctionError('BAD_REQUEST', `${path} is a device and not a backup.`)
  }
  return streamOf(path)
}

async function* streamOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* Bun.file(path).stream()
  } catch (cause) {
    throw cause instanceof FunctionError ? cause : unusable(path, cause)
  }
}
