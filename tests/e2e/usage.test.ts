/** What is counted for bills, by the real executable. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { stopNow, Workspace } from './harness.ts'
import { usageRounds } from './usage-rounds.ts'

const ROUNDS = Number(process.env.FUNCTIONS_TEST_USAGE_ROUNDS ?? 4)

const space = new Workspace()

const SOURCE = `export default async (request, context) => {
  const { pathname } = new URL(request.url)
  if (pathname === '/fail') throw new Error('no')
  if (pathname === '/long') return new Response('x'.repeat(1_000_000))
  if (pathname === '/log') console.log('x'.repeat(100))
  if (pathname === '/burn') { const end = performance.now() + 200; while (performance.now() < end); }
  return new Response('hello')
}`

interface Row {
  project: string
  function: string
  hour: string
  invocations: number
  failed: number
  cpuMs: number
  wallMs: number
  byteSeconds: number
  responseBytes: number
  coldStarts: number
  logBytes: number
  outcomes: Record<string, number>
}

async function usage(...flags: string[]): Promise<Row[]> {
  const { stdout, stderr, exitCode } = await space.command('usage', '--json', ...flags)
  expect([exitCode, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

const sum = (rows: Row[], key: 'invocations' | 'failed' | 'cpuMs' | 'coldStarts') =>
  rows.reduce((total, row) => total + row[key], 0)

beforeAll(async () => {
  await space.deploy('api', SOURCE)
  await space.command('project', 'create', 'shop')
  await space.deploy('api', SOURCE, '--project', 'shop')
})
afterAll(() => space.remove())

describe('without a kill', () => {
  test('the counts are equal to the client’s, over restarts and a stop', async () => {
    const sent = { default: 0, shop: 0 }
    const service = await space.serve()
    const call = async (project: 'default' | 'shop', path = '') => {
      sent[project]++
      const response = await service.fetch(`/projects/${project}/functions/api${path}`)
      await response.bytes()
      return response.status
    }
    let stopped = false
    const clients = (['default', 'shop', 'shop', 'default'] as const).map(async (project) => {
      while (!stopped) await call(project)
    })
    const restarts = async () => {
      for (let i = 0; i < 2; i++) {
        const { exitCode, stderr } = await space.command('restart')
        expect([exitCode, stderr]).toEqual([0, ''])
      }
    }
    await restarts()
    stopped = true
    await Promise.all(clients)
    expect(await call('shop', '/fail')).toBe(500)
    expect(await call('shop', '/log')).toBe(200)
    expect(await call('shop', '/long')).toBe(200)
    const rows = await usage()
    for (const project of ['default', 'shop'] as const) {
      const own = rows.filter((row) => row.project === project)
      expect([project, sum(own, 'invocations')]).toEqual([project, sent[project]])
    }
    const shop = await usage('--project', 'shop')
    expect(shop.every(({ project }) => project === 'shop')).toBe(true)
    expect(sum(shop, 'failed')).toBe(1)
    const [last] = shop.slice(-1) as [Row]
    expect(last.outcomes).toMatchObject({ HANDLER_ERROR: 1 })
    expect(last.responseBytes).toBeGreaterThan(1_000_000)
    expect(last.logBytes).toBeGreaterThanOrEqual(100)
    await stopNow(space)
    // Without a service, the command reads the same.
    const after = await usage()
    expect(sum(after, 'invocations')).toBe(sent.default + sent.shop)
  }, 120_000)

  test('by day and as CSV it is the same', async () => {
    const hours = await usage()
    const days = await usage('--by', 'day')
    expect(sum(days, 'invocations')).toBe(sum(hours, 'invocations'))
    const { stdout } = await space.command('usage', '--csv')
    const [head, ...lines] = stdout.trimEnd().split('\r\n')
    expect(head).toStartWith('project,function,hour,invocations,failed,cpuMs,')
    expect(lines).toHaveLength(hours.length)
    expect(await usage('--to', '2020-01-01', '--from', '2019-01-01')).toEqual([])
  })

  test.each([
    '--from yesterday',
    '--from 2026-02-30T99:00:00Z',
    '--by week',
    '--from 2026-02-01 --to 2026-01-01',
    '--project missing',
  ])('%s is refused', async (given) => {
    const { exitCode, stderr } = await space.command('usage', ...given.split(' '))
    expect(exitCode).toBeGreaterThan(0)
    expect(stderr).not.toBe('')
  })
})

test('CPU time is that of the processes', async () => {
  const before = sum(await usage('--project', 'shop'), 'cpuMs')
  const service = await space.serve()
  for (let i = 0; i < 3; i++)
    await (await service.fetch('/projects/shop/functions/api/burn')).text()
  const [worker] = (await service.workers()).filter(({ invocations }) => invocations > 0)
  const stat = await Bun.file(`/proc/${worker?.pid}/schedstat`).text()
  const kernelMs = Number(stat.split(' ')[0]) / 1e6
  await service.stop()
  const counted = sum(await usage('--project', 'shop'), 'cpuMs') - before
  expect(counted).toBeGreaterThanOrEqual(kernelMs)
  expect(counted).toBeLessThan(kernelMs + 2_000)
}, 60_000)

test(
  `after ${ROUNDS} rounds of kill -9: answered a second before <= counted <= sent`,
  async () => {
    const { sent, safe, counted } = await usageRounds(ROUNDS, 1)
    expect(safe).toBeLessThanOrEqual(counted)
    expect(counted).toBeLessThanOrEqual(sent)
    expect(counted).toBeGreaterThan(0)
  },
  60_000 + ROUNDS * 20_000,
)

test('names that do not exist are 404 each, and leave no row, no worker and no memory', async () => {
  const count = Number(process.env.FUNCTIONS_TEST_UNKNOWN_NAMES ?? 20_000)
  const service = await space.serve()
  const resident = async () =>
    Number(
      /^VmRSS:\s+(\d+)/m.exec(await Bun.file(`/proc/${service.process.pid}/status`).text())?.[1],
    )
  const rows = (file: string, table: string) => {
    const db = openTestDatabase(join(space.dataDir, file))
    const row = db.query(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }
    db.close()
    return row.n
  }
  const counts = () => [rows('metadata.db', 'projects'), rows('metadata.db', 'functions')]
  const before = counts()
  let next = 0
  const some = async (until: number) => {
    while (next < until) {
      const n = next++
      const path = n % 2 === 0 ? `/functions/no-${n}` : `/projects/no-${n}/functions/api`
      const response = await service.fetch(path)
      await response.text()
      expect(response.status).toBe(404)
    }
  }
  const all = (until: number) => Promise.all(Array.from({ length: 16 }, () => some(until)))
  await all(count / 2)
  const half = await resident()
  await all(count)
  const whole = await resident()
  // Twice as many names take no more memory, but for what the garbage collector has not freed.
  expect(whole - half).toBeLessThan(40_000)
  expect(counts()).toEqual(before)
  expect(await service.workers()).toEqual([])
  const metrics = await service.metrics()
  expect(metrics).not.toContain('no-')
  await service.stop()
  expect((await usage()).filter(({ project }) => project.startsWith('no-'))).toEqual([])
}, 600_000)
