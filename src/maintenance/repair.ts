/**
 * Repairs a data directory whose lock the caller holds. What needs a worker, such as another active
 * version, is not done here.
 */
import { Database } from 'bun:sqlite'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { sha256 } from '../bundles/bundle-store.ts'
import {
  ACTIVE_FILE,
  BUNDLE_FILE,
  BUNDLES,
  bundleOwner,
  isFunctionId,
  MANIFEST_FILE,
  replaceFile,
  syncDirectory,
  writeSynced,
} from '../bundles/files.ts'
import { manifestText, ownManifest, type VersionManifest } from '../bundles/version-manifest.ts'
import { counted } from '../lib/counted.ts'
import { REBUILDING } from '../metadata/database.ts'
import { functionId } from '../metadata/records.ts'
import { MetadataStore } from '../metadata/store.ts'
import { METADATA, readArchive } from './archive.ts'
import { bundleState, type Finding, VERSION_ROWS, type VersionRow } from './check.ts'

/** Where folders go that a rebuild cannot use, with the time. */
const UNUSED = 'bundles.set-aside-'

/** @param sources backups whose bundles may replace broken ones */
export async function repair(
  dataDir: string,
  findings: readonly Finding[],
  backup?: AsyncIterable<Uint8Array>,
): Promise<string[]> {
  const done: string[] = []
  const has = (...kinds: Finding['kind'][]) => findings.some(({ kind }) => kinds.includes(kind))
  for (const { kind, path } of findings) {
    if (kind === 'permissions') {
      const found = lstatSync(join(dataDir, path))
      // Never through a link, to what may be anybody's.
      if (!found.isSymbolicLink())
        chmodSync(join(dataDir, path), found.isDirectory() ? 0o700 : 0o600)
      done.push(`${path}: only its owner may read it now`)
    }
    if (kind === 'leftover' && (path === REBUILDING || existsSync(join(dataDir, METADATA)))) {
      rmSync(join(dataDir, path), { recursive: true, force: true })
      done.push(`${path}: deleted`)
    }
  }
  if (has('database-missing', 'database-damaged')) done.push(...(await rebuild(dataDir)))
  if (has('dangling-rows')) done.push(...removeDangling(dataDir))
  if (has('bundle-missing', 'bundle-damaged')) done.push(...(await replaceBundles(dataDir, backup)))
  if (has('manifest-missing')) done.push(...(await writeManifests(dataDir, findings)))
  return done
}

const RULES_LOST = `${METADATA}: who may call the functions, their limits and their routes could not be read: every function is public. Set them again with 'functions set' and 'functions route add' before you start the service`

/**
 * Records every version again whose folder has an intact bundle and a manifest, and makes those active
 * that were. The old database is set aside; its variables are copied if they can be read.
 */
async function rebuild(dataDir: string): Promise<string[]> {
  const time = timeInNames()
  reuniteLog(dataDir)
  const { usable, rest } = await readFolders(dataDir)
  const folder = join(dataDir, REBUILDING)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { mode: 0o700 })
  const store = MetadataStore.open(folder)
  recordAll(store, usable, dataDir)
  const variables = copyVariables(oldDatabase(dataDir), join(folder, METADATA))
  const rules = copyRules(oldDatabase(dataDir), join(folder, METADATA))
  const whole = join(folder, 'whole.db')
  const db = new Database(join(folder, METADATA), { readwrite: true, create: false })
  db.run('VACUUM INTO ?', [whole])
  db.close()
  store.close()
  chmodSync(whole, 0o600)
  await syncDirectory(whole)
  for (const path of rest) setAside(dataDir, path, time)
  // The old database goes first: without its write-ahead log it could look like a sound one. No service
  // starts while the folder of the rebuild is there.
  const old = ['', '-wal', '-shm'].filter((suffix) => existsSync(join(dataDir, METADATA + suffix)))
  for (const suffix of old) {
    await rename(
      join(dataDir, METADATA + suffix),
      join(dataDir, `${METADATA}.set-aside-${time}${suffix}`),
    )
  }
  await syncDirectory(dataDir)
  await rename(whole, join(dataDir, METADATA))
  await syncDirectory(dataDir)
  rmSync(folder, { recursive: true, force: true })
  const functions = new Set(usable.map(({ manifest }) => manifest.function)).size
  return [
    `${METADATA}: rebuilt from the bundles with ${counted(functions, 'function')}, ${counted(usable.length, 'version')} and ${counted(variables, 'variable')}`,
    ...(rules ? [] : [RULES_LOST]),
    ...(old.length > 0 ? [`${METADATA}.set-aside-${time}: the database that was damaged`] : []),
    ...rest.map(
      (path) => `${path}: moved to ${UNUSED}${time}; it has no intact bundle with ${MANIFEST_FILE}`,
    ),
  ]
}

