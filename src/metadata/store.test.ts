import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getTableColumns, getTableName, is } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import { SQLiteTable } from 'drizzle-orm/sqlite-core'
import { namedProfile } from '../capabilities/profiles.ts'
import { FunctionError } from '../errors.ts'
import { setVariables } from '../testing/set-variables.ts'
import { tryLockDataDir } from './lock.ts'
import { migrations } from './migrate.ts'
import { prepareQueries } from './queries.ts'
import type { NewVersion, VersionRecord } from './records.ts'
import * as schema from './schema.ts'
import { BEFORE_ALL, MetadataStore } from './store.ts'

let dir: string
let store: MetadataStore

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-store-'))
  store = MetadataStore.open(dir)
})

afterEach(() => {
  store.close()
  rmSync(dir, { recursive: true })
})

function version(name: string, version: string, changes: Partial<NewVersion> = {}): NewVersion {
  return {
    project: 'default',
    name,
    version,
    runtime: 'quickjs-ng',
    handler: 'default',
    engine: 'quickjs-ng/0.17.0',
    capabilities: namedProfile('strict', 'default'),
    config: { profile: 'strict', exposeErrors: false },
    bundle: { path: `bundles/func-${name}/${version}/bundle.js`, sha256: 'a'.repeat(64), size: 1 },
    ...changes,
  }
}

function raw<T>(query: string): T[] {
  const db = new Database(join(dir, 'metadata.db'))
  const rows = db.query(query).all() as T[]
  db.close()
  return rows
}

function active(name: string): string | undefined {
  const resolution = store.resolve(name)
  return resolution.found === 'version' ? resolution.version.version : undefined
}

function rollback(name: string, version?: string) {
  const target = store.rollbackTarget(name, version)
  store.rollback(target)
  return target.version
}

function codeOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    return error instanceof FunctionError ? error.code : String(error)
  }
  return 'no error'
}

describe('a version', () => {
  test('that is added is the active one, and the documented queries see it', () => {
    store.addVersion(version('hello-world', 'v1'))
    const sql = "SELECT name, runtime, status FROM functions WHERE name = 'hello-world'"
    expect(raw(sql)).toEqual([{ name: 'hello-world', runtime: 'quickjs-ng', status: 'deployed' }])
    const resolution = store.resolve('hello-world')
    expect(resolution).toMatchObject({
      found: 'version',
      version: {
        functionId: 'func-hello-world',
        functionName: 'hello-world',
        project: 'default',
        version: 'v1',
        handler: 'default',
        capabilities: namedProfile('strict', 'default'),
        env: {},
      },
    })
  })

  test('of a name that nobody knows, or of a function without one, resolves to that', () => {
    expect(store.resolve('nothing').found).toBe('nothing')
    store.addVersion(version('app', 'v1'))
    const db = new Database(join(dir, 'metadata.db'))
    db.run("UPDATE functions SET status = 'deployed', active_version_id = NULL")
    expect(store.list()[0]).toMatchObject({ name: 'app', status: 'registered' })
    db.run("UPDATE functions SET status = 'registered', active_version_id = NULL")
    db.close()
    expect(store.resolve('app').found).toBe('not-deployed')
    expect(store.show('app').version).toBeUndefined()
  })

  test('cannot be added twice, and nothing of the second stays', () => {
    store.addVersion(version('app', 'v1'))
    const other = version('app', 'v1', { handler: 'other' })
    expect(() => store.addVersion(other)).toThrow()
    expect(store.show('app').version).toBe('v1')
    expect(raw('SELECT handler FROM functions')).toEqual([{ handler: 'default' }])
    expect(raw('SELECT id FROM function_deployments')).toHaveLength(1)
  })

  test('keeps its settings, and a rollback brings them back to the function', () => {
    store.addVersion(version('app', 'v1'))
    const capabilities = namedProfile('permissive', 'default')
    const config = { profile: 'permissive', timeoutMs: 5000, exposeErrors: true }
    store.addVersion(version('app', 'v2', { runtime: 'bun', handler: 'run', capabilities, config }))
    expect(store.show('app')).toMatchObject({ runtime: 'bun', profile: 'permissive' })
    expect(store.findVersion('func-app', 'v2')).toMatchObject({ capabilities, config })
    rollback('app')
    expect(store.show('app')).toMatchObject({ runtime: 'quickjs-ng', profile: 'strict' })
    const columns = 'runtime, handler, capabilities_json, config_json'
    const [copy] = raw(`SELECT ${columns} FROM functions`)
    expect(raw(`SELECT ${columns} FROM function_versions WHERE version = 'v1'`)).toEqual([copy])
  })

  test('keeps that its requests are not tried again, where the release before does not see it', () => {
    const config = { profile: 'strict', exposeErrors: false, retry: false } as const
    store.addVersion(version('app', 'v1', { config }))
    store.addVersion(version('app', 'v2'))
    expect(store.findVersion('func-app', 'v1')?.config).toEqual(config)
    expect(store.findVersion('func-app', 'v2')?.config.retry).toBeUndefined()
    rollback('app')
    for (const ahead of [false, true]) {
      if (ahead) store.readAhead()
      expect(store.resolve('app')).toMatchObject({ version: { version: 'v1', config } })
    }
    const texts = raw<{ config_json: string }>(
      'SELECT config_json FROM functions UNION ALL SELECT config_json FROM function_versions',
    )
    expect(texts).toHaveLength(3)
    for (const { config_json } of texts) expect(config_json).not.toContain('retry')
  })

  test('carries the variables of its function', () => {
    store.addVersion(version('app', 'v1'))
    const db = new Database(join(dir, 'metadata.db'))
    setVariables(db, 'func-app', { KEY: 'value' })
    db.close()
    expect(store.resolve('app')).toMatchObject({ version: { env: { KEY: 'value' } } })
  })
})

