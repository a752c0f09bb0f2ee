/** What reaches the audit of changes and refusals, with the whole API on a real data directory. */
import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testApi } from '../testing/test-api.ts'
import { type Caller, OWNER } from './access.ts'
import type { Api } from './api.ts'

let dir: string
let made: ReturnType<typeof testApi>
let api: Api

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-audit-'))
  made = testApi(dir)
  api = made.api
})

afterEach(() => {
  made.store.close()
  rmSync(dir, { recursive: true })
})

const ofShop: Caller = {
  ...OWNER,
  name: 'shop/ci',
  role: 'viewer',
  project: 'shop',
  address: '192.0.2.7',
}

async function send(method: string, path: string, body?: object, caller: Caller = OWNER) {
  const headers = { 'content-type': 'application/json' }
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
  return (await api(new Request(`http://functions${path}`, init), caller)).status
}

function entries(): Record<string, unknown>[] {
  made.store.audit.flush(false)
  const db = new Database(join(dir, 'metadata.db'))
  const rows = db.query('SELECT * FROM audit ORDER BY id').all() as Record<string, unknown>[]
  db.close()
  return rows
}

test('every route has an operation of its own, which is what the audit calls it', async () => {
  const response = await api(new Request('http://functions/openapi.json'))
  const { paths } = (await response.json()) as {
    paths: Record<string, Record<string, { operationId?: string }>>
  }
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => [`${method} ${path}`, operationId]),
  )
  for (const [route, operation] of routes)
    expect([route, operation]).toEqual([route, expect.stringMatching(/^\w+\.\w+$/)])
  expect(new Set(routes.map(([, operation]) => operation)).size).toBe(routes.length)
})

test('a change has who, from where, what and of what', async () => {
  expect(await send('POST', '/v1/projects', { name: 'shop' })).toBe(201)
  expect(await send('PATCH', '/v1/projects/shop', { state: 'suspended' })).toBe(200)
  const caller: Caller = { ...OWNER, name: 'boss', address: '192.0.2.1' }
  const token = { name: 'ci', role: 'viewer', scope: 'project:shop' }
  expect(await send('POST', '/v1/tokens', token, caller)).toBe(201)
  expect(entries()).toMatchObject([
    { actor: 'socket', address: null, action: 'project.create', outcome: 'done', count: 1 },
    {
      action: 'project.set',
      project: 'shop',
      details_json: '{"state":"suspended"}',
    },
    {
      actor: 'boss',
      address: '192.0.2.1',
      action: 'token.create',
      details_json: '{"token":"shop/ci","role":"viewer"}',
    },
  ])
})

test('what is refused and what fails is counted, reads only where they are refused', async () => {
  await send('POST', '/v1/projects', { name: 'shop' })
  for (let i = 0; i < 3; i++)
    expect(await send('DELETE', '/v1/projects/shop/functions/a', undefined, ofShop)).toBe(403)
  expect(await send('GET', '/v1/projects/other/functions', undefined, ofShop)).toBe(404)
  expect(await send('GET', '/v1/projects/shop/functions/none', undefined, ofShop)).toBe(404)
  expect(await send('GET', '/v1/projects/shop', undefined, ofShop)).toBe(200)
  expect(await send('DELETE', '/v1/projects/shop/functions/none')).toBe(404)
  expect(await send('POST', '/v1/projects', { name: 'shop' })).toBe(409)
  expect(await send('POST', '/v1/nothing', {})).toBe(400)
  expect(entries().slice(1)).toMatchObject([
    {
      actor: 'shop/ci',
      address: '192.0.2.7',
      project: 'shop',
      action: 'function.delete',
      object: 'a',
      outcome: 'refused',
      details_json: '{"code":"FORBIDDEN"}',
      count: 3,
    },
    // It is no business of the other project.
    { project: 'shop', object: 'other', action: 'function.list', outcome: 'refused' },
    { action: 'function.delete', object: 'none', outcome: 'failed', count: 1 },
    { action: 'project.create', outcome: 'failed', details_json: '{"code":"CONFLICT"}' },
    { action: 'POST unknown', outcome: 'failed' },
  ])
})

test('names of any length and form are cut, and are data', async () => {
  const name = `${'x'.repeat(5000)}'; DROP TABLE audit; --`
  expect(await send('DELETE', `/v1/projects/shop/functions/${encodeURIComponent(name)}`)).toBe(400)
  expect(entries()).toMatchObject([{ object: 'x'.repeat(100), outcome: 'failed' }])
})