/**
 * Moves folders away that the database does not know, although they have a manifest: the database may
 * be older than they are. Nothing is deleted.
 */
export async function setUnknownAside(
  dataDir: string,
  findings: readonly Finding[],
): Promise<string[]> {
  const time = timeInNames()
  const done: string[] = []
  for (const { kind, path } of findings) {
    if (kind !== 'bundle-orphaned' || (await ownManifest(dataDir, path)) === undefined) continue
    setAside(dataDir, path, time)
    done.push(`${path}: moved to ${UNUSED}${time}; ${METADATA} does not know this version`)
  }
  return done
}

/** To the millisecond: what an earlier repair set aside must not be replaced. */
function timeInNames(): string {
  return new Date().toISOString().replace(/[-:.]/g, '')
}

function setAside(dataDir: string, path: string, time: string): void {
  const aside = join(dataDir, `${UNUSED}${time}`, path.slice(BUNDLES.length + 1))
  mkdirSync(dirname(aside), { recursive: true, mode: 0o700 })
  renameSync(join(dataDir, path), aside)
}

/** An interrupted repair may have set the old database aside without its write-ahead log. */
function reuniteLog(dataDir: string): void {
  const log = `${METADATA}-wal`
  const old = oldDatabase(dataDir)
  if (existsSync(join(dataDir, METADATA)) || !existsSync(join(dataDir, log))) return
  if (!existsSync(old) || existsSync(`${old}-wal`)) return
  renameSync(join(dataDir, log), `${old}-wal`)
}

interface StoredVersion {
  manifest: VersionManifest
  path: string
}

async function readFolders(dataDir: string): Promise<{ usable: StoredVersion[]; rest: string[] }> {
  const usable: StoredVersion[] = []
  const rest: string[] = []
  const names = new Set<string>()
  const root = join(dataDir, BUNDLES)
  for (const id of existsSync(root) ? readdirSync(root).filter(isFunctionId) : []) {
    if (!lstatSync(join(root, id)).isDirectory()) continue
    for (const name of readdirSync(join(root, id))) {
      if (name.startsWith(ACTIVE_FILE)) continue
      const folder = join(BUNDLES, id, name)
      const manifest = await usableManifest(dataDir, folder)
      const key = `${id}/${manifest?.version}`
      if (manifest === undefined || names.has(key)) rest.push(folder)
      else {
        names.add(key)
        usable.push({ manifest, path: join(folder, BUNDLE_FILE) })
      }
    }
  }
  usable.sort((a, b) => a.manifest.createdAt.localeCompare(b.manifest.createdAt))
  return { usable, rest }
}

/** The manifest of an intact bundle in the folder of its own version. */
async function usableManifest(
  dataDir: string,
  folder: string,
): Promise<VersionManifest | undefined> {
  const manifest = await ownManifest(dataDir, folder)
  if (manifest === undefined) return undefined
  const state = await bundleState(dataDir, join(folder, BUNDLE_FILE), manifest.sha256)
  return state === 'whole' ? manifest : undefined
}

function recordAll(
  store: MetadataStore,
  versions: readonly StoredVersion[],
  dataDir: string,
): void {
  const owners = new Map<string, { name: string; project: string }>()
  for (const { manifest, path } of versions) {
    const { function: name, project, sha256: digest, size, format: _, ...settings } = manifest
    owners.set(functionId(name, project), { name, project })
    store.addVersion({ ...settings, name, project, bundle: { path, sha256: digest, size } })
  }
  for (const [id, { name, project }] of owners) {
    const noted = join(dataDir, BUNDLES, id, ACTIVE_FILE)
    const version = existsSync(noted) ? readFileSync(noted, 'utf8') : ''
    const known = store.findVersion(id, version) !== undefined
    if (known && store.show(name, project).version !== version)
      store.rollback(store.rollbackTarget(name, version, project))
  }
}

