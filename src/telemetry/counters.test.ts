/** The counters of versions that are not in use any more leave memory, and lose nothing in metrics.db. */
import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MetricsRegistry } from './counters.ts'
import { METRICS_SCHEMA, MetricStore } from './metric-store.ts'
import { prometheusText } from './prometheus.ts'
import { TelemetryFile } from './telemetry-file.ts'

const subject = (functionName: string, version: string) => ({
  project: 'default',
  functionName,
  version,
})

const MINUTE_MS = 60_000
const GAUGES = { workers: {}, queued: 0, inFlight: 0, residentBytes: 0, uptimeSeconds: 0 }

let dir: string
let now: number
let registry: MetricsRegistry
let failures: unknown[]

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-counters-'))
  now = 0
  registry = new MetricsRegistry(() => now)
  failures = []
})
afterEach(() => rmSync(dir, { recursive: true }))

function openStore(path = join(dir, 'metrics.db')): MetricStore {
  const retention = { maxAgeMs: 365 * 86_400_000, maxBytes: 2 ** 30 }
  const file = new TelemetryFile(path, METRICS_SCHEMA, () => {})
  return new MetricStore(file, registry, retention, (error) => failures.push(error))
}

const versions = () => [...registry.all()].map(({ version }) => version)

function sums(): { version: string; n: number; errors: number }[] {
  const db = new Database(join(dir, 'metrics.db'))
  const sql =
    'SELECT version, sum(invocations) AS n, sum(errors) AS errors FROM function_metrics GROUP BY version ORDER BY version'
  const rows = db.query(sql).all() as ReturnType<typeof sums>
  db.close()
  return rows
}

describe('a deployment each minute', () => {
  test('for a day keeps a few versions in memory and in /metrics, and every count in metrics.db', () => {
    const store = openStore()
    const minutes = 24 * 60
    let most = 0
    let characters = 0
    let active = registry.hold(subject('f', 'v0'))
    for (let n = 1; n <= minutes; n++) {
      active.counters.record(n % 10 === 0 ? 'TIMEOUT' : 'ok', 1, 1)
      const next = registry.hold(subject('f', `v${n}`))
      active.release()
      active = next
      now += MINUTE_MS
      if (n % 20 === 0) store.flush()
      most = Math.max(most, versions().length)
      if (n % 100 === 0) characters = Math.max(characters, prometheusText(registry, GAUGES).length)
    }
    store.flush()
    expect(failures).toEqual([])
    expect(most).toBeLessThan(40)
    expect(characters).toBeLessThan(100_000)
    const rows = sums()
    expect(rows.reduce((sum, { n }) => sum + n, 0)).toBe(minutes)
    expect(rows.reduce((sum, { errors }) => sum + errors, 0)).toBe(minutes / 10)
  }, 120_000)

  test('without any request leaves nothing behind either', () => {
    for (let n = 0; n < 10_000; n++) {
      registry.hold(subject('f', `v${n}`)).release()
      now += MINUTE_MS
    }
    expect(versions().length).toBeLessThan(20)
  })
})

describe('counters stay', () => {
  test('of a version that is in use, however old it is', () => {
    registry.hold(subject('f', 'old'))
    const other = registry.hold(subject('f', 'other'))
    now += 100 * MINUTE_MS
    other.release()
    registry.sweep()
    expect(versions()).toEqual(['old', 'other'])
  })

  test('of a version that another pool holds: a rollback, a reload', () => {
    const before = registry.hold(subject('f', 'v1'))
    const after = registry.hold(subject('f', 'v1'))
    before.release()
    before.release()
    now += 60 * MINUTE_MS
    registry.sweep()
    expect(versions()).toEqual(['v1'])
    expect(after.counters).toBe(before.counters)
    after.release()
    now += 14 * MINUTE_MS
    registry.sweep()
    expect(versions()).toEqual(['v1'])
    now += MINUTE_MS
    registry.sweep()
    expect(versions()).toEqual([])
  })

  test('until Prometheus has had the time to read the last values', () => {
    const held = registry.hold(subject('f', 'v1'))
    now += 100 * MINUTE_MS
    held.release()
    now += 5 * MINUTE_MS
    registry.sweep()
    expect(prometheusText(registry, GAUGES)).toContain(
      'functions_retries_total{project="default",function="f"',
    )
  })

  test('until metrics.db has them: nothing is lost while it cannot be written', () => {
    const nowhere = openStore(join(dir, 'missing/metrics.db'))
    const held = registry.hold(subject('f', 'v1'))
    held.counters.record('ok', 1, 1)
    held.release()
    nowhere.flush()
    expect(failures).toHaveLength(1)
    now += 60 * MINUTE_MS
    registry.sweep()
    expect(versions()).toEqual(['v1'])
    const store = openStore()
    store.flush()
    now += 2 * MINUTE_MS
    registry.sweep()
    expect(versions()).toEqual([])
    expect(sums()).toEqual([{ version: 'v1', n: 1, errors: 0 }])
  })
})

test('a version that returns after its counters were dropped is added to its rows', () => {
  const store = openStore()
  for (let round = 0; round < 3; round++) {
    const held = registry.hold(subject('f', 'v1'))
    expect(held.counters.invocations).toBe(0)
    held.counters.record('ok', 1, 1)
    held.counters.record('TIMEOUT', 1, 1)
    store.flush()
    held.release()
    now += 20 * MINUTE_MS
    registry.sweep()
    expect(versions()).toEqual([])
    expect(sums()).toEqual([{ version: 'v1', n: 2 * (round + 1), errors: round + 1 }])
  }
  store.flush()
})

test('a late event of a version that is gone is counted, and does not stay', () => {
  registry.of(subject('f', 'gone')).recordSubrequest('ok')
  registry.of(subject('f', 'gone')).recordSubrequest('ok')
  expect(registry.of(subject('f', 'gone')).subrequests.get('ok')).toBe(2)
  now += 20 * MINUTE_MS
  registry.sweep()
  expect(versions()).toEqual([])
})
