/**
 * Writes a backup of a data directory, with or without a running service.
 *
 * The databases are copied by VACUUM INTO, in one read transaction each: a service may write meanwhile,
 * and is not delayed. bun:sqlite has no backup API; SQLite's would also begin again whenever another
 * process writes, and copies the free pages, which contain what was deleted. The bundles follow the
 * snapshot: they never change, and the caller holds them, so each one that the snapshot names is there.
 */
import { Database } from 'bun:sqlite'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs'
import { type FileHandle, open, readFile, rename } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { MAX_BUNDLE_BYTES } from '../bundles/build.ts'
import { sha256 } from '../bundles/bundle-store.ts'
import {
  ACTIVE_FILE,
  bundleOwner,
  MANIFEST_FILE,
  MAP_FILE,
  syncDirectory,
} from '../bundles/files.ts'
import { ownManifest } from '../bundles/version-manifest.ts'
import { FunctionError } from '../errors.ts'
import { counted } from '../lib/counted.ts'
import { unusable } from '../lib/storage.ts'
import { contentLost } from '../metadata/database.ts'
import { type DataDirLock, tryLockDataDir } from '../metadata/lock.ts'
import { lackingIn } from '../metadata/migrate.ts'
import {
  ArchiveWriter,
  METADATA,
  MISSING,
  readArchive,
  readChunks,
  SETTINGS,
  type Sink,
  sizeLimit,
  TELEMETRY,
} from './archive.ts'
import { needSpace, plainFileSize, sizeOf, WORK_PREFIX, writeError } from './files.ts'
import { orphansIn } from './orphans.ts'
import { type StoredSecrets, secretsIn } from './secrets.ts'

/** A folder of another backup may not have its lock yet, ms. */
const WORK_GRACE_MS = 60_000
const BUSY_TIMEOUT_MS = 10_000
/** Source maps and manifests, relative to the bundles: an estimate of the space that a backup needs. */
const MAP_FACTOR = 3

export interface BackupOptions {
  dataDir: string
  /** Text of `settings.toml`. */
  settings: string
  release: string
  /** Copy logs.db and metrics.db too. */
  telemetry: boolean
}

export interface BackupReport extends StoredSecrets {
  /** Null for standard output. */
  file: string | null
  bytes: number
  sha256: string
  files: number
  functions: number
  versions: number
  /** Bundles that rows name and that are missing or damaged. They are not in the backup. */
  missing: string[]
  /** What else is not in the backup, and why. */
  warnings: string[]
}

/**
 * Writes a backup to a file: under a temporary name, synced, read back and checked, then renamed.
 *
 * @throws {FunctionError} BAD_REQUEST for a place that cannot be the backup's; STORAGE_UNUSABLE
 */
export async function backupToFile(file: string, options: BackupOptions): Promise<BackupReport> {
  const target = targetOf(file, options.dataDir)
  return await inWorkFolder(dirname(target), options, async (work) => {
    const part = join(work, 'backup.tar')
    const out = await open(part, 'wx', 0o600)
    let report: BackupReport
    try {
      report = await write(work, (bytes) => writeAll(out, bytes), options)
      await out.sync()
    } finally {
      await out.close()
    }
    await verifyArchive(readChunks(part))
    await rename(part, target)
    await syncDirectory(dirname(target))
    return { ...report, file: target }
  })
}

/** Writes a backup to a stream. It cannot be read back: `functions restore --verify` checks it. */
export async function backupToStream(sink: Sink, options: BackupOptions): Promise<BackupReport> {
  return await inWorkFolder(options.dataDir, options, (work) => write(work, sink, options))
}

/** @throws {FunctionError} BACKUP_INVALID */
export async function verifyArchive(source: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const { content } of readArchive(source)) {
    for await (const _ of content);
  }
}

