import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OpenAPIHono } from '@hono/zod-openapi'
import { FunctionError } from '../errors.ts'
import { MetadataStore } from '../metadata/store.ts'
import { type Caller, OWNER } from './access.ts'
import { addIdempotency } from './idempotency.ts'
import { adminProblem } from './problem.ts'

let dir: string
let store: MetadataStore
let app: OpenAPIHono
let changes: string[]
let failing: FunctionError | undefined

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-idempotency-'))
  store = MetadataStore.open(dir)
  changes = []
  failing = undefined
  app = new OpenAPIHono()
  addIdempotency(app, store.idempotency)
  app.post('/change', async (c) => {
    const body = await c.req.text()
    await Bun.sleep(1)
    if (failing !== undefined) throw failing
    changes.push(body)
    return c.json({ change: changes.length }, 201)
  })
  app.post('/form', async (c) => {
    const form = await c.req.raw.formData()
    changes.push(String(form.get('a')))
    return c.json({ change: changes.length }, 200)
  })
  app.post('/token', (c) => {
    changes.push('token')
    return c.json({ token: `fn_${changes.length}` }, 201, { 'cache-control': 'no-store' })
  })
  app.delete('/change', (c) => {
    changes.push('')
    return c.body(null, 204)
  })
  app.onError((error) => adminProblem(error))
})

afterEach(() => {
  store.close()
  rmSync(dir, { recursive: true })
})

async function send(
  path: string,
  { key = 'key', body = 'b' as string | FormData, method = 'POST', caller = OWNER as Caller } = {},
) {
  const headers = { 'idempotency-key': key }
  const init = { method, headers, ...(method === 'POST' && { body }) }
  const response = await app.fetch(new Request(`http://api${path}`, init), { caller })
  const type = response.headers.get('content-type')
  return { status: response.status, type, text: await response.text() }
}

test('a repetition has the first answer, and changes nothing', async () => {
  const first = await send('/change')
  expect(first).toMatchObject({ status: 201, text: '{"change":1}' })
  expect(await send('/change')).toEqual(first)
  expect((await send('/change', { key: 'other' })).text).toBe('{"change":2}')
  expect(await send('/change', { method: 'DELETE', key: 'd' })).toMatchObject({ status: 204 })
  expect(await send('/change', { method: 'DELETE', key: 'd' })).toMatchObject({ status: 204 })
  expect(changes).toEqual(['b', 'b', ''])
})

test('at the same time, too', async () => {
  const answers = await Promise.all(Array.from({ length: 10 }, () => send('/change')))
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  expect(changes).toEqual(['b'])
})

test('another request with the same key is refused', async () => {
  await send('/change')
  for (const again of [
    await send('/change', { body: 'c' }),
    await send('/change?a=b'),
    await send('/change', { method: 'DELETE' }),
  ]) {
    expect(again.status).toBe(422)
    expect(JSON.parse(again.text).code).toBe('IDEMPOTENCY_KEY_REUSED')
  }
  expect(changes).toEqual(['b'])
})

test('the same key of another actor is another one', async () => {
  await send('/change')
  const token = { id: 'id', name: 'ci', role: 'admin', createdAt: '' } as Caller['token']
  await send('/change', { caller: { ...OWNER, token } })
  expect(changes).toEqual(['b', 'b'])
})

test('a form is the same whatever its boundary', async () => {
  const form = (value: string) => {
    const data = new FormData()
    data.set('a', value)
    data.set('file', new Blob(['x']), 'x.js')
    return data
  }
  await send('/form', { body: form('1') })
  expect((await send('/form', { body: form('1') })).text).toBe('{"change":1}')
  expect((await send('/form', { body: form('2') })).status).toBe(422)
  expect(changes).toEqual(['1'])
})

test('a refusal is final, and what does not settle the change is not', async () => {
  failing = new FunctionError('CONFLICT', 'It is there.')
  const refused = await send('/change', { key: 'refused' })
  failing = new FunctionError('SHUTTING_DOWN', 'Send it again.')
  expect((await send('/change', { key: 'later' })).status).toBe(503)
  failing = new FunctionError('RATE_LIMITED', 'Send it again.', { retryAfter: 1 })
  expect((await send('/change', { key: 'later' })).status).toBe(429)
  failing = undefined
  expect(await send('/change', { key: 'refused' })).toEqual(refused)
  expect((await send('/change', { key: 'later' })).status).toBe(201)
})

test('neither a token nor what was sent is stored', async () => {
  await send('/token', { key: 'secret-key', body: 'secret-body' })
  await send('/token', { key: 'secret-key', body: 'secret-body' })
  expect(changes).toHaveLength(2)
  await send('/change', { key: 'secret-key', body: 'secret-body' })
  for (const file of readdirSync(dir)) {
    const bytes = readFileSync(join(dir, file))
    for (const text of ['secret-key', 'secret-body', 'fn_1'])
      expect(bytes.includes(text)).toBe(false)
  }
})

test('a key that is none is refused', async () => {
  for (const key of ['a b', 'x'.repeat(256), 'ü'])
    expect((await send('/change', { key })).status).toBe(400)
  expect(changes).toEqual([])
})