describe('rollback', () => {
  beforeEach(() => {
    for (const name of ['v1', 'v2', 'v3']) {
      store.addVersion(version('app', name))
    }
  })

  test('steps back through what was active', () => {
    expect(rollback('app').version).toBe('v2')
    expect(rollback('app').version).toBe('v1')
    expect(codeOf(() => rollback('app'))).toBe('VERSION_NOT_FOUND')
    expect(active('app')).toBe('v1')
  })

  test('steps to what was active before, not to the version that was made before', () => {
    rollback('app', 'v1')
    store.addVersion(version('app', 'v4'))
    expect(rollback('app').version).toBe('v1')
  })

  test('to a version that was rolled back makes it active again', () => {
    rollback('app', 'v1')
    expect(rollback('app', 'v3').version).toBe('v3')
    expect(active('app')).toBe('v3')
    expect(rollback('app').version).toBe('v1')
    expect(raw("SELECT id FROM function_deployments WHERE status = 'active'")).toHaveLength(1)
  })

  test('to a version that does not exist changes nothing', () => {
    expect(codeOf(() => rollback('app', 'v9'))).toBe('VERSION_NOT_FOUND')
    expect(codeOf(() => rollback('other'))).toBe('FUNCTION_NOT_FOUND')
    expect(active('app')).toBe('v3')
  })
})

describe('list, versions, remove', () => {
  test('answer for each function alone', () => {
    store.addVersion(version('b', 'v1'))
    store.addVersion(version('a', 'v1'))
    store.addVersion(version('a', 'v2'))
    expect(store.list().map((row) => [row.name, row.version])).toEqual([
      ['a', 'v2'],
      ['b', 'v1'],
    ])
    expect(store.versions('a').map((row) => row.version)).toEqual(['v2', 'v1'])
    expect(store.highestNumber('func-a')).toBe(2)
    expect(store.highestNumber('func-none')).toBe(0)
    expect(store.refersTo('func-a', 'v1', 'bundles/func-a/v1/bundle.js')).toBe(true)
    expect(store.refersTo('func-a', 'v1', 'bundles/func-a/v1~0/bundle.js')).toBe(false)
    store.remove('a')
    expect(store.list().map((row) => row.name)).toEqual(['b'])
    expect(raw('SELECT id FROM function_versions')).toHaveLength(1)
    expect(raw('SELECT id FROM function_deployments')).toHaveLength(1)
    expect(codeOf(() => store.versions('a'))).toBe('FUNCTION_NOT_FOUND')
  })
})

