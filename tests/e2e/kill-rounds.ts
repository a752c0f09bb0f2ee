/**
 * Rounds of kill -9: a service is changed by several clients and killed at a random moment, also while
 * it starts and migrates. After each round every acknowledged change must be there, and no other may be
 * half there. It proves nothing about power cuts: the page cache survives the process.
 *
 *     node_modules/.bin/bun tests/e2e/kill-rounds.ts 200 [seed]
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { migrations } from '../../src/metadata/migrate.ts'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { seeded } from '../../src/testing/prng.ts'
import { EXECUTABLE, type Service, Workspace } from './harness.ts'

const CLIENTS = 4
/** A round ends at a random moment up to this, ms. */
const ROUND_MS = 500
/** A start that is cut off ends at a random moment up to this, ms. */
const START_MS = 250
/** Rounds that are preceded by a start that is cut off, and how many of those have to migrate. */
const CUT_STARTS = 0.3
const MIGRATIONS = 0.5

export interface Summary {
  rounds: number
  cutStarts: number
  acknowledged: Record<string, number>
  /** Changes that a kill interrupted, and how many of them were there afterwards. */
  interrupted: number
  kept: number
}

type Random = () => number

/** What one client knows of its own function, which nobody else changes. */
interface Known {
  name: string
  /** Text that each version answers. */
  versions: Map<string, string>
  active: string | undefined
  /** The change that was not acknowledged yet. */
  pending: Change | undefined
}

type Change =
  | { kind: 'deploy'; text: string }
  | { kind: 'rollback'; version: string }
  | { kind: 'delete' }
  | { kind: 'gc' }

/** @throws {Error} that says which promise was broken */
export async function killRounds(rounds: number, seed: number): Promise<Summary> {
  const draw = seeded(seed)
  const random = () => draw(1e6) / 1e6
  const space = new Workspace()
  const functions = Array.from({ length: CLIENTS }, (_, n): Known => {
    return { name: `app-${n}`, versions: new Map(), active: undefined, pending: undefined }
  })
  const summary: Summary = { rounds, cutStarts: 0, acknowledged: {}, interrupted: 0, kept: 0 }
  try {
    for (let round = 0; round < rounds; round++) {
      try {
        await oneRound(space, functions, random, summary)
      } catch (error) {
        throw new Error(`round ${round} of seed ${seed}: ${(error as Error).message}`)
      }
    }
    return summary
  } finally {
    space.remove()
  }
}

async function oneRound(
  space: Workspace,
  functions: readonly Known[],
  random: Random,
  summary: Summary,
): Promise<void> {
  if (existsSync(join(space.dataDir, 'metadata.db')) && random() < CUT_STARTS) {
    if (random() < MIGRATIONS) undoMigration(space)
    await cutStart(space, random() * START_MS)
    summary.cutStarts++
  }
  const service = await space.serve()
  await verify(space, service, functions, summary)
  const backup = random() < 0.5 ? startBackup(space) : undefined
  const end = performance.now() + random() * ROUND_MS
  const work = functions.map((known) => client(space, known, random, end, summary))
  await Bun.sleep(Math.max(0, end - performance.now()))
  await service.stop('SIGKILL')
  await Promise.all(work)
  if (backup !== undefined) await checkBackup(space, backup, random)
}

/** Changes its function until the service is gone. */
async function client(
  space: Workspace,
  known: Known,
  random: Random,
  end: number,
  summary: Summary,
): Promise<void> {
  while (performance.now() < end + ROUND_MS) {
    const change = nextChange(known, random)
    known.pending = change
    const answer = await send(space, known.name, change).catch(() => undefined)
    if (answer === undefined) return
    acknowledge(known, change, answer)
    known.pending = undefined
    summary.acknowledged[change.kind] = (summary.acknowledged[change.kind] ?? 0) + 1
  }
}

function nextChange(known: Known, random: Random): Change {
  const versions = [...known.versions.keys()]
  const choice = random()
  if (versions.length === 0 || choice < 0.5) {
    return { kind: 'deploy', text: `${known.name} ${random().toString(36).slice(2)}` }
  }
  if (choice < 0.75) {
    return { kind: 'rollback', version: versions[Math.floor(random() * versions.length)] as string }
  }
  return choice < 0.9 ? { kind: 'gc' } : { kind: 'delete' }
}

interface Answer {
  version?: string
  removed?: { version: string }[]
}

/** @returns undefined if the service did not answer */
async function send(space: Workspace, name: string, change: Change): Promise<Answer | undefined> {
  const path = `/v1/projects/default/functions/${name}`
  const json = { 'content-type': 'application/json' }
  const post = (body: unknown) => ({ method: 'POST', headers: json, body: JSON.stringify(body) })
  switch (change.kind) {
    case 'deploy': {
      const body = new FormData()
      body.set('settings', '{"runtime":"quickjs-ng"}')
      const code = `export default () => new Response(${JSON.stringify(change.text)})\n`
      body.set('bundle', new Blob([code]))
      body.set('map', new Blob(['{"version":3,"sources":[],"mappings":""}']))
      return await api(space, `${path}/versions`, { method: 'POST', body })
    }
    case 'rollback':
      return await api(space, `${path}/rollback`, post({ version: change.version }))
    case 'gc':
      return await api(space, '/v1/gc', post({ function: name, keep: 2 }))
    case 'delete':
      return await api(space, path, { method: 'DELETE' })
  }
}

async function api(space: Workspace, path: string, init: RequestInit = {}): Promise<Answer> {
  const unix = join(space.dataDir, 'functions.sock')
  const response = await fetch(`http://functions${path}`, { ...init, unix } as RequestInit)
  const text = await response.text()
  if (!response.ok && response.status !== 503)
    throw new Error(`${path}: ${response.status} ${text}`)
  return text === '' ? {} : JSON.parse(text)
}