async function write(work: string, sink: Sink, options: BackupOptions): Promise<BackupReport> {
  const { dataDir, settings, release } = options
  const snapshot = join(work, METADATA)
  takeSnapshot(join(dataDir, METADATA), snapshot)
  const db = new Database(snapshot, { readonly: true })
  const sums = await open(join(work, 'sums'), 'wx+', 0o600)
  try {
    refuseEmptied(db, dataDir)
    const writer = new ArchiveWriter(sink, sums)
    await writer.begin(release)
    await writer.addText(SETTINGS, settings)
    await writer.add(METADATA, sizeOf(snapshot), readChunks(snapshot))
    const warnings = options.telemetry ? await addTelemetry(writer, work, dataDir) : []
    warnings.push(...(await warnOfUnknown(dataDir)))
    const missing = await addBundles(writer, db, dataDir, warnings)
    if (missing.length > 0) await writer.addText(MISSING, `${missing.join('\n')}\n`)
    const digest = await writer.end()
    const { bytes, files } = writer
    const functions = count(db, 'functions')
    const versions = count(db, 'function_versions')
    const secrets = secretsIn(db)
    const counts = { bytes, sha256: digest, files, functions, versions, ...secrets }
    return { file: null, ...counts, missing, warnings }
  } finally {
    db.close()
    await sums.close()
  }
}

/** Opens a database that a service may write to. */
function openInUse(path: string): Database {
  const db = new Database(path, { readwrite: true, create: false })
  db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  return db
}

function takeSnapshot(from: string, to: string): void {
  let db: Database | undefined
  try {
    if (!statSync(from).isFile()) throw new Error('it is not a regular file')
    db = openInUse(from)
    db.run('VACUUM INTO ?', [to])
  } catch (cause) {
    const { code } = cause as { code?: string }
    if (code === 'SQLITE_CORRUPT' || code === 'SQLITE_NOTADB') {
      const message = `${from} is damaged: run 'functions check', and restore an earlier backup or rebuild it with 'functions check --repair'.`
      throw new FunctionError('STORAGE_UNUSABLE', message, { cause })
    }
    throw code === 'SQLITE_FULL' ? cause : unusable(from, cause)
  } finally {
    db?.close()
  }
}

/**
 * A backup of a database that lost its content would replace the last good one, and a restore would refuse it.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE
 */
function refuseEmptied(snapshot: Database, dataDir: string): void {
  const lacking = lackingIn(snapshot)
  let loss = lacking && `lacks ${lacking}`
  if (loss === undefined) {
    // Not the snapshot: the first deployment may have come after it.
    const db = openInUse(join(dataDir, METADATA))
    loss = contentLost(db, dataDir)
    db.close()
  }
  if (loss === undefined) return
  const message = `${join(dataDir, METADATA)} ${loss}: run 'functions check', and restore an earlier backup or rebuild it with 'functions check --repair'.`
  throw new FunctionError('STORAGE_UNUSABLE', message)
}

/** Versions that are whole, and that the database does not know: it may be older than they are. */
async function warnOfUnknown(dataDir: string): Promise<string[]> {
  const db = openInUse(join(dataDir, METADATA))
  let unknown = 0
  try {
    for (const path of orphansIn(dataDir, db)) {
      if ((await ownManifest(dataDir, path)) !== undefined) unknown++
    }
  } finally {
    db.close()
  }
  if (unknown === 0) return []
  return [
    `${counted(unknown, 'bundle')} that ${METADATA} does not know are not in the backup: it may be old. Run 'functions check'`,
  ]
}

/** Logs and metrics that cannot be copied do not prevent a backup of the functions. */
async function addTelemetry(
  writer: ArchiveWriter,
  work: string,
  dataDir: string,
): Promise<string[]> {
  const warnings: string[] = []
  for (const name of TELEMETRY) {
    if (!existsSync(join(dataDir, name))) continue
    const snapshot = join(work, name)
    try {
      takeSnapshot(join(dataDir, name), snapshot)
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error
      warnings.push(`${name} is not in the backup: ${error.message}`)
      continue
    }
    await writer.add(name, sizeOf(snapshot), readChunks(snapshot))
    rmSync(snapshot)
  }
  return warnings
}

interface BundleRow {
  path: string
  sha256: string
}

/** @returns the bundles that are missing or damaged */
async function addBundles(
  writer: ArchiveWriter,
  db: Database,
  dataDir: string,
  warnings: string[],
): Promise<string[]> {
  const missing: string[] = []
  const addIfThere = async (path: string) => {
    const size = plainFileSize(join(dataDir, path))
    if (size === undefined) return
    if (size > (sizeLimit(path) ?? 0)) {
      // A restore would refuse it, and with it the whole backup.
      warnings.push(`${path} is not in the backup: it is damaged, with ${size} bytes`)
      return
    }
    const content = await readFile(join(dataDir, path)).catch(() => undefined)
    if (content !== undefined) await writer.add(path, content.length, [content])
  }
  let function_ = ''
  // In the order of bytes, which is the order of the archive.
  const rows = db.query<BundleRow, []>(
    'SELECT bundle_path AS path, min(bundle_sha256) AS sha256 FROM function_versions GROUP BY bundle_path ORDER BY bundle_path',
  )
  for (const { path, sha256: digest } of rows.iterate()) {
    const code = bundleOwner(path) && (await readBundle(join(dataDir, path)))
    if (code === undefined || sha256(code) !== digest) {
      missing.push(path)
      continue
    }
    const directory = dirname(path)
    if (dirname(directory) !== function_) {
      function_ = dirname(directory)
      await addIfThere(join(function_, ACTIVE_FILE))
    }
    await writer.add(path, code.length, [code])
    await addIfThere(join(directory, MAP_FILE))
    await addIfThere(join(directory, MANIFEST_FILE))
  }
  return missing
}

