/** The audit: written with the change that it is about, or counted. */
import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { audited, noteChange } from './audit-context.ts'
import type { AuditEntry } from './audit-entry.ts'
import { MetadataStore } from './store.ts'

let dir: string
let store: MetadataStore

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-audit-'))
  store = MetadataStore.open(dir)
})

afterEach(() => {
  store.close()
  rmSync(dir, { recursive: true })
})

const entry = (more: Partial<AuditEntry> = {}): AuditEntry => ({
  time: new Date().toISOString(),
  project: 'shop',
  actor: 'ci',
  address: '192.0.2.1',
  action: 'project.create',
  object: null,
  outcome: 'done',
  details: {},
  count: 1,
  ...more,
})

interface Row {
  action: string
  actor: string
  details_json: string
  count: number
}

/** By another connection, as after a crash. */
function rows(): Row[] {
  const db = new Database(join(dir, 'metadata.db'))
  const found = db.query('SELECT * FROM audit ORDER BY id').all() as Row[]
  db.close()
  return found
}

describe('a change', () => {
  test('writes its entry in its own transaction, once', () => {
    const open = { entry: entry(), written: false }
    audited(open, () => {
      noteChange({ profile: 'strict' })
      store.projects.create('shop')
      store.projects.set('shop', { state: 'suspended' })
    })
    expect(open.written).toBe(true)
    expect(rows()).toMatchObject([
      { action: 'project.create', details_json: '{"profile":"strict","project":"shop"}' },
    ])
  })

  test('that fails leaves none, and is not taken for written', () => {
    const open = { entry: entry(), written: false }
    expect(() =>
      audited(open, () => {
        store.projects.create('default')
      }),
    ).toThrow('exists already')
    expect(open.written).toBe(false)
    expect(rows()).toEqual([])
  })

  test('is found across await, and does not leak into another one', async () => {
    const one = { entry: entry({ action: 'one' }), written: false }
    const two = { entry: entry({ action: 'two' }), written: false }
    await Promise.all([
      audited(one, async () => {
        await Bun.sleep(5)
        store.projects.create('a')
      }),
      audited(two, async () => {
        await Bun.sleep(1)
        store.projects.create('b')
        await Bun.sleep(10)
      }),
    ])
    store.projects.create('c')
    expect(rows().map(({ action }) => action)).toEqual(['two', 'one'])
  })
})

describe('what happens often', () => {
  test('is counted, and written when its minute is over', () => {
    for (let i = 0; i < 10_000; i++) store.audit.count(entry({ outcome: 'refused' }), 0)
    store.audit.count(entry({ outcome: 'refused', actor: 'other' }), 0)
    store.audit.flush(59_999)
    expect(rows()).toEqual([])
    store.audit.flush(60_000)
    expect(rows().map(({ actor, count }) => [actor, count])).toEqual([
      ['ci', 10_000],
      ['other', 1],
    ])
  })

  test('takes bounded memory however different it is, and loses no count', () => {
    for (let i = 0; i < 20_000; i++)
      store.audit.count(entry({ outcome: 'refused', object: `name-${i}` }), 0)
    store.audit.flush(false)
    const found = rows()
    expect(found.length).toBeLessThan(2_000)
    expect(found.reduce((sum, { count }) => sum + count, 0)).toBe(20_000)
  })

  test('is written at once when it has to be', () => {
    store.audit.count(entry({ outcome: 'refused' }))
    store.audit.flush(false)
    expect(rows()).toHaveLength(1)
  })
})

test('old entries are deleted, some at a time', () => {
  for (let day = 1; day <= 9; day++)
    store.audit.add(entry({ time: `2026-01-0${day}T00:00:00.000Z`, action: String(day) }))
  expect(store.audit.prune('2026-01-06T00:00:00.000Z', 3)).toBe(3)
  expect(store.audit.prune('2026-01-06T00:00:00.000Z', 3)).toBe(2)
  expect(store.audit.prune('2026-01-06T00:00:00.000Z', 3)).toBe(0)
  expect(rows().map(({ action }) => action)).toEqual(['6', '7', '8', '9'])
})