function acknowledge(known: Known, change: Change, { version, removed = [] }: Answer): void {
  switch (change.kind) {
    case 'deploy':
      if (version === undefined) throw new Error('a deployment was acknowledged without a version')
      known.versions.set(version, change.text)
      known.active = version
      break
    case 'rollback':
      known.active = change.version
      break
    case 'gc':
      for (const row of removed) known.versions.delete(row.version)
      break
    case 'delete':
      known.versions.clear()
      known.active = undefined
  }
}

/** Compares the service with what each client knows, and makes that what there is. */
async function verify(
  space: Workspace,
  service: Service,
  functions: readonly Known[],
  summary: Summary,
): Promise<void> {
  for (const known of functions) await verifyOne(space, service, known, summary)
  const { stdout, stderr } = await space.command('check', '--json')
  const result = stdout === '' ? { ok: false } : JSON.parse(stdout)
  if (result.ok !== true) throw new Error(`functions check: ${stdout}${stderr}`)
}

async function verifyOne(
  space: Workspace,
  service: Service,
  known: Known,
  summary: Summary,
): Promise<void> {
  const rows = await listVersions(space, known.name)
  const found = new Set(rows.map(({ version }) => version))
  const active = rows.find((row) => row.active)?.version
  const { pending, versions } = known
  const fail = (what: string) => {
    const state = JSON.stringify({ rows, ...known, versions: [...versions] })
    throw new Error(`${known.name}: ${what}: ${state}`)
  }
  const added = [...found].filter((version) => !versions.has(version))
  const gone = [...versions.keys()].filter((version) => !found.has(version))
  let kept = false
  if (pending?.kind === 'deploy' && added.length === 1) {
    versions.set(added[0] as string, pending.text)
    if (active !== added[0]) fail('a deployment is there, but not active')
    kept = true
  } else if (added.length > 0) fail('versions that nobody deployed')
  if (pending?.kind === 'delete' && gone.length > 0) {
    if (found.size > 0) fail('a function is deleted in part')
    kept = true
  } else if (pending?.kind === 'gc' && gone.length > 0) {
    if (active !== known.active) fail('a collection changed the active version')
    kept = true
  } else if (gone.length > 0) fail('acknowledged versions are gone')
  if (pending?.kind === 'rollback' && active === pending.version) kept = true
  if (!kept && active !== known.active) fail('another version is active')
  for (const version of gone) versions.delete(version)
  known.active = active
  const response = await service.fetch(`/functions/${known.name}`)
  const text = await response.text()
  const expected = active === undefined ? 404 : versions.get(active)
  if ((active === undefined ? response.status : text) !== expected) fail(`it answers ${text}`)
  if (pending !== undefined) {
    summary.interrupted++
    if (kept) summary.kept++
  }
  known.pending = undefined
}

async function listVersions(space: Workspace, name: string) {
  const unix = join(space.dataDir, 'functions.sock')
  const path = `http://functions/v1/projects/default/functions/${name}/versions`
  const response = await fetch(path, { unix } as RequestInit)
  if (response.status === 404) return []
  return (await response.json()) as { version: string; active: boolean }[]
}

/** Starts the service and kills it before it is ready, at whatever it does then. */
async function cutStart(space: Workspace, afterMs: number): Promise<void> {
  const args = ['serve', '--port', '0', '--data-dir', space.dataDir]
  const child = Bun.spawn([EXECUTABLE, ...args], {
    cwd: space.dir,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
  })
  await Bun.sleep(afterMs)
  child.kill('SIGKILL')
  await child.exited
}

/** Takes the indexes of a migration away, so that the next start has to migrate. */
function undoMigration(space: Workspace): void {
  const index = 'function_versions_newest'
  const migration = migrations().find(({ statements }) => statements.join().includes(index))
  const names = migration?.statements.join().match(/(?<=CREATE INDEX `)\w+/g) ?? []
  const db = openTestDatabase(join(space.dataDir, 'metadata.db'))
  db.transaction(() => {
    for (const name of names) db.run(`DROP INDEX IF EXISTS ${name}`)
    db.query('DELETE FROM __drizzle_migrations WHERE hash = ?').run(migration?.hash ?? '')
  })()
  db.close()
}

interface RunningBackup {
  file: string
  process: Bun.Subprocess
}

function startBackup(space: Workspace): RunningBackup {
  const file = join(space.dir, 'backup.tar')
  const process = Bun.spawn([EXECUTABLE, 'backup', file, '--data-dir', space.dataDir], {
    cwd: space.dir,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
  })
  return { file, process }
}

/** A backup that lost its service begins again without one; half of them are killed too. */
async function checkBackup(space: Workspace, backup: RunningBackup, random: Random): Promise<void> {
  const { file, process } = backup
  const cut = random() < 0.5
  if (cut) process.kill('SIGKILL')
  const status = await process.exited
  if (!cut && status !== 0) throw new Error(`the backup exited with ${status}`)
  if (!existsSync(file)) return
  const { exitCode, stderr } = await space.command('restore', file, '--verify')
  if (exitCode !== 0) throw new Error(`the backup is not whole: ${stderr}`)
}

if (import.meta.main) {
  const [rounds = '200', seed = String(Date.now() % 1e6)] = process.argv.slice(2)
  const began = performance.now()
  const summary = await killRounds(Number(rounds), Number(seed))
  const seconds = Math.round((performance.now() - began) / 1000)
  console.log(JSON.stringify({ seed: Number(seed), seconds, ...summary }))
}