describe('pages', () => {
  test('give every row once, in order', () => {
    for (let n = 1; n <= 7; n++) store.addVersion(version('a', `v${n}`))
    for (const name of ['b', 'c', 'd', 'e']) store.addVersion(version(name, 'v1'))
    const names: string[] = []
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page: string[] = store.list(undefined, { after, limit: 2 }).map(({ name }) => name)
      names.push(...page)
      after = page.at(-1)
    }
    expect(names).toEqual(['a', 'b', 'c', 'd', 'e'])
    const versions: string[] = []
    for (
      let page: VersionRecord[] = store.versions('a', undefined, { limit: 3 });
      page.length > 0;
    ) {
      versions.push(...page.map((row) => row.version))
      page = store.versions('a', undefined, { limit: 3, before: page.at(-1) })
    }
    expect(versions).toEqual(['v7', 'v6', 'v5', 'v4', 'v3', 'v2', 'v1'])
    expect(store.functionsAfter('func-c', 10).map(({ name }) => name)).toEqual(['d', 'e'])
    const ages = store.oldestVersions('func-a', BEFORE_ALL, 3)
    expect(ages.map((row) => row.version)).toEqual(['v1', 'v2', 'v3'])
    const [next] = store.oldestVersions('func-a', ages[2] ?? BEFORE_ALL, 1)
    expect(next?.version).toBe('v4')
    expect(store.newestVersions('func-a', 2)).toHaveLength(2)
    const all = store.versionsAfter('', 100)
    expect(all).toHaveLength(11)
    expect(store.versionsAfter(all[9]?.id ?? '', 100)).toEqual(all.slice(10))
  })

  test('and the queries of a start and of retention read no whole table', () => {
    const db = new Database(join(dir, 'metadata.db'))
    const { deployed, ...searches } = prepareQueries(drizzle({ client: db }))
    const plan = (query: { getQuery(): { sql: string; params: unknown[] } }) => {
      const { sql, params } = query.getQuery()
      const rows = db.query(`EXPLAIN QUERY PLAN ${sql}`).all(...params.map(() => 'x'))
      return rows.map((row) => (row as { detail: string }).detail)
    }
    for (const [name, query] of Object.entries(searches)) {
      expect([name, plan(query).filter((step) => step.startsWith('SCAN'))]).toEqual([name, []])
    }
    // The start reads the active versions ahead: it scans functions, bounded, and no version.
    expect(plan(deployed).filter((step) => /^SCAN(?! functions\b)/.test(step))).toEqual([])
    // A page begins at its place in the index.
    expect(plan(searches.versions).join()).toContain('function_versions_newest (function_id=? AND ')
    for (const query of [searches.versions, searches.oldest, searches.newest]) {
      expect(plan(query).join()).not.toContain('TEMP B-TREE')
    }
    db.close()
  })
})

describe('removing versions', () => {
  test('leaves the active one and those that rollbacks return to', () => {
    for (const name of ['v1', 'v2', 'v3', 'v4']) store.addVersion(version('a', name))
    const ids = store.oldestVersions('func-a', BEFORE_ALL, 10).map(({ id }) => id)
    const removed = store.removeVersions('func-a', ids, 2)
    expect([...removed]).toEqual([ids[0] ?? ''])
    expect(store.versions('a').map((row) => row.version)).toEqual(['v4', 'v3', 'v2'])
    expect(rollback('a').version).toBe('v3')
    expect(rollback('a').version).toBe('v2')
    expect(codeOf(() => store.rollbackTarget('a'))).toBe('VERSION_NOT_FOUND')
    expect(raw('PRAGMA foreign_key_check')).toEqual([])
  })

  test('leaves the order of rollbacks as it was', () => {
    for (const name of ['v1', 'v2', 'v3', 'v4']) store.addVersion(version('a', name))
    rollback('a', 'v1')
    store.addVersion(version('a', 'v5'))
    const id = store.findVersion('func-a', 'v3')?.id ?? ''
    expect(store.removeVersions('func-a', [id], 1).size).toBe(1)
    expect(rollback('a').version).toBe('v1')
  })
})

describe('the database', () => {
  test('survives a second opening, and two at once', () => {
    store.addVersion(version('app', 'v1'))
    const second = MetadataStore.open(dir)
    expect(second.show('app').version).toBe('v1')
    second.addVersion(version('app', 'v2'))
    second.close()
    expect(active('app')).toBe('v2')
    const applied = [
      ...raw('SELECT hash FROM __drizzle_migrations'),
      ...raw('SELECT hash FROM __functions_additions'),
    ]
    expect(applied).toHaveLength(migrations().length)
  })

  test('has the tables and columns of the schema: no migration is missing', () => {
    const tables = Object.values(schema).filter((value) => is(value, SQLiteTable))
    expect(tables).toHaveLength(13)
    for (const table of tables) {
      const columns = raw<{ name: string }>(`PRAGMA table_info(${getTableName(table)})`)
      const expected = Object.values(getTableColumns(table)).map(({ name }) => name)
      expect(columns.map(({ name }) => name)).toEqual(expected)
    }
  })

  test('lets readers read while one writes: WAL', () => {
    expect(raw<{ journal_mode: string }>('PRAGMA journal_mode')[0]?.journal_mode).toBe('wal')
  })

  test('of a newer release is refused in one sentence, unchanged', () => {
    const db = new Database(join(dir, 'metadata.db'))
    db.run("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('later', 99)")
    db.close()
    expect(() => MetadataStore.open(dir)).toThrow(/^\S+metadata\.db was written by a newer release/)
    expect(codeOf(() => MetadataStore.open(dir))).toBe('STORAGE_UNUSABLE')
  })

  test('that is not a directory, or cannot be created, is refused in one sentence', () => {
    const file = join(dir, 'file')
    writeFileSync(file, 'no database, but some text of the length that a header would have')
    expect(codeOf(() => MetadataStore.open(file))).toBe('STORAGE_UNUSABLE')
    expect(codeOf(() => MetadataStore.open('/proc/functions'))).toBe('STORAGE_UNUSABLE')
    const broken = mkdtempSync(join(dir, 'broken-'))
    writeFileSync(join(broken, 'metadata.db'), 'x'.repeat(5000))
    expect(codeOf(() => MetadataStore.open(broken))).toBe('STORAGE_UNUSABLE')
  })

  test('with a broken row fails that function alone', () => {
    store.addVersion(version('good', 'v1'))
    store.addVersion(version('bad', 'v1'))
    const db = new Database(join(dir, 'metadata.db'))
    db.run(
      `UPDATE function_versions SET capabilities_json = '{"allowEval":1}' WHERE function_id = 'func-bad'`,
    )
    db.close()
    expect(codeOf(() => store.resolve('bad'))).toBe('INTERNAL')
    expect(() => store.resolve('bad')).toThrow('capabilities_json')
    expect(active('good')).toBe('v1')
  })
})

