/** Looks for everything that is wrong with a data directory. It changes nothing. */
import { Database } from 'bun:sqlite'
import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MAX_BUNDLE_BYTES } from '../bundles/build.ts'
import { sha256 } from '../bundles/bundle-store.ts'
import { BUNDLES, bundleOwner, MANIFEST_FILE, MANIFESTS_MARKER } from '../bundles/files.ts'
import { MAX_MANIFEST_BYTES, ownManifest, parseManifest } from '../bundles/version-manifest.ts'
import { FunctionError } from '../errors.ts'
import { unusable } from '../lib/storage.ts'
import { contentLost, hasBundles, REBUILDING, RESTORING } from '../metadata/database.ts'
import { lackingIn } from '../metadata/migrate.ts'
import { functionLabel } from '../metadata/records.ts'
import { KEY_FILE } from '../secrets/key-file.ts'
import { METADATA, TELEMETRY } from './archive.ts'
import { plainFileSize, WORK_PREFIX } from './files.ts'
import { orphansIn } from './orphans.ts'

const BUSY_TIMEOUT_MS = 10_000
/** Problems that SQLite's own check reports at most. */
const MAX_PROBLEMS = 20
/** Findings of one check: a directory with more has one cause, which the first ones show. */
export const MAX_FINDINGS = 10_000

export type FindingKind =
  | 'database-missing'
  | 'database-damaged'
  | 'dangling-rows'
  | 'bundle-missing'
  | 'bundle-damaged'
  | 'bundle-orphaned'
  | 'manifest-missing'
  | 'telemetry-damaged'
  | 'permissions'
  | 'leftover'

export interface Finding {
  kind: FindingKind
  /** An error is lost data or a function that does not work; a warning is neither. */
  severity: 'error' | 'warning'
  /** Relative to the data directory. */
  path: string
  /** What it means. */
  message: string
  function?: string
  project?: string
  version?: string
  /** The version serves requests. */
  active?: boolean
}

/** One row of a version, as far as a check needs it. */
export interface VersionRow {
  id: string
  functionId: string
  name: string
  project: string
  version: string
  path: string
  sha256: string
  active: number
}

export const VERSION_ROWS = `SELECT v.id, v.function_id AS functionId, f.name, f.project, v.version, v.bundle_path AS path,
    v.bundle_sha256 AS sha256, v.id IS f.active_version_id AS active
  FROM function_versions v JOIN functions f ON f.id = v.function_id`

/** What every data directory has one of, unless nothing was ever deployed there. */
const MARKS = [METADATA, ...TELEMETRY, BUNDLES, RESTORING, REBUILDING]
/** What a folder may have besides, and is still empty. */
const NOTHING = ['service.lock', 'service.lock-journal', 'lost+found']

/**
 * Is there anything to check?
 *
 * @returns false for an empty folder
 * @throws {FunctionError} STORAGE_UNUSABLE for a folder of something else, which must not be changed
 */
export function hasData(dataDir: string): boolean {
  let names: string[]
  try {
    names = readdirSync(dataDir)
  } catch (cause) {
    throw unusable(dataDir, cause)
  }
  if (MARKS.some((mark) => names.some((name) => name.startsWith(mark)))) return true
  const other = names.find((name) => !NOTHING.includes(name))
  if (other === undefined) return false
  const message = `${dataDir} is not a data directory: it has no ${METADATA} and no ${BUNDLES}, but ${JSON.stringify(other)}. Check --data-dir.`
  throw new FunctionError('STORAGE_UNUSABLE', message)
}

/**
 * Checks a data directory whose bundles are held: by its service, or by the lock.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE if it cannot be read
 */
export async function check(dataDir: string): Promise<Finding[]> {
  const findings: Finding[] = []
  const add = (finding: Finding) => {
    if (findings.length < MAX_FINDINGS) findings.push(finding)
  }
  checkFiles(dataDir, add)
  if (!existsSync(join(dataDir, METADATA))) {
    if (hasBundles(dataDir)) add(lost())
    return findings
  }
  // SQLite says of a folder or a pipe that the disk is at fault.
  if (!statSync(join(dataDir, METADATA)).isFile()) {
    add(damaged('the database is not a regular file'))
    return findings
  }
  const db = openToRead(join(dataDir, METADATA))
  try {
    const damage = problemsOf(db, dataDir)
    if (damage !== undefined) {
      add(damaged(damage))
      return findings
    }
    checkReferences(db, add)
    await checkVersions(dataDir, db, add)
    await checkFolders(dataDir, db, add)
  } finally {
    db.close()
  }
  return findings
}

type Add = (finding: Finding) => void

function lost(): Finding {
  return {
    kind: 'database-missing',
    severity: 'error',
    path: METADATA,
    message: 'the database is missing. --repair rebuilds it from the bundles, without variables',
  }
}

function damaged(what: string): Finding {
  return {
    kind: 'database-damaged',
    severity: 'error',
    path: METADATA,
    message: `${what}. --repair rebuilds it from the bundles: variables that cannot be read are lost. A backup has them`,
  }
}

function openToRead(path: string): Database {
  try {
    const db = new Database(path, { readwrite: true, create: false })
    db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    return db
  } catch (cause) {
    throw unusable(path, cause)
  }
}

