import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MetadataStore } from '../metadata/store.ts'
import { addFunctions, sourceOf } from '../testing/data-dir-fixture.ts'
import { setVariables } from '../testing/set-variables.ts'
import { backupToFile } from './backup.ts'
import { check, hasData } from './check.ts'
import { repair, setUnknownAside } from './repair.ts'
import { readBackup } from './restore.ts'

let dir: string
let dataDir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-check-'))
  dataDir = join(dir, 'data')
  mkdirSync(dataDir, { mode: 0o700 })
  addFunctions(dataDir, ['app', 'b'], 3)
  writeFileSync(at('bundles/.manifests'), '')
  for (const path of ['metadata.db', 'metadata.db-wal', 'metadata.db-shm']) {
    if (existsSync(at(path))) chmodSync(at(path), 0o600)
  }
  chmodSync(at('bundles'), 0o700)
})
afterEach(() => rmSync(dir, { recursive: true }))

const at = (path: string) => join(dataDir, path)
const kinds = async () => (await check(dataDir)).map(({ kind, path }) => `${kind} ${path}`)

function change(sql: string): void {
  const db = new Database(at('metadata.db'))
  db.run('PRAGMA foreign_keys = OFF')
  db.run(sql)
  db.close()
}

function destroyDatabase(): void {
  for (const suffix of ['-wal', '-shm']) rmSync(at(`metadata.db${suffix}`), { force: true })
  writeFileSync(at('metadata.db'), 'x'.repeat(8192), { mode: 0o600 })
}

/** Names of all functions with their active version and their number of versions. */
function functions(): [string, string | undefined, number][] {
  const store = MetadataStore.open(dataDir)
  const rows = store.list().map(({ name, version }) => {
    return [name, version, store.versions(name).length] as [string, string | undefined, number]
  })
  store.close()
  return rows
}