/** The database to read variables from: an interrupted repair may have set it aside already. */
function oldDatabase(dataDir: string): string {
  const aside = readdirSync(dataDir).filter((name) => /^metadata\.db\.set-aside-\w+$/.test(name))
  const name = existsSync(join(dataDir, METADATA)) ? METADATA : aside.toSorted().at(-1)
  return join(dataDir, name ?? METADATA)
}

/** Copies the variables of functions that are there again. @returns how many */
function copyVariables(from: string, to: string): number {
  if (!existsSync(from)) return 0
  let db: Database | undefined
  try {
    db = new Database(from, { readwrite: true, create: false })
    const current = 'SELECT id, env_revision FROM functions WHERE env_revision > 0'
    const revisions = db.query(current).values() as [string, number][]
    const variables = db.query('SELECT * FROM env_variables WHERE function_id = ? AND revision = ?')
    const target = new Database(to, { readwrite: true, create: false })
    target.run('PRAGMA busy_timeout = 5000')
    copyKeys(db, target)
    let copied = 0
    for (const [id, revision] of revisions) {
      const rows = variables.values(id, revision) as string[][]
      copied += copyRevision(target, id, revision, rows)
    }
    target.close()
    return copied
  } catch {
    return 0
  } finally {
    db?.close()
  }
}

/**
 * Copies who may call the functions that are there again, their limits, and their routes.
 *
 * @returns whether all could be read
 */
function copyRules(from: string, to: string): boolean {
  if (!existsSync(from)) return false
  let db: Database | undefined
  let target: Database | undefined
  try {
    db = new Database(from, { readwrite: true, create: false })
    const columns = db.query<{ name: string }, []>('PRAGMA table_info(functions)').all()
    if (columns.length === 0) return false
    // Releases before 0.3 have no rules.
    if (!columns.some(({ name }) => name === 'access')) return true
    target = new Database(to, { readwrite: true, create: false })
    target.run('PRAGMA busy_timeout = 5000')
    const set = target.query(
      'UPDATE functions SET access = ?, previews = ?, limits_json = ? WHERE id = ?',
    )
    const rules = db.query('SELECT access, previews, limits_json, id FROM functions').values()
    for (const row of rules as [string, number, string, string][]) set.run(...row)
    const add = target.query(
      'INSERT OR IGNORE INTO routes SELECT ?1, id, ?3, ?4, ?5 FROM functions WHERE id = ?2',
    )
    const routes = db.query('SELECT id, function_id, host, path, created_at FROM routes').values()
    for (const row of routes as [string, string, string, string, string][]) add.run(...row)
    return true
  } catch {
    return false
  } finally {
    db?.close()
    target?.close()
  }
}

/** Which key encrypted the secrets. */
function copyKeys(from: Database, to: Database): void {
  const insert = to.query('INSERT OR IGNORE INTO secret_keys VALUES (?, ?, ?)')
  const keys = from.query('SELECT id, state, created_at FROM secret_keys').values()
  for (const row of keys as string[][]) insert.run(...row)
}