async function readBundle(path: string): Promise<Buffer | undefined> {
  if ((plainFileSize(path) ?? Number.POSITIVE_INFINITY) > MAX_BUNDLE_BYTES) return undefined
  return await readFile(path).catch(() => undefined)
}

function count(db: Database, table: string): number {
  return db.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0
}

/** Resolves the place of a backup, through symbolic links of its folder. */
function targetOf(file: string, dataDir: string): string {
  const path = resolve(file)
  let folder: string
  try {
    folder = realpathSync(dirname(path))
  } catch (cause) {
    throw unusable(dirname(path), cause)
  }
  const target = join(folder, basename(path))
  const found = statSync(target, { throwIfNoEntry: false })
  if (found !== undefined && !found.isFile()) {
    throw new FunctionError(
      'BAD_REQUEST',
      `${file} is not a file: name a file, or - for standard output.`,
    )
  }
  const data = realpathSync(dataDir)
  if (target === data || `${target}${sep}`.startsWith(`${data}${sep}`)) {
    const message = `${file} is in the data directory ${dataDir}: a backup there is lost together with it. Name another place.`
    throw new FunctionError('BAD_REQUEST', message)
  }
  return target
}

async function inWorkFolder<T>(
  parent: string,
  { dataDir, telemetry }: BackupOptions,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  if (!existsSync(join(dataDir, METADATA))) {
    const message = `The data directory ${dataDir} has no ${METADATA}: nothing was deployed there. Check --data-dir.`
    throw new FunctionError('STORAGE_UNUSABLE', message)
  }
  const folder = join(parent, `${WORK_PREFIX}${crypto.randomUUID()}`)
  let needed = 0
  let lock: DataDirLock | undefined
  try {
    needed = spaceNeeded(dataDir, telemetry)
    removeLeftovers(parent)
    needSpace(parent, needed, 'the backup')
    mkdirSync(folder, { mode: 0o700 })
    lock = tryLockDataDir(folder)
    return await work(folder)
  } catch (cause) {
    throw writeError(parent, needed, 'the backup', cause)
  } finally {
    rmSync(folder, { recursive: true, force: true })
    lock?.release()
  }
}

/** The folders of backups that were killed: the lock of a process ends with it. */
function removeLeftovers(parent: string): void {
  for (const name of readdirSync(parent)) {
    const path = join(parent, name)
    if (!name.startsWith(WORK_PREFIX)) continue
    // In a shared folder, another user may have made it, or a link to somewhere else.
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (!found?.isDirectory() || found.uid !== process.getuid?.()) continue
    if (Date.now() - found.mtimeMs < WORK_GRACE_MS) continue
    const lock = tryLockDataDir(path)
    if (lock === undefined) continue
    rmSync(path, { recursive: true, force: true })
    lock.release()
  }
}

/** An estimate: the snapshots are on the disk twice, and maps are larger than their bundles. */
function spaceNeeded(dataDir: string, telemetry: boolean): number {
  const databases = [METADATA, ...(telemetry ? TELEMETRY : [])]
  const copies = databases.reduce((sum, name) => sum + 2 * sizeOf(join(dataDir, name)), 0)
  const path = join(dataDir, METADATA)
  let db: Database | undefined
  try {
    db = openInUse(path)
    const sql = 'SELECT coalesce(sum(size), 0) AS n FROM function_versions'
    return copies + MAP_FACTOR * (db.query<{ n: number }, []>(sql).get()?.n ?? 0)
  } catch {
    // The snapshot will say what is wrong.
    return copies
  } finally {
    db?.close()
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await file.write(bytes, at, bytes.length - at)).bytesWritten
  }
}