describe('a check', () => {
  test('of a whole directory, or an empty one, finds nothing', async () => {
    expect(await kinds()).toEqual([])
    rmSync(dataDir, { recursive: true })
    mkdirSync(dataDir, { mode: 0o700 })
    expect(await kinds()).toEqual([])
  })

  test('finds each kind of fault, names it, and changes nothing', async () => {
    rmSync(at('bundles/func-app/v1/bundle.js'))
    appendFileSync(at('bundles/func-app/v3/bundle.js'), '//')
    rmSync(at('bundles/func-b/v1/version.json'))
    writeFileSync(at('bundles/func-b/v2/version.json'), '{"format":1}')
    mkdirSync(at('bundles/func-b/v9'))
    mkdirSync(at('bundles/func-gone/v1'), { recursive: true })
    symlinkSync('/etc', at('bundles/func-b/v8'))
    mkdirSync(at('.functions-backup-x'))
    mkdirSync(at('.restore'))
    writeFileSync(at('logs.db'), 'z'.repeat(5000), { mode: 0o600 })
    chmodSync(dataDir, 0o755)
    const before = Bun.spawnSync(['find', dataDir]).stdout.toString()
    const found = await check(dataDir)
    expect(found.map(({ kind, path }) => `${kind} ${path}`).toSorted()).toEqual([
      'bundle-damaged bundles/func-app/v3/bundle.js',
      'bundle-missing bundles/func-app/v1/bundle.js',
      'bundle-orphaned bundles/func-b/v8',
      'bundle-orphaned bundles/func-b/v9',
      'bundle-orphaned bundles/func-gone/v1',
      'leftover .functions-backup-x',
      'leftover .restore',
      'manifest-missing bundles/func-b/v1/version.json',
      'manifest-missing bundles/func-b/v2/version.json',
      'permissions .',
      'telemetry-damaged logs.db',
    ])
    expect(found.find(({ kind }) => kind === 'bundle-damaged')).toMatchObject({
      severity: 'error',
      function: 'app',
      version: 'v3',
      active: true,
    })
    const files = (text: string) => text.split('\n').filter((path) => !/-(wal|shm)$/.test(path))
    const after = Bun.spawnSync(['find', dataDir]).stdout.toString()
    expect(files(after).toSorted()).toEqual(files(before).toSorted())
  })

  test('passes over what a deployment has staged', async () => {
    mkdirSync(at('bundles/func-app/v4'))
    mkdirSync(at('bundles/.staging/1'), { recursive: true })
    writeFileSync(at('bundles/.staging/1/intent.json'), '{"directories":["bundles/func-app/v4"]}')
    expect(await kinds()).toEqual([])
  })

  test('finds a table or a column that is not there', async () => {
    change('DROP TABLE tokens')
    expect(await kinds()).toEqual(['database-damaged metadata.db'])
    expect((await check(dataDir))[0]?.message).toContain('the database lacks the table tokens')
  })

  test('finds rows that refer to nothing, and a database that is cut off', async () => {
    change("DELETE FROM function_versions WHERE version = 'v1' AND function_id = 'func-b'")
    expect(await kinds()).toContain('dangling-rows metadata.db')
    const db = new Database(at('metadata.db'))
    db.run('PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    truncateSync(at('metadata.db'), statSync(at('metadata.db')).size / 2)
    expect(await kinds()).toEqual(['database-damaged metadata.db'])
  })
})

describe('a repair', () => {
  const repaired = async (backup?: AsyncIterable<Uint8Array>) =>
    await repair(dataDir, await check(dataDir), backup)

  test('rebuilds a lost database from the bundles, with the versions that were active', async () => {
    const before = functions()
    writeFileSync(at('bundles/func-app/.active'), 'v2')
    destroyDatabase()
    expect(await kinds()).toEqual(['database-damaged metadata.db'])
    const done = await repaired()
    expect(done[0]).toContain('2 functions, 6 versions')
    expect(functions()).toEqual([['app', 'v2', 3], ...before.slice(1)])
    expect(await kinds()).toEqual([])
    expect(readdirSync(dataDir).some((name) => /^metadata\.db\.set-aside-\w+$/.test(name))).toBe(
      true,
    )
    const store = MetadataStore.open(dataDir)
    expect(store.rollbackTarget('app').version.version).toBe('v1')
    store.close()
  })

  test('rebuilds a database that lost its tables or rows; until then nobody writes to it', async () => {
    const before = functions()
    const empty = new Database(join(dir, 'empty.db'))
    empty.run('PRAGMA journal_mode = WAL')
    empty.run('CREATE TABLE t (x)')
    empty.run('DROP TABLE t')
    empty.close()
    const losses: [string, () => void][] = [
      ['no tables', () => writeFileSync(at('metadata.db'), '', { mode: 0o600 })],
      // As a copy without the write-ahead log.
      ['no tables', () => writeFileSync(at('metadata.db'), readFileSync(join(dir, 'empty.db')))],
      ['no versions', () => change('DELETE FROM function_versions')],
    ]
    for (const [what, lose] of losses) {
      if (what === 'no tables')
        for (const suffix of ['-wal', '-shm']) rmSync(at(`metadata.db${suffix}`), { force: true })
      lose()
      const content = readFileSync(at('metadata.db'))
      expect(() => MetadataStore.open(dataDir)).toThrow(`its metadata.db has ${what}`)
      expect(readFileSync(at('metadata.db')).equals(content)).toBe(true)
      expect((await kinds())[0]).toBe('database-damaged metadata.db')
      await repaired()
      expect(functions()).toEqual(before)
      expect(await kinds()).toEqual([])
    }
  })

  test('that an intent explains is not needed: the last function may be deleted', () => {
    change('DELETE FROM function_versions')
    mkdirSync(at('bundles/.staging/1'), { recursive: true })
    MetadataStore.open(dataDir).close()
  })

  test('moves versions away that a database does not know, and deletes none', async () => {
    change("DELETE FROM function_versions WHERE version = 'v3'")
    const findings = await check(dataDir)
    expect(findings.filter(({ message }) => message.includes('sets it aside'))).toHaveLength(2)
    expect(await setUnknownAside(dataDir, findings)).toHaveLength(2)
    const aside = readdirSync(dataDir).find((name) => name.startsWith('bundles.set-aside-')) ?? ''
    expect(readFileSync(at(`${aside}/func-b/v3/bundle.js`), 'utf8')).toBe(sourceOf('b', 'v3'))
  })

  test('that was interrupted lets no service start, and the next one has all of the old database', async () => {
    const old = new Database(at('metadata.db'))
    old.run('PRAGMA foreign_keys = OFF')
    setVariables(old, 'func-app', { KEY: 'value' })
    // The newest changes are in the write-ahead log alone, as after a kill.
    for (const suffix of ['', '-wal'])
      Bun.spawnSync(['cp', at(`metadata.db${suffix}`), join(dir, `old${suffix}`)])
    old.close()
    for (const suffix of ['', '-wal', '-shm']) rmSync(at(`metadata.db${suffix}`), { force: true })
    Bun.spawnSync(['mv', join(dir, 'old'), at('metadata.db.set-aside-20260101T000000Z')])
    Bun.spawnSync(['mv', join(dir, 'old-wal'), at('metadata.db-wal')])
    mkdirSync(at('.rebuild'))
    expect(() => MetadataStore.open(dataDir)).toThrow("run 'functions check --repair' again")
    await repaired()
    const store = MetadataStore.open(dataDir)
    expect(store.resolve('app')).toMatchObject({ version: { env: { KEY: 'value' } } })
    store.close()
    expect(await kinds()).toEqual([])
  })

  test('copies the variables of a database that can be read in part', async () => {
    const damaged = new Database(at('metadata.db'))
    setVariables(damaged, 'func-app', { KEY: 'value' })
    damaged.close()
    change('DROP TABLE function_versions')
    expect((await repaired())[0]).toContain('1 variable')
    const store = MetadataStore.open(dataDir)
    expect(store.resolve('app')).toMatchObject({ version: { env: { KEY: 'value' } } })
    store.close()
  })

  test('copies who may call a function, and its routes, or says that they are lost', async () => {
    const route = { project: 'default', functionName: 'app', host: 'a.test', path: '/' }
    const before = MetadataStore.open(dataDir)
    before.rules.set('app', 'default', { access: 'token' })
    before.routes.add({ ...route, confined: false })
    before.close()
    change('DROP TABLE function_versions')
    expect((await repaired()).join()).not.toContain('every function is public')
    const store = MetadataStore.open(dataDir)
    expect(store.rules.find('app', 'default')?.access).toBe('token')
    expect(store.rules.find('b', 'default')?.access).toBe('public')
    expect(store.routes.ofHost('a.test')).toMatchObject([{ functionName: 'app' }])
    store.close()
    change('DROP TABLE functions')
    expect((await repaired()).join()).toContain('every function is public')
  })

  test('of a missing database sets aside what it cannot use, and no service starts before', async () => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(at(`metadata.db${suffix}`), { force: true })
    expect(() => MetadataStore.open(dataDir)).toThrow("'functions check --repair'")
    expect(existsSync(at('metadata.db'))).toBe(false)
    writeFileSync(at('bundles/func-app/v3/bundle.js'), 'evil')
    rmSync(at('bundles/func-b/v3/version.json'))
    // A tenant cannot have written a manifest; one that names another function is not believed.
    const foreign = readFileSync(at('bundles/func-app/v1/version.json'))
    writeFileSync(at('bundles/func-b/v2/version.json'), foreign)
    const done = await repaired()
    expect(done.filter((line) => line.includes('moved to'))).toHaveLength(3)
    expect(functions()).toEqual([
      ['app', 'v2', 2],
      ['b', 'v1', 1],
    ])
    const aside = readdirSync(dataDir).find((name) => name.startsWith('bundles.set-aside-')) ?? ''
    expect(readFileSync(at(`${aside}/func-app/v3/bundle.js`), 'utf8')).toBe('evil')
  })

  test('writes a broken bundle again from another version, or from a backup', async () => {
    const file = join(dir, 'backup.tar')
    const options = { dataDir, settings: '', release: '1.0.0', telemetry: false }
    await backupToFile(file, options)
    const lost = ['app/v1', 'app/v3', 'b/v2'].map((name) => at(`bundles/func-${name}/bundle.js`))
    for (const path of lost) rmSync(path)
    const { size } = statSync(at('bundles/func-b/v1/bundle.js'))
    expect(await repaired()).toEqual([])
    expect(await kinds()).toHaveLength(3)
    // The same content under another version.
    change(
      "UPDATE function_versions SET bundle_sha256 = (SELECT bundle_sha256 FROM function_versions WHERE id <> '' AND function_id = 'func-b' AND version = 'v1') WHERE function_id = 'func-b' AND version = 'v2'",
    )
    expect(await repaired()).toEqual([
      'bundles/func-b/v2/bundle.js: written again from bundles/func-b/v1/bundle.js',
    ])
    expect(statSync(at('bundles/func-b/v2/bundle.js')).size).toBe(size)
    const done = await repaired(readBackup(file))
    expect(done.filter((line) => line.endsWith('from the backup'))).toHaveLength(2)
    expect(await kinds()).toEqual([])
    expect(readFileSync(at('bundles/func-app/v3/bundle.js'), 'utf8')).toBe(sourceOf('app', 'v3'))
  })

  test('removes rows that refer to nothing, leftovers and permissions, and writes manifests', async () => {
    change("DELETE FROM function_versions WHERE version = 'v3' AND function_id = 'func-b'")
    rmSync(at('bundles/func-app/v1/version.json'))
    mkdirSync(at('.functions-backup-x'))
    chmodSync(dataDir, 0o755)
    await repaired()
    expect(await kinds()).toEqual(['bundle-orphaned bundles/func-b/v3'])
    expect(functions()).toEqual([
      ['app', 'v3', 3],
      ['b', undefined, 2],
    ])
  })
})