/** @returns the number of variables; 0 if the function is not there again */
function copyRevision(target: Database, id: string, revision: number, rows: string[][]): number {
  const found = target.query('UPDATE functions SET env_revision = ? WHERE id = ?')
  if (found.run(revision, id).changes === 0) return 0
  const now = new Date().toISOString()
  target.run('INSERT OR IGNORE INTO env_revisions VALUES (?, ?, ?)', [id, revision, now])
  target.run('UPDATE function_deployments SET env_revision = ? WHERE function_id = ?', [
    revision,
    id,
  ])
  const insert = target.query('INSERT OR IGNORE INTO env_variables VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
  return rows.reduce((sum, row) => sum + insert.run(...row).changes, 0)
}

function removeDangling(dataDir: string): string[] {
  const db = new Database(join(dataDir, METADATA), { readwrite: true, create: false })
  try {
    return db.transaction(() => {
      const nothing = 'NOT IN (SELECT id FROM functions)'
      const statements = [
        "UPDATE functions SET active_version_id = NULL, status = 'registered' WHERE active_version_id NOT IN (SELECT id FROM function_versions)",
        `DELETE FROM function_versions WHERE function_id ${nothing}`,
        `DELETE FROM function_deployments WHERE function_id ${nothing} OR version_id NOT IN (SELECT id FROM function_versions)`,
        ...['env', 'env_revisions', 'env_variables', 'routes'].map(
          (table) => `DELETE FROM ${table} WHERE function_id ${nothing}`,
        ),
      ]
      statements.push(
        'DELETE FROM deployment_weights WHERE deployment_id NOT IN (SELECT id FROM function_deployments) OR version_id NOT IN (SELECT id FROM function_versions)',
      )
      const changes = statements.reduce((sum, sql) => sum + db.run(sql).changes, 0)
      return [`${METADATA}: ${changes} rows that referred to nothing were removed`]
    })()
  } finally {
    db.close()
  }
}

/** Writes broken bundles again: from another version with the same content, or from a backup. */
async function replaceBundles(
  dataDir: string,
  backup: AsyncIterable<Uint8Array> | undefined,
): Promise<string[]> {
  const wanted = new Map<string, string[]>()
  const whole = new Map<string, string>()
  const db = new Database(join(dataDir, METADATA), { readwrite: true, create: false })
  for (const { path, sha256: digest } of db.query<VersionRow, []>(VERSION_ROWS).iterate()) {
    if (bundleOwner(path) === undefined) continue
    const state = await bundleState(dataDir, path, digest)
    if (state === 'whole') whole.set(digest, path)
    else wanted.set(digest, [...(wanted.get(digest) ?? []), path])
  }
  db.close()
  const done: string[] = []
  const replace = async (digest: string, code: Uint8Array, source: string) => {
    for (const path of wanted.get(digest) ?? []) {
      await putBundle(dataDir, path, code)
      done.push(`${path}: written again from ${source}`)
    }
    wanted.delete(digest)
  }
  for (const digest of [...wanted.keys()]) {
    const path = whole.get(digest)
    if (path !== undefined) await replace(digest, await readFile(join(dataDir, path)), path)
  }
  if (backup === undefined || wanted.size === 0) return done
  for await (const { path, content } of readArchive(backup)) {
    const parts: Uint8Array[] = []
    const isBundle = path.startsWith(`${BUNDLES}/`) && path.endsWith(`/${BUNDLE_FILE}`)
    for await (const chunk of content) if (isBundle) parts.push(chunk)
    const code = Buffer.concat(parts)
    if (isBundle) await replace(sha256(code), code, 'the backup')
  }
  return done
}

async function putBundle(dataDir: string, path: string, code: Uint8Array): Promise<void> {
  const file = join(dataDir, path)
  const folder = dirname(file)
  // A link or a file in place of the folder is not what a deployment made.
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    rmSync(folder, { force: true })
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }
  const temporary = join(folder, `.${crypto.randomUUID()}`)
  await writeSynced(temporary, code)
  rmSync(file, { recursive: true, force: true })
  await rename(temporary, file)
  await syncDirectory(folder)
}

async function writeManifests(dataDir: string, findings: readonly Finding[]): Promise<string[]> {
  const paths = new Set(
    findings.filter(({ kind }) => kind === 'manifest-missing').map((row) => row.path),
  )
  const store = MetadataStore.open(dataDir)
  try {
    for (let rows = store.versionsAfter('', 100); rows.length > 0; ) {
      for (const row of rows) {
        const path = join(dirname(row.bundle.path), MANIFEST_FILE)
        if (paths.has(path)) await replaceFile(join(dataDir, path), manifestText(row))
      }
      rows = store.versionsAfter(rows.at(-1)?.id ?? '', 100)
    }
  } finally {
    store.close()
  }
  return [...paths].map((path) => `${path}: written`)
}
