import { Database } from 'bun:sqlite'
import { afterAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { DURATION_BUCKETS_MS, MetricsRegistry } from './counters.ts'
import { usedBytes } from './database.ts'
import { type LogEntry, LogStore } from './log-store.ts'
import { METRICS_SCHEMA, MetricStore } from './metric-store.ts'
import { prometheusText } from './prometheus.ts'
import { ServiceLog } from './service-log.ts'
import { Telemetry } from './telemetry.ts'
import { TelemetryFile } from './telemetry-file.ts'

const subject = (functionName: string, version: string) => ({
  project: 'default',
  functionName,
  version,
})

const dir = mkdtempSync(join(tmpdir(), 'functions-telemetry-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const DAY_MS = 86_400_000
const RETENTION = { maxAgeMs: DAY_MS, maxBytes: 100 * 2 ** 20 }

const fails = (error: unknown) => {
  throw error
}
const FAILS = { failed: fails, lost: fails, setAside: fails }

function entry(fields: Partial<LogEntry> = {}): LogEntry {
  const time = Date.now()
  return {
    time,
    function: 'f',
    version: 'v1',
    level: 'info',
    requestId: 'r',
    message: '',
    ...fields,
  }
}

describe('logs', () => {
  test('are read back as written, the newest first, each function its own', () => {
    const store = new LogStore(join(dir, 'a.db'), RETENTION, FAILS)
    const first = entry({ message: 'one\0two \ud83d\ude00' })
    const second = entry({ message: '2', level: 'error' })
    for (const one of [first, entry({ function: 'g' }), second]) store.add(one)
    store.flush()
    expect(store.recent('f', 10)).toEqual([second, first])
    expect(store.recent('f', 1)).toEqual([second])
    store.close()
  })

  test('are written within a second without being asked, and at the close', async () => {
    const path = join(dir, 'b.db')
    const store = new LogStore(path, RETENTION, FAILS)
    expect(existsSync(path)).toBe(false)
    store.add(entry())
    await Bun.sleep(900)
    store.add(entry())
    store.close()
    const db = new Database(path)
    expect(db.query('SELECT count(*) AS n FROM logs').get()).toEqual({ n: 2 })
    db.close()
  })

  test('go when they are old', () => {
    const store = new LogStore(join(dir, 'c.db'), RETENTION, FAILS)
    store.add(entry({ time: Date.now() - 2 * DAY_MS, message: 'old' }))
    store.add(entry({ message: 'new' }))
    store.flush()
    expect(store.recent('f', 10).map((one) => one.message)).toEqual(['new'])
    store.close()
  })

  test('never outgrow their size by much, and the oldest go first', () => {
    const path = join(dir, 'd.db')
    const maxBytes = 2 ** 20
    const store = new LogStore(path, { ...RETENTION, maxBytes }, FAILS)
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 1_000; i++) {
        store.add(entry({ message: `${round} ${'x'.repeat(1_000)}` }))
      }
      store.flush()
    }
    expect(store.recent('f', 1)[0]?.message).toStartWith('7 ')
    store.close()
    const db = new Database(path)
    expect(usedBytes(db)).toBeLessThan(3 * maxBytes)
    db.close()
  })

  test('that cannot be written now are reported, kept, and written later', () => {
    const errors: unknown[] = []
    const folder = join(dir, 'no')
    const store = new LogStore(join(folder, 'e.db'), RETENTION, {
      ...FAILS,
      failed: (error) => errors.push(error),
    })
    store.add(entry({ message: 'early' }))
    store.flush()
    expect(errors).toHaveLength(1)
    mkdirSync(folder)
    store.add(entry({ message: 'late' }))
    store.flush()
    expect(store.recent('f', 10).map(({ message }) => message)).toEqual(['late', 'early'])
    store.close()
  })

  test('that are lost at the end are counted', () => {
    const lost: number[] = []
    const store = new LogStore(join(dir, 'never/f.db'), RETENTION, {
      failed: () => {},
      lost: (count) => lost.push(count),
      setAside: fails,
    })
    for (let i = 0; i < 7; i++) store.add(entry())
    store.close()
    expect(lost).toEqual([7])
  })

  test('that are too many are counted exactly, each function its own', () => {
    const lost: number[] = []
    const store = new LogStore(join(dir, 'g.db'), RETENTION, {
      ...FAILS,
      lost: (count) => lost.push(count),
    })
    let kept = 0
    for (let i = 0; i < 50_000; i++) {
      if (store.add(entry({ function: i % 2 === 0 ? 'f' : 'g' }))) kept++
    }
    store.countLost('f', 'v1', 5_000_000_000, 'the function logs too fast')
    store.flush()
    const messages = (name: string) => store.recent(name, 100_000).map(({ message }) => message)
    expect([...messages('f'), ...messages('g')].filter((text) => text === '')).toHaveLength(kept)
    const each = (50_000 - kept) / 2
    const dropped = `${each} log lines were dropped: more waited to be written than the service keeps`
    expect(messages('f')).toContain(dropped)
    expect(messages('f')).toContain('5000000000 log lines were dropped: the function logs too fast')
    expect(messages('g')[0]).toBe(dropped)
    expect(lost).toEqual([50_000 - kept])
    // And by their size.
    const large = entry({ message: 'x'.repeat(2 ** 20) })
    const admitted = Array.from({ length: 40 }, () => store.add(large)).filter(Boolean)
    expect(admitted).toHaveLength(32)
    store.close()
  })
})

describe('metrics', () => {
  test('add up over flushes and restarts', () => {
    const path = join(dir, 'm.db')
    for (let life = 0; life < 2; life++) {
      const book = new MetricsRegistry()
      const counters = book.of(subject('f', 'v1'))
      const file = new TelemetryFile(path, METRICS_SCHEMA, fails)
      const store = new MetricStore(file, book, RETENTION, fails)
      counters.record('ok', 3, 500)
      store.flush()
      counters.record('TIMEOUT', 40_000, 100)
      counters.record('ok', 0.5, 1)
      store.flush()
      store.flush()
      file.close()
    }
    const db = new Database(path)
    const sum = db
      .query(
        'SELECT sum(invocations) AS n, sum(errors) AS e, sum(duration_ms_sum) AS d, sum(cpu_us_sum) AS c FROM function_metrics',
      )
      .get()
    expect(sum).toEqual({ n: 6, e: 2, d: 80_007, c: 1_202 })
    const outcomes = db
      .query('SELECT outcome, sum(count) AS n FROM function_outcomes GROUP BY outcome ORDER BY 1')
      .all()
    expect(outcomes).toEqual([
      { outcome: 'TIMEOUT', n: 2 },
      { outcome: 'ok', n: 4 },
    ])
    const rows = db.query('SELECT duration_buckets_json AS b FROM function_metrics').all() as {
      b: string
    }[]
    const total = new Array(DURATION_BUCKETS_MS.length + 1).fill(0)
    for (const { b } of rows) {
      JSON.parse(b).forEach((count: number, index: number) => {
        total[index] += count
      })
    }
    expect(total[0]).toBe(2)
    expect(total[2]).toBe(2)
    expect(total.at(-1)).toBe(2)
    db.close()
  })

  test('are shown as Prometheus reads them', () => {
    const book = new MetricsRegistry()
    book.of(subject('f', 'v1')).record('ok', 3, 1_500_000)
    book.of(subject('f', 'v1')).record('TIMEOUT', 60_000, 0)
    const gauges = {
      workers: { ready: 2 },
      queued: 1,
      inFlight: 3,
      residentBytes: 4,
      uptimeSeconds: 5,
    }
    const text = prometheusText(book, gauges)
    expect(text).toContain(
      'functions_invocations_total{project="default",function="f",version="v1",outcome="ok"} 1\n',
    )
    expect(text).toContain(
      'functions_cpu_seconds_total{project="default",function="f",version="v1"} 1.5\n',
    )
    expect(text).toContain('_bucket{project="default",function="f",version="v1",le="0.0025"} 0\n')
    expect(text).toContain('_bucket{project="default",function="f",version="v1",le="0.005"} 1\n')
    expect(text).toContain('_bucket{project="default",function="f",version="v1",le="+Inf"} 2\n')
    expect(text).toContain(
      'functions_log_lines_dropped_total{project="default",function="f",version="v1"} 0\n',
    )
    expect(text).toContain('functions_workers{state="ready"} 2\n')
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{[^}]+\})? [\d.e+-]+)$/)
    }
  })
})

