import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addFunctions } from '../testing/data-dir-fixture.ts'
import { testApi } from '../testing/test-api.ts'
import { type Caller, OWNER } from './access.ts'
import { checkDeployLimits } from './deploy-limits.ts'

let dir: string
let made: ReturnType<typeof testApi>

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-limits-'))
  addFunctions(dir, ['a', 'b'], 2)
  made = testApi(dir)
})
afterEach(() => {
  made.store.close()
  rmSync(dir, { recursive: true })
})

async function send(method: string, path: string, body?: object, caller: Caller = OWNER) {
  const headers = { 'content-type': 'application/json' }
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
  const response = await made.api(new Request(`http://functions/v1/projects${path}`, init), caller)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const PROJECT = '/default'
const FUNCTION = '/default/functions/a'

test('each level is set alone, and the lowest is in force', async () => {
  await send('PATCH', PROJECT, { limits: { rps: 10, functions: 5 } })
  const { body } = await send('PATCH', FUNCTION, { limits: { rps: 50, memory: '32MB' } })
  const expected = {
    limits: { rps: 50, memory: 2 ** 25 },
    limitsInForce: {
      rps: { value: 10, level: 'project' },
      memory: { value: 2 ** 25, level: 'function' },
    },
  }
  expect(body).toMatchObject(expected)
  expect((await send('GET', FUNCTION)).body).toMatchObject(expected)
  expect((await send('GET', PROJECT)).body.limits).toEqual({ rps: 10, functions: 5 })
  await send('PATCH', PROJECT, { limits: { rps: null } })
  expect((await send('GET', FUNCTION)).body.limitsInForce).toMatchObject({
    rps: { value: 50, level: 'function' },
  })
})

test('a new project has those that it is created with, and none if one of them is wrong', async () => {
  const limits = { rps: 5, burst: 20, cpuPerDay: '2h' }
  const { status, body } = await send('POST', '', { name: 'shop', limits })
  expect([status, body.limits]).toEqual([201, { rps: 5, burst: 20, cpuPerDay: 7_200_000 }])
  const wrong = await send('POST', '', { name: 'blog', limits: { burst: 20 } })
  expect(wrong.status).toBe(400)
  expect((await send('GET', '/blog')).status).toBe(404)
})

test('a tenant lifts no limit of its own project', async () => {
  const tenant: Caller = { ...OWNER, name: 'boss', role: 'admin', project: 'default' }
  const { status } = await send('PATCH', PROJECT, { limits: { rps: null } }, tenant)
  expect(status).toBe(403)
  expect((await send('PATCH', FUNCTION, { limits: { rps: 1000 } }, tenant)).status).toBe(200)
})

test('the audit has what was set', async () => {
  await send('PATCH', FUNCTION, { limits: { rps: 50 } })
  made.store.audit.flush(false)
  const list = (await made.api(new Request('http://functions/v1/audit'))).json()
  expect(JSON.stringify(await list)).toContain('rps')
})

test('what is kept is limited on each level', () => {
  const { store } = made
  const check = (installation: object, name: string, bytes = 1) =>
    checkDeployLimits(store, installation, { name, project: 'default' }, bytes)
  const total = store.footprint.bundleBytes()
  const own = store.footprint.bundleBytes('default', 'a')
  expect([store.footprint.functions(), store.footprint.functions('shop')]).toEqual([2, 0])
  expect(total).toBeGreaterThan(own)
  expect(() => check({ functions: 2 }, 'a')).not.toThrow()
  expect(() => check({ functions: 2 }, 'new')).toThrow('has 2 functions, and its limit')
  expect(() => check({ storage: total + 1 }, 'a')).not.toThrow()
  expect(() => check({ storage: total }, 'a')).toThrow('limit (storage)')
  expect(() => check({ bundleSize: 5 }, 'a', 6)).toThrow(
    'limit bundleSize of the installation is 5B',
  )
  store.rules.set('a', 'default', { limits: { storage: own } })
  expect(() => check({}, 'a')).toThrow('The bundles of the function')
  expect(() => check({}, 'b')).not.toThrow()
})
