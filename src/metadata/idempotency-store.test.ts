import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTestDatabase } from '../testing/open-database.ts'
import { MetadataStore } from './store.ts'

const HOUR_MS = 3_600_000
const ANSWER = { requestSha256: 'a'.repeat(64), status: 200, body: '{}' }

let dir: string
let store: MetadataStore

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-idempotency-'))
  store = MetadataStore.open(dir)
})

afterEach(() => {
  store.close()
  rmSync(dir, { recursive: true })
})

const rows = () => {
  const db = openTestDatabase(join(dir, 'metadata.db'))
  const { count } = db.query('SELECT count(*) AS count FROM idempotency').get() as { count: number }
  db.close()
  return count
}

test('an answer is kept for a day, for its actor', () => {
  const { idempotency } = store
  const now = Date.now()
  idempotency.add({ actor: 'a', key: 'k' }, ANSWER, now)
  expect(idempotency.find({ actor: 'a', key: 'k' }, now + 23 * HOUR_MS)).toMatchObject(ANSWER)
  expect(idempotency.find({ actor: 'b', key: 'k' }, now)).toBeUndefined()
  expect(idempotency.find({ actor: 'a', key: 'k' }, now + 25 * HOUR_MS)).toBeUndefined()
  idempotency.add({ actor: 'a', key: 'k' }, { ...ANSWER, status: 201 }, now + 25 * HOUR_MS)
  expect(idempotency.find({ actor: 'a', key: 'k' }, now + 25 * HOUR_MS)?.status).toBe(201)
  idempotency.add({ actor: 'b', key: 'k' }, ANSWER, now + 60 * HOUR_MS)
  expect(rows()).toBe(1)
})

test('an actor has a bounded number of them, and does not use up those of others', () => {
  const { idempotency } = store
  const now = Date.now()
  idempotency.add({ actor: 'b', key: 'mine' }, ANSWER, now)
  for (let n = 0; n < 1_100; n++) idempotency.add({ actor: 'a', key: `k${n}` }, ANSWER, now + n)
  expect(rows()).toBe(1_001)
  expect(idempotency.find({ actor: 'a', key: 'k0' }, now)).toBeUndefined()
  expect(idempotency.find({ actor: 'a', key: 'k1099' }, now)).toBeDefined()
  expect(idempotency.find({ actor: 'b', key: 'mine' }, now)).toBeDefined()
})
