/** Each example, bundled as a deployment does and run in the real worker, strict. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash, createHmac } from 'node:crypto'
import { join } from 'node:path'
import { buildBundle } from '../../src/bundles/build.ts'
import { findProject } from '../../src/bundles/project.ts'
import { NAMED_PROFILES } from '../../src/capabilities/profiles.ts'
import { startZygote, type TestZygote } from '../worker/harness.ts'
import type { InvokeOptions } from '../worker/running.ts'
import type { TestWorker } from '../worker/test-worker.ts'

const EXAMPLES = join(import.meta.dir, '../../examples')
const capabilities = { ...NAMED_PROFILES.strict, projectId: 'default' }

let template: TestZygote

beforeAll(async () => {
  template = await startZygote()
})

afterAll(() => template.close())

async function start(name: string, env: Record<string, string> = {}): Promise<TestWorker> {
  const project = findProject(join(EXAMPLES, `${name}.ts`))
  const { code, warnings } = await buildBundle(project, 'quickjs-ng', capabilities)
  expect(warnings).toEqual([])
  return await template.worker({ bundle: code, capabilities, env })
}

const JSON_TYPE: [string, string][] = [['content-type', 'application/json']]

async function send(worker: TestWorker, path: string, options: InvokeOptions = {}) {
  const { status, text, headers, error } = await worker.invoke({
    url: `http://localhost${path}`,
    ...options,
  })
  if (error !== undefined) throw new Error(`${error.message}\n${error.stack}`)
  return { status, text, headers: Object.fromEntries(headers) }
}

describe('jwt', () => {
  const secret = 'a secret of the test'
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const sign = (claims: object, header: object = { alg: 'HS256', typ: 'JWT' }, key = secret) => {
    const text = `${part(header)}.${part(claims)}`
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
  }

  test('accepts only requests with a valid token', async () => {
    const worker = await start('jwt', { JWT_SECRET: secret })
    const ask = async (token?: string) => {
      const headers: [string, string][] = token ? [['authorization', `Bearer ${token}`]] : []
      const { status, text } = await send(worker, '/', { headers })
      return [status, JSON.parse(text).hello ?? JSON.parse(text).error]
    }
    const now = Math.floor(Date.now() / 1000)
    expect(await ask(sign({ sub: 'alice', exp: now + 60 }))).toEqual([200, 'alice'])
    expect(await ask(sign({ sub: 'eve' }, undefined, 'guess'))).toEqual([
      401,
      'the signature is not valid',
    ])
    expect(await ask(sign({ sub: 'eve', exp: now - 1 }))).toEqual([401, 'the token is too old'])
    expect(await ask(sign({ sub: 'eve', nbf: now + 60 }))).toEqual([
      401,
      'the token is not valid yet',
    ])
    const none = `${part({ alg: 'none' })}.${part({ sub: 'eve' })}.`
    expect(await ask(none)).toEqual([401, 'the token is not signed with HS256'])
    for (const broken of [undefined, 'x', 'a.b.c', '..', sign({}).slice(0, -1)]) {
      expect((await ask(broken))[0]).toBe(401)
    }
  })

  test('without a secret lets nobody in', async () => {
    const { status } = await send(await start('jwt'), '/')
    expect(status).toBe(500)
  })
})

test('form-upload', async () => {
  const worker = await start('form-upload')
  const form = new FormData()
  form.set('title', 'Holiday')
  const bytes = new Uint8Array(100_000).map((_, i) => i % 251)
  form.append('photo', new File([bytes], 'a ü.jpg', { type: 'image/jpeg' }))
  form.append('photo', new File(['text'], 'b.txt', { type: 'text/plain' }))
  const encoded = new Response(form)
  const headers: [string, string][] = [['content-type', encoded.headers.get('content-type') ?? '']]
  const body = new Uint8Array(await encoded.arrayBuffer())
  const { status, text } = await send(worker, '/', { method: 'POST', headers, body })
  expect([status, JSON.parse(text)]).toEqual([
    200,
    {
      fields: { title: 'Holiday' },
      files: [
        {
          field: 'photo',
          name: 'a ü.jpg',
          type: 'image/jpeg',
          size: 100_000,
          sha256: createHash('sha256').update(bytes).digest('hex'),
        },
        {
          ...{
            field: 'photo',
            name: 'b.txt',
            size: 4,
            type: expect.stringContaining('text/plain'),
          },
          sha256: createHash('sha256').update('text').digest('hex'),
        },
      ],
    },
  ])
  expect((await send(worker, '/')).text).toContain('<form method="post"')
  const broken = await send(worker, '/', { method: 'POST', headers, body: 'no form' })
  expect(broken.status).toBe(400)
})

test('image', async () => {
  const worker = await start('image')
  const { status, headers, body } = await worker.invoke({
    url: 'http://localhost/?from=ff0000&to=0000ff&size=3',
  })
  expect([status, Object.fromEntries(headers)['content-type']]).toEqual([200, 'image/bmp'])
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  expect(body.length).toBe(54 + 3 * 12)
  expect([view.getUint16(0), view.getUint32(2, true), view.getInt32(18, true)]).toEqual([
    0x424d,
    body.length,
    3,
  ])
  // Blue, green, red: from red in the first corner to blue in the last.
  expect([...body.subarray(54, 57), ...body.subarray(54 + 24 + 6, 54 + 24 + 9)]).toEqual([
    0, 0, 255, 255, 0, 0,
  ])
  expect((await send(worker, '/?size=0')).status).toBe(400)
  expect((await send(worker, '/?from=red')).status).toBe(400)
})

test('hono-app', async () => {
  const worker = await start('hono-app')
  const body = '{"text":" buy milk "}'
  const made = await send(worker, '/notes', { method: 'POST', headers: JSON_TYPE, body })
  expect(made.status).toBe(201)
  expect(made.headers['server-timing']).toMatch(/^app;dur=[\d.]+$/)
  const note = JSON.parse(made.text)
  expect(note.text).toBe('buy milk')
  expect(JSON.parse((await send(worker, '/notes')).text)).toEqual([note])
  expect(JSON.parse((await send(worker, `/notes/${note.id}`)).text)).toEqual(note)
  const bad = await send(worker, '/notes', { method: 'POST', headers: JSON_TYPE, body: '{}' })
  expect([bad.status, bad.text]).toEqual([422, '{"error":"text must be a text"}'])
  expect((await send(worker, `/notes/${note.id}`, { method: 'DELETE' })).status).toBe(204)
  expect((await send(worker, `/notes/${note.id}`)).status).toBe(404)
})

describe('those from the start', () => {
  test('hello-world', async () => {
    const { text } = await send(await start('hello-world'), '/a?name=Ann')
    expect(JSON.parse(text)).toMatchObject({ message: 'Hello, Ann!', path: '/a' })
  })

  test('countdown', async () => {
    const { text } = await send(await start('countdown'), '/?from=1')
    expect(text).toBe('data: 1\n\ndata: 0\n\n')
  })

  test('json-api', async () => {
    const worker = await start('json-api')
    const made = await send(worker, '/slugs', { method: 'POST', body: '{"title":"Hello, Wörld!"}' })
    expect([made.status, made.text]).toEqual([201, '{"slug":"hello-world"}'])
    expect((await send(worker, '/slugs')).status).toBe(405)
  })
})
