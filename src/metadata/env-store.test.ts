import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { namedProfile } from '../capabilities/profiles.ts'
import { FunctionError } from '../errors.ts'
import type { EnvChange } from './env-store.ts'
import { MetadataStore } from './store.ts'

let dir: string
let store: MetadataStore

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-env-'))
  store = MetadataStore.open(dir)
  addVersion('app', 'v1')
})

afterEach(() => {
  store.close()
  rmSync(dir, { recursive: true })
})

function addVersion(name: string, version: string): void {
  store.addVersion({
    project: 'default',
    name,
    version,
    runtime: 'quickjs-ng',
    handler: 'default',
    engine: 'test',
    capabilities: namedProfile('strict', 'default'),
    config: { profile: 'strict', exposeErrors: false },
    bundle: { path: `bundles/func-${name}/${version}/bundle.js`, sha256: 'a'.repeat(64), size: 1 },
  })
}

function change(given: EnvChange, name = 'app'): number {
  const id = `func-${name}`
  const next = store.env.next(id, store.envRevision(id), given)
  if (next !== undefined) store.deployEnv(next)
  return store.envRevision(id)
}

function envOf(name = 'app') {
  const resolution = store.resolve(name)
  if (resolution.found !== 'version') throw new Error(`${name}: ${resolution.found}`)
  return resolution.version.env
}

function rollback(version?: string, keepEnv = false): void {
  store.rollback(store.rollbackTarget('app', version), keepEnv)
}

function refusal(act: () => unknown): FunctionError {
  try {
    act()
  } catch (error) {
    if (error instanceof FunctionError) return error
  }
  throw new Error('it was not refused')
}

function sql(text: string): unknown[][] {
  const db = new Database(join(dir, 'metadata.db'))
  const rows = db.query(text).values() as unknown[][]
  db.close()
  return rows
}

describe('a change of variables', () => {
  test('makes a revision with what was set, and without what was unset', () => {
    expect(change({ set: { A: '1', B: '2' } })).toBe(1)
    expect(change({ set: { A: '3' }, unset: [{ name: 'B', kind: 'plain' }] })).toBe(2)
    expect(envOf()).toEqual({ A: '3' })
    expect(store.env.list('func-app', 1).map(({ name, value }) => [name, value])).toEqual([
      ['A', '1'],
      ['B', '2'],
    ])
  })

  test('that changes nothing makes no revision', () => {
    change({ set: { A: '1' }, secrets: [{ name: 'KEY', value: 'secret' }] })
    const before = store.env.list('func-app', 1)
    expect(change({ set: { A: '1' }, secrets: [{ name: 'KEY', value: 'secret' }] })).toBe(1)
    expect(store.env.list('func-app', 1)).toEqual(before)
    expect(change({ secrets: [{ name: 'KEY', value: 'secret', hosts: ['a.com'] }] })).toBe(2)
  })

  test('is in the cache of active versions too', () => {
    store.readAhead()
    expect(envOf()).toEqual({})
    change({ set: { A: '1' } })
    expect(envOf()).toEqual({ A: '1' })
    rollback()
    expect(envOf()).toEqual({})
  })

  test('is kept by the next version', () => {
    change({ set: { A: '1' } })
    addVersion('app', 'v2')
    expect(envOf()).toEqual({ A: '1' })
  })

  test('during a traffic split applies to all versions with their weights', () => {
    addVersion('app', 'v2')
    const [one, two] = sql('SELECT id FROM function_versions ORDER BY version').flat()
    const deployment = sql("SELECT id FROM function_deployments WHERE status = 'active'").flat()[0]
    const db = new Database(join(dir, 'metadata.db'))
    const insert = db.query('INSERT INTO deployment_weights VALUES (?, ?, ?)')
    insert.run(deployment as number, one as string, 30)
    insert.run(deployment as number, two as string, 70)
    db.close()
    change({ set: { A: '1' } })
    expect(
      sql(
        "SELECT w.version_id, w.weight, d.env_revision FROM deployment_weights w JOIN function_deployments d ON d.id = w.deployment_id WHERE d.status = 'active' ORDER BY w.weight",
      ),
    ).toEqual([
      [one, 30, 1],
      [two, 70, 1],
    ])
  })

  test('leaves a bounded number of revisions', () => {
    for (let n = 0; n < 150; n++) change({ set: { N: `${n}` } })
    expect(sql('SELECT count(*) FROM env_revisions')).toEqual([[101]])
    expect(sql('SELECT count(*) FROM env_variables')).toEqual([[101]])
    for (let n = 0; n < 100; n++) rollback()
    expect(envOf()).toEqual({ N: '49' })
    expect(refusal(() => rollback()).code).toBe('VERSION_NOT_FOUND')
    expect(change({ set: { N: 'new' } })).toBe(151)
    expect(sql('SELECT revision FROM env_revisions ORDER BY 1')).toEqual([[50], [151]])
  })
})

describe('a rollback', () => {
  test('returns to the deployment before with its variables', () => {
    change({ set: { A: '1', SAME: 'x' } })
    addVersion('app', 'v2')
    change({ set: { A: '2' }, secrets: [{ name: 'KEY', value: 'secret' }] })
    const { envRevision } = store.rollbackTarget('app')
    expect(store.env.difference('func-app', store.envRevision('func-app'), envRevision)).toEqual([
      'A',
      'KEY',
    ])
    rollback()
    expect([envOf(), store.show('app').version]).toEqual([{ A: '1', SAME: 'x' }, 'v2'])
    rollback()
    expect([envOf(), store.show('app').version]).toEqual([{ A: '1', SAME: 'x' }, 'v1'])
    rollback()
    expect([envOf(), store.show('app').version]).toEqual([{}, 'v1'])
  })

  test('can keep the variables of today', () => {
    change({ set: { A: '1' } })
    addVersion('app', 'v2')
    change({ set: { A: '2' } })
    rollback('v1', true)
    expect([envOf(), store.show('app').version]).toEqual([{ A: '2' }, 'v1'])
    addVersion('app', 'v3')
    expect(envOf()).toEqual({ A: '2' })
  })
})