test('the operator sees what is wrong with the data directory, not what the tenant said', () => {
  const lines: string[] = []
  const dataDir = mkdtempSync(join(dir, 'told-'))
  const serviceLog = new ServiceLog((line) => lines.push(line))
  const telemetry = new Telemetry({
    dataDir,
    limits: { logs: RETENTION, metrics: RETENTION, usage: RETENTION },
    serviceLog,
  })
  const about = subject('f', 'v1')
  const cause = new FunctionError('STORAGE_UNUSABLE', 'the bundle is gone')
  const lost = new FunctionError('BUNDLE_LOAD_ERROR', 'the bundle is gone', { cause })
  telemetry.failed(about, 'r1', new FunctionError('BUNDLE_LOAD_ERROR', 'again', { cause: lost }))
  telemetry.failed(about, 'r2', new FunctionError('HANDLER_ERROR', 'secret', { stack: 'at a' }))
  telemetry.close()
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    requestId: 'r1',
    reason: 'the bundle is gone',
  })
  expect(lines[1]).toContain('r2')
  expect(lines[1]).not.toContain('secret')
})

test('the service log is one JSON object a line, and cannot be flooded', async () => {
  const lines: string[] = []
  const log = new ServiceLog((line) => lines.push(line))
  log.info('started', { url: 'http://x', nothing: undefined })
  log.error('failed', new Error('why\nnot'))
  const parsed = lines.map((line) => JSON.parse(line))
  expect(parsed[0]).toMatchObject({ level: 'info', message: 'started', url: 'http://x' })
  expect(parsed[1]).toMatchObject({ level: 'error', error: 'why\nnot' })
  expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true)
  for (let i = 0; i < 500; i++) log.warn('again')
  expect(lines.length).toBeLessThan(150)
  await Bun.sleep(1_001)
  log.info('later')
  expect(lines.join('')).toMatch(/log lines were dropped.*"count":\d+/)
})