describe('a folder that', () => {
  test('is empty has nothing to check', () => {
    const empty = join(dir, 'empty')
    mkdirSync(empty)
    expect(hasData(empty)).toBe(false)
    writeFileSync(join(empty, 'service.lock'), '')
    mkdirSync(join(empty, 'lost+found'))
    expect(hasData(empty)).toBe(false)
  })

  test('belongs to somebody else is refused', () => {
    for (const name of ['a.txt', '.bashrc', 'src']) {
      const foreign = join(dir, `foreign-${name}`)
      mkdirSync(join(foreign, name), { recursive: true })
      expect(() => hasData(foreign)).toThrow(`is not a data directory: it has no metadata.db`)
    }
    expect(() => hasData('/etc/passwd')).toThrow('cannot be used')
  })

  test('has a part of a data directory is one', () => {
    for (const name of [
      'metadata.db',
      'bundles',
      '.restore',
      '.rebuild',
      'metadata.db.set-aside-1',
    ]) {
      const part = join(dir, `part-${name}`)
      mkdirSync(part)
      writeFileSync(join(part, name), '')
      expect(hasData(part)).toBe(true)
    }
  })
})

describe('where a file or folder should be', () => {
  const pipe = (path: string) => {
    rmSync(at(path), { recursive: true, force: true })
    Bun.spawnSync(['mkfifo', '-m', '600', at(path)])
  }

  test('a pipe or a folder in place of the database is set aside by a repair', async () => {
    const before = functions()
    for (const make of [pipe, (path: string) => mkdirSync(at(path), { mode: 0o700 })]) {
      for (const suffix of ['', '-wal', '-shm']) {
        rmSync(at(`metadata.db${suffix}`), { recursive: true, force: true })
      }
      make('metadata.db')
      const findings = await check(dataDir)
      expect(findings[0]?.message).toContain('the database is not a regular file')
      await repair(dataDir, findings)
      expect(functions()).toEqual(before)
    }
  })

  test('a pipe, a file, a circle of links or a file without end is only reported', async () => {
    pipe('bundles/func-app/v1/bundle.js')
    pipe('bundles/func-app/v2/version.json')
    rmSync(at('bundles/func-app/v3/bundle.js'))
    symlinkSync('bundle.js', at('bundles/func-app/v3/bundle.js'))
    Bun.spawnSync(['truncate', '-s', '5G', at('bundles/func-b/v1/bundle.js')])
    Bun.spawnSync(['truncate', '-s', '5G', at('bundles/func-b/v2/version.json')])
    writeFileSync(at('bundles/func-file'), '')
    symlinkSync('func-loop', at('bundles/func-loop'))
    rmSync(at('bundles/.staging'), { recursive: true, force: true })
    writeFileSync(at('bundles/.staging'), '')
    expect((await kinds()).toSorted()).toEqual([
      'bundle-damaged bundles/func-b/v1/bundle.js',
      'bundle-missing bundles/func-app/v1/bundle.js',
      'bundle-missing bundles/func-app/v3/bundle.js',
      'manifest-missing bundles/func-app/v2/version.json',
      'manifest-missing bundles/func-b/v2/version.json',
    ])
  })
})