describe('a secret', () => {
  test('is encrypted in the database, and given to its function', () => {
    change({ secrets: [{ name: 'KEY', value: 'the-secret-value' }] })
    expect(envOf()).toEqual({ KEY: 'the-secret-value' })
    expect(store.env.list('func-app', 1)[0]).toMatchObject({ kind: 'secret', value: undefined })
    expect(JSON.stringify(sql('SELECT * FROM env_variables'))).not.toContain('the-secret-value')
  })

  test('with hosts is a placeholder in the function, another one in each revision', () => {
    change({
      secrets: [{ name: 'KEY', value: 'sk_live', hosts: ['API.example.com', 'b.io:8443'] }],
    })
    const { KEY: first } = envOf()
    expect(first).toMatch(/^fnsecret_[0-9a-f]{32}$/)
    expect(store.env.list('func-app', 1)[0]?.hosts).toEqual(['api.example.com', 'b.io:8443'])
    change({ set: { A: '1' } })
    expect(envOf().KEY).toMatch(/^fnsecret_/)
    expect(envOf().KEY).not.toBe(first as string)
  })

  test('that was moved to another function, revision or name is refused', () => {
    change({ secrets: [{ name: 'KEY', value: 'secret' }] })
    addVersion('other', 'v1')
    change({ secrets: [{ name: 'KEY', value: 'other' }] }, 'other')
    const db = new Database(join(dir, 'metadata.db'))
    const value = "(SELECT value FROM env_variables WHERE function_id = 'func-other')"
    db.run(`UPDATE env_variables SET value = ${value} WHERE function_id = 'func-app'`)
    db.close()
    const { code, message } = refusal(() => store.resolve('app'))
    expect(code).toBe('SECRETS_UNAVAILABLE')
    expect(message).toContain("Function 'app' has secrets that cannot be decrypted")
    expect(envOf('other')).toEqual({ KEY: 'other' })
  })

  test('and a plain variable do not replace each other by mistake', () => {
    change({ set: { A: '1' }, secrets: [{ name: 'KEY', value: 'secret' }] })
    expect(refusal(() => change({ set: { KEY: '1' } })).message).toContain('KEY is a secret')
    const plain = { name: 'A', kind: 'secret' as const }
    expect(refusal(() => change({ unset: [plain] })).message).toContain('A is not a secret')
    change({ secrets: [{ name: 'A', value: 'now a secret' }] })
    expect(store.env.list('func-app', 2)[0]).toMatchObject({ kind: 'secret' })
  })
})

describe('wrong variables are refused: which, and why', () => {
  const many = (count: number, value = '') =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`N${at}`, value]))
  const cases: [string, EnvChange, string][] = [
    ['a digit in front', { set: { '1A': '' } }, '"1A" cannot be the name'],
    ['a dash', { set: { 'A-B': '' } }, '"A-B" cannot be the name'],
    ['no name', { set: { '': '' } }, '"" cannot be the name'],
    ['other letters', { set: { Ä: '' } }, '"Ä" cannot be the name'],
    ['the prototype', { secrets: [{ name: '__proto__', value: '' }] }, '"__proto__" cannot be'],
    ['a line break', { set: { 'A\n': '' } }, '"A\\n" cannot be the name'],
    ['a long name', { set: { ['A'.repeat(257)]: '' } }, 'has 257 characters'],
    ['a long value', { set: { A: 'ä'.repeat(32_769) } }, 'The value of A has 65538 bytes'],
    ['NUL', { set: { A: 'x\0y' } }, 'The value of A contains a NUL'],
    ['half a pair', { set: { A: '\ud800' } }, 'The value of A is not valid Unicode'],
    ['too many', { set: many(1001) }, 'would have 1001 variables: it may have 1000'],
    ['too much', { set: many(17, 'x'.repeat(65_000)) }, 'bytes in all: they may have 1048576'],
    ['not set', { unset: [{ name: 'A', kind: 'plain' }] }, 'no variable A'],
    ['a long secret', { secrets: [{ name: 'A', value: 'x'.repeat(65_537) }] }, 'value of A has'],
  ]
  for (const [what, given, message] of cases) {
    test(what, () => {
      const error = refusal(() => change(given))
      expect([error.code, error.message]).toEqual(['BAD_REQUEST', expect.stringContaining(message)])
      expect(store.envRevision('func-app')).toBe(0)
    })
  }

  test('hosts', () => {
    const wrong = [
      '',
      'https://a.com',
      'a.com/x',
      '*.a.com',
      'a.com:0',
      'a.com:70000',
      'a b',
      'u@a.com',
    ]
    for (const host of wrong) {
      const secrets = [{ name: 'KEY', value: 'secret', hosts: [host] }]
      expect(refusal(() => change({ secrets })).message).toContain('is not a host')
    }
    for (const value of ['', ' a', 'a\nb', 'ä']) {
      const secrets = [{ name: 'KEY', value, hosts: ['a.com'] }]
      expect(refusal(() => change({ secrets })).message).toContain('cannot stand in a header')
    }
  })

  test('the largest that are allowed are taken', () => {
    change({ set: { [`A${'a'.repeat(255)}`]: 'x'.repeat(65_536), __proto: '1', constructor: '2' } })
    expect(envOf().constructor as unknown).toBe('2')
    change({ set: many(997) })
    expect(Object.keys(envOf())).toHaveLength(1000)
  })
})