describe('the lock', () => {
  test('has one holder, also across processes, and is released by a kill', async () => {
    const script = join(import.meta.dir, 'lock.ts')
    const child = Bun.spawn(
      [
        process.execPath,
        '-e',
        `import { tryLockDataDir } from ${JSON.stringify(script)}
        globalThis.held = tryLockDataDir(${JSON.stringify(dir)})
        console.log('held')
        setInterval(() => {}, 1000)`,
      ],
      { stdout: 'pipe' },
    )
    const first = await child.stdout.getReader().read()
    expect(new TextDecoder().decode(first.value)).toBe('held\n')
    expect(tryLockDataDir(dir)).toBeUndefined()
    child.kill('SIGKILL')
    await child.exited
    const lock = tryLockDataDir(dir)
    expect(lock).toBeDefined()
    expect(tryLockDataDir(dir)).toBeUndefined()
    lock?.release()
    const again = tryLockDataDir(dir)
    expect(again).toBeDefined()
    again?.release()
  })

  test('of a directory that cannot be written is refused', () => {
    expect(codeOf(() => tryLockDataDir('/proc/functions'))).toBe('STORAGE_UNUSABLE')
  })
})

describe('what was read ahead', () => {
  test('is what would be read alone', () => {
    store.addVersion(version('f', 'v1'))
    store.addVersion(version('f', 'v2'))
    store.addVersion(version('g', 'v1', { project: 'other' }))
    const alone = [store.resolve('f'), store.resolve('g', 'other'), store.resolve('g')]
    store.readAhead()
    expect([store.resolve('f'), store.resolve('g', 'other'), store.resolve('g')]).toEqual(alone)
  })

  test('is forgotten with every change of this process', () => {
    store.addVersion(version('f', 'v1'))
    store.addVersion(version('f', 'v2'))
    store.readAhead()
    rollback('f')
    expect(active('f')).toBe('v1')
    store.readAhead()
    store.addVersion(version('f', 'v3'))
    expect(active('f')).toBe('v3')
    store.readAhead()
    store.remove('f')
    expect(store.resolve('f')).toEqual({ found: 'nothing' })
  })

  test('is forgotten when another connection writes', () => {
    store.addVersion(version('f', 'v1'))
    store.readAhead()
    raw("UPDATE functions SET status = 'registered'")
    expect(store.resolve('f')).toEqual({ found: 'not-deployed' })
  })

  test('has the variables of a function, set at whatever time', () => {
    store.addVersion(version('f', 'v1'))
    store.addVersion(version('g', 'v1'))
    const other = new Database(join(dir, 'metadata.db'))
    setVariables(other, 'func-f', { A: '1' })
    store.readAhead()
    setVariables(other, 'func-g', { B: '2' })
    other.close()
    expect(store.resolve('f')).toMatchObject({ version: { env: { A: '1' } } })
    expect(store.resolve('g')).toMatchObject({ version: { env: { B: '2' } } })
  })

  test('leaves out a row that does not validate: its function says so when it is asked for', () => {
    store.addVersion(version('f', 'v1'))
    store.addVersion(version('g', 'v1'))
    raw("UPDATE function_versions SET capabilities_json = '{' WHERE function_id = 'func-f'")
    store.readAhead()
    expect(codeOf(() => store.resolve('f'))).toBe('INTERNAL')
    expect(active('g')).toBe('v1')
  })
})
