import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TelemetryFile } from '../telemetry/telemetry-file.ts'
import { UsageRegistry } from '../telemetry/usage.ts'
import { USAGE_SCHEMA, UsageStore } from '../telemetry/usage-store.ts'
import { testApi } from '../testing/test-api.ts'
import { type Caller, OWNER } from './access.ts'
import type { UsageDocument } from './usage-routes.ts'

const HOUR_MS = 3_600_000
const FROM = Date.UTC(2026, 9, 30, 22)
const RANGE = 'from=2026-10-30&to=2026-11-02'

const dir = mkdtempSync(join(tmpdir(), 'functions-usage-api-'))
mkdirSync(join(dir, 'bundles'))
const { api, store } = testApi(dir)

/** Four hours over midnight, two projects, two functions each. */
beforeAll(() => {
  let date = FROM
  const registry = new UsageRegistry(undefined, () => date)
  const file = new TelemetryFile(join(dir, 'metrics.db'), USAGE_SCHEMA, () => {})
  const usage = new UsageStore(file, registry, Number.MAX_SAFE_INTEGER, () => {})
  for (let hour = 0; hour < 4; hour++) {
    for (const project of ['shop', 'blog']) {
      for (const name of ['a', 'b']) {
        const of = registry.of(project, name)
        of.answered('ok', 10)
        of.answered('TIMEOUT', 0)
        of.worked(1500, 2_000_000)
      }
    }
    date += HOUR_MS
  }
  // Rows are pruned by the clock of the machine, which is later.
  usage.flush()
  file.close()
  for (const name of ['shop', 'blog']) store.projects.create(name)
})
afterAll(() => {
  store.close()
  rmSync(dir, { recursive: true })
})

async function get(path: string, caller: Caller = OWNER) {
  const response = await api(new Request(`http://functions${path}`), caller)
  const next = /^<([^>]+)>/.exec(response.headers.get('link') ?? '')?.[1]
  return { status: response.status, body: await response.json(), next }
}

const rowsOf = async (path: string) => (await get(path)).body as UsageDocument[]

test('rows are by hour, project and function', async () => {
  const rows = await rowsOf(`/v1/usage?${RANGE}`)
  expect(rows).toHaveLength(16)
  expect(rows[0]).toMatchObject({
    project: 'blog',
    function: 'a',
    hour: '2026-10-30T22:00:00.000Z',
    invocations: 2,
    failed: 1,
    cpuMs: 1.5,
    byteSeconds: 2000,
    responseBytes: 10,
    outcomes: { ok: 1, TIMEOUT: 1 },
  })
})

test.each([
  ['by=day', 8, 4, '2026-10-30T00:00:00.000Z'],
  ['group=project', 8, 4, '2026-10-30T22:00:00.000Z'],
  ['by=day&group=project', 4, 8, '2026-10-30T00:00:00.000Z'],
])('%s adds up', async (query, count, invocations, hour) => {
  const rows = await rowsOf(`/v1/usage?${RANGE}&${query}`)
  expect(rows).toHaveLength(count)
  expect(rows[0]).toMatchObject({
    hour,
    invocations,
    outcomes: { ok: invocations / 2, TIMEOUT: invocations / 2 },
  })
})

test.each(['', '&by=day', '&group=project'])('pages%s have each row once', async (query) => {
  const whole = await rowsOf(`/v1/usage?${RANGE}${query}`)
  const paged: UsageDocument[] = []
  for (let path: string | undefined = `/v1/usage?${RANGE}${query}&limit=3`; path !== undefined; ) {
    const { body, next } = await get(path)
    paged.push(...(body as UsageDocument[]))
    path = next
  }
  expect(paged).toEqual(whole)
})

test('a range begins with its first hour, and ends before its last', async () => {
  const query = 'from=2026-10-30T23:00:00Z&to=2026-10-31T00:00:00%2B00:00&group=project'
  const rows = await rowsOf(`/v1/usage?${query}`)
  expect(rows.map(({ hour }) => hour)).toEqual(Array(2).fill('2026-10-30T23:00:00.000Z'))
})

describe('a project', () => {
  const tenant: Caller = { ...OWNER, name: 'ci', role: 'viewer', project: 'shop' }

  test('sees its own usage', async () => {
    for (const path of ['/v1/projects/shop/usage?', '/v1/usage?project=shop&']) {
      const rows = await rowsOf(`${path}${RANGE}`)
      expect(rows).toHaveLength(8)
      expect(new Set(rows.map(({ project }) => project))).toEqual(new Set(['shop']))
    }
    const { body } = await get(`/v1/usage?${RANGE}`, tenant)
    expect(new Set((body as UsageDocument[]).map(({ project }) => project))).toEqual(
      new Set(['shop']),
    )
  })

  test('does not see that of another, and not whether there is one', async () => {
    for (const path of ['/v1/projects/NAME/usage', '/v1/usage?project=NAME']) {
      const [other, missing] = await Promise.all(
        ['blog', 'none'].map(async (name) => {
          const { status, body } = await get(path.replace('NAME', name), tenant)
          return [status, (body as { detail: string }).detail.replace(name, 'NAME')]
        }),
      )
      expect(other).toEqual([404, "Project 'NAME' does not exist."])
      expect(missing).toEqual(other as never)
    }
  })
})

test.each([
  'from=yesterday',
  'to=2026-13-01',
  'from=2026-01-01T00:00:00',
  'from=-1',
  'from=2026-02-01&to=2026-01-01',
  'by=minute',
  'limit=0',
  'limit=1e9',
  'cursor=none',
  `cursor=${Buffer.from('["a",1,2]').toString('base64url')}`,
])('%s is refused', async (query) => {
  expect((await get(`/v1/usage?${query}`)).status).toBe(400)
})