/** What is wrong with a database; undefined for a whole one. */
function problemsOf(db: Database, dataDir: string): string | undefined {
  try {
    const rows = db.query(`PRAGMA integrity_check(${MAX_PROBLEMS})`).values().flat()
    if (rows.join() !== 'ok') return `the database is damaged (${rows.join('; ').slice(0, 500)})`
    // A table that is not there, or an empty file.
    db.query(`${VERSION_ROWS} LIMIT 1`).all()
    const lacking = lackingIn(db)
    if (lacking !== undefined) return `the database lacks ${lacking}`
    const loss = contentLost(db, dataDir)
    return loss === undefined ? undefined : `the database ${loss}, but there are bundles`
  } catch (cause) {
    const { code, message } = cause as { code?: string; message: string }
    if (code === 'SQLITE_BUSY')
      throw new FunctionError('CONFLICT', `${METADATA} is locked: ${message}.`)
    return `the database cannot be read (${message})`
  }
}

/** Permissions of the directory and the files at its top, and what interrupted commands left. */
function checkFiles(dataDir: string, add: Add): void {
  const tooOpen = (path: string) => {
    const mode = lstatSync(join(dataDir, path), { throwIfNoEntry: false })?.mode ?? 0
    return (mode & 0o77) !== 0
  }
  for (const path of ['.', METADATA, KEY_FILE, ...TELEMETRY, BUNDLES]) {
    if (!tooOpen(path)) continue
    const message =
      'other users may read it: its mode must be 0700 for a directory, 0600 for a file'
    add({ kind: 'permissions', severity: 'warning', path, message })
  }
  for (const name of readdirSync(dataDir)) {
    const message = leftoverOf(name)
    if (message !== undefined) add({ kind: 'leftover', severity: 'warning', path: name, message })
  }
  for (const name of TELEMETRY) {
    const path = join(dataDir, name)
    if (plainFileSize(path) === undefined || quickCheck(path)) continue
    const message = 'the database is damaged: the service sets it aside and begins a new one'
    add({ kind: 'telemetry-damaged', severity: 'warning', path: name, message })
  }
}

/** What the name says about an interrupted command; undefined for a name that belongs here. */
function leftoverOf(name: string): string | undefined {
  if (name === RESTORING) {
    return "an interrupted restore left it: run 'functions restore' again if metadata.db is missing"
  }
  if (name === REBUILDING) return 'an interrupted repair left it'
  if (name.startsWith(WORK_PREFIX)) return 'an interrupted backup left it, unless one runs now'
  return undefined
}

function quickCheck(path: string): boolean {
  const db = openToRead(path)
  try {
    return db.query('PRAGMA quick_check(1)').values().flat().join() === 'ok'
  } catch (cause) {
    // A service may write to it for longer than this waits.
    return (cause as { code?: string }).code === 'SQLITE_BUSY'
  } finally {
    db.close()
  }
}

function checkReferences(db: Database, add: Add): void {
  const rows = db.query('PRAGMA foreign_key_check').values() as [string, number, string, number][]
  const tables = new Map<string, number>()
  for (const [table] of rows) tables.set(table, (tables.get(table) ?? 0) + 1)
  for (const [table, count] of tables) {
    const message = `${count} rows of ${table} refer to rows that are not there`
    add({ kind: 'dangling-rows', severity: 'error', path: METADATA, message })
  }
}

async function checkVersions(dataDir: string, db: Database, add: Add): Promise<void> {
  // Releases before 0.3 wrote no manifests; the first start of a newer one adds them.
  const withManifests = existsSync(join(dataDir, BUNDLES, MANIFESTS_MARKER))
  for (const row of db.query<VersionRow, []>(VERSION_ROWS).iterate()) {
    const broken = await bundleState(dataDir, row.path, row.sha256)
    const { project, version, path } = row
    const subject = { function: row.name, project, version, active: row.active === 1 }
    const name = functionLabel(row.name, project)
    if (broken !== 'whole') {
      const kind = broken === 'missing' ? 'bundle-missing' : 'bundle-damaged'
      const what = broken === 'missing' ? 'is missing' : 'is not the one that was deployed'
      const effect = subject.active ? 'the function does not start' : 'the version does not start'
      const message = `the bundle of version '${version}' of function '${name}' ${what}: ${effect}`
      add({ kind, severity: 'error', path, message, ...subject })
    } else if (withManifests && !hasManifest(dataDir, row)) {
      const message = `version '${version}' of function '${name}' cannot be rebuilt without the database`
      const manifest = join(dirname(path), MANIFEST_FILE)
      add({ kind: 'manifest-missing', severity: 'warning', path: manifest, message, ...subject })
    }
  }
}

export async function bundleState(
  dataDir: string,
  path: string,
  digest: string,
): Promise<'whole' | 'missing' | 'damaged'> {
  const file = join(dataDir, path)
  const size = plainFileSize(file)
  if (bundleOwner(path) === undefined || size === undefined) return 'missing'
  if (size > MAX_BUNDLE_BYTES) return 'damaged'
  const code = await readFile(file).catch(() => undefined)
  if (code === undefined) return 'missing'
  return sha256(code) === digest ? 'whole' : 'damaged'
}

function hasManifest(dataDir: string, row: VersionRow): boolean {
  const path = join(dataDir, dirname(row.path), MANIFEST_FILE)
  if ((plainFileSize(path) ?? Number.POSITIVE_INFINITY) > MAX_MANIFEST_BYTES) return false
  const manifest = parseManifest(readFileSync(path, 'utf8'))
  return manifest?.sha256 === row.sha256 && manifest.version === row.version
}

async function checkFolders(dataDir: string, db: Database, add: Add): Promise<void> {
  for (const path of orphansIn(dataDir, db)) {
    const whole = (await ownManifest(dataDir, path)) !== undefined
    const message = whole
      ? `${METADATA} does not know this version, and may be older than it: --repair sets it aside`
      : "no version refers to it: 'functions gc' deletes it"
    add({ kind: 'bundle-orphaned', severity: 'warning', path, message })
  }
}
