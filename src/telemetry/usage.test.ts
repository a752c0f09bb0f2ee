import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { usedBytes } from './database.ts'
import { TelemetryFile } from './telemetry-file.ts'
import { UsageRegistry } from './usage.ts'
import { USAGE_SCHEMA, UsageStore, usageBytes } from './usage-store.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

let dir: string
let date: number
let failures: unknown[]

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-usage-'))
  date = Date.now()
  date -= date % HOUR_MS
  failures = []
})
afterEach(() => rmSync(dir, { recursive: true }))

/** One process that counts and writes. */
function open(path = join(dir, 'metrics.db'), maxAgeMs = 400 * DAY_MS) {
  const registry = new UsageRegistry(
    () => store.wake(),
    () => date,
  )
  const file = new TelemetryFile(path, USAGE_SCHEMA, (_, __, reason) => failures.push(reason))
  const store: UsageStore = new UsageStore(file, registry, maxAgeMs, (e) => failures.push(e))
  return { registry, store, file }
}

function rows(sql: string): unknown[] {
  const db = new Database(join(dir, 'metrics.db'))
  const all = db.query(sql).all()
  db.close()
  return all
}

const SUMS =
  'SELECT project, function, (hour - (SELECT min(hour) FROM usage)) / 3600000 AS hour, invocations AS n FROM usage ORDER BY hour, project, function'

test('everything is added up by project, function and hour, and by outcome', () => {
  const { registry, store } = open()
  for (let round = 0; round < 3; round++) {
    const usage = registry.of('acme', 'api')
    usage.answered('ok', 100)
    usage.answered('TIMEOUT', 20)
    usage.ended(1.5, true)
    usage.ended(2, false)
    usage.worked(1500, 64_000)
    usage.egress(2, 300)
    usage.logged(7)
    store.flush()
    store.flush()
  }
  expect(rows('SELECT * FROM usage')).toEqual([
    {
      project: 'acme',
      function: 'api',
      hour: date,
      invocations: 6,
      failed: 3,
      cpu_us: 4500,
      wall_us: 10_500,
      byte_seconds: 192,
      egress_requests: 6,
      egress_bytes: 900,
      response_bytes: 360,
      cold_starts: 3,
      log_bytes: 21,
    },
  ])
  expect(rows('SELECT outcome, count FROM usage_outcomes ORDER BY outcome')).toEqual([
    { outcome: 'TIMEOUT', count: 3 },
    { outcome: 'ok', count: 3 },
  ])
  expect(failures).toEqual([])
})

test('what is counted before the hour ends belongs to it, also when the clock jumps', () => {
  const { registry, store } = open()
  const usage = registry.of('acme', 'api')
  usage.answered('ok', 0)
  date += HOUR_MS
  usage.answered('ok', 0)
  usage.answered('ok', 0)
  date -= HOUR_MS
  usage.answered('ok', 0)
  store.flush()
  expect(rows(SUMS)).toEqual([
    { project: 'acme', function: 'api', hour: 0, n: 2 },
    { project: 'acme', function: 'api', hour: 1, n: 2 },
  ])
})

test('two processes that write at once during a hand-over lose and repeat nothing', () => {
  const before = open()
  const after = open()
  for (let i = 0; i < 50; i++) {
    before.registry.of('acme', 'api').answered('ok', 1)
    after.registry.of('acme', 'api').answered('ok', 1)
    before.store.flush()
    after.registry.of('acme', 'api').answered('ok', 1)
    after.store.flush()
  }
  expect(rows(SUMS)).toEqual([{ project: 'acme', function: 'api', hour: 0, n: 150 }])
})

test('functions of the same name in two projects are apart', () => {
  const { registry, store } = open()
  registry.of('a', 'b').answered('ok', 0)
  registry.of('b', 'b').answered('ok', 0)
  registry.of('b', 'b').answered('ok', 0)
  store.flush()
  expect(rows(SUMS)).toEqual([
    { project: 'a', function: 'b', hour: 0, n: 1 },
    { project: 'b', function: 'b', hour: 0, n: 2 },
  ])
})

test('it is written within a second without a request for it, and only when something changed', async () => {
  const { registry, file } = open()
  registry.of('acme', 'api').answered('ok', 0)
  await Bun.sleep(900)
  expect(rows(SUMS)).toHaveLength(1)
  const version = () => file.use((db) => db.query('PRAGMA data_version').get())
  const before = version()
  await Bun.sleep(900)
  expect(version()).toEqual(before)
})

test('a database that cannot be written costs nothing', () => {
  const folder = join(dir, 'later')
  const { registry, store } = open(join(folder, 'metrics.db'))
  const usage = registry.of('acme', 'api')
  usage.answered('ok', 5)
  store.flush()
  expect(failures).toHaveLength(1)
  usage.answered('ok', 5)
  mkdirSync(folder)
  store.flush()
  store.flush()
  const db = new Database(join(folder, 'metrics.db'))
  expect(
    db.query('SELECT sum(invocations) AS n, sum(response_bytes) AS b FROM usage').get(),
  ).toEqual({ n: 2, b: 10 })
  db.close()
})

test('10,000 functions are written in parts, each once, and leave memory', async () => {
  const { registry, store } = open()
  const usages = Array.from({ length: 10_000 }, (_, i) => registry.of(`p${i % 100}`, `f${i}`))
  for (const usage of usages) usage.answered('ok', 1)
  await Bun.sleep(550)
  for (const usage of usages) usage.answered('ok', 1)
  store.flush()
  expect(registry.size).toBe(0)
  expect(rows('SELECT count(*) AS n, sum(invocations) AS sum FROM usage')).toEqual([
    { n: 10_000, sum: 20_000 },
  ])
})

test('its size is known roughly, so that it leaves the room of the metrics alone', () => {
  const { registry, store, file } = open()
  for (let i = 0; i < 20_000; i++)
    registry.of(`project-${i % 50}`, `function-${i}`).answered('ok', 1)
  store.flush()
  const used = file.use(usedBytes)
  const guess = file.use(usageBytes)
  expect(guess).toBeGreaterThan(0.7 * used)
  expect(guess).toBeLessThan(1.5 * used)
})

test('rows go when they are old', () => {
  const { registry, store } = open(undefined, 2 * HOUR_MS)
  const usage = registry.of('acme', 'api')
  date -= 5 * HOUR_MS
  usage.answered('ok', 0)
  date += 5 * HOUR_MS
  usage.answered('ok', 0)
  store.flush()
  expect(rows(SUMS)).toHaveLength(1)
  expect(rows('SELECT * FROM usage_outcomes')).toHaveLength(1)
})

test('what limits refused is counted by its name', () => {
  const { registry } = open()
  registry.of('acme', 'api').limited('rps')
  registry.of('acme', 'api').limited('rps')
  registry.of('acme', 'api').limited('concurrent')
  expect([...registry.allLimited]).toEqual([
    { project: 'acme', functionName: 'api', limit: 'rps', count: 2 },
    { project: 'acme', functionName: 'api', limit: 'concurrent', count: 1 },
  ])
})
