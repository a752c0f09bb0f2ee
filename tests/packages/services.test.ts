/** Packages that talk to a service, each against a server that answers as the service does. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { buildBundle } from '../../src/bundles/build.ts'
import { findProject } from '../../src/bundles/project.ts'
import { warningText } from '../../src/bundles/warnings.ts'
import { call, type Started } from '../conformance/harness.ts'
import { makeEgress } from '../egress/harness.ts'
import { httpUpstream, type Upstream } from '../egress/upstream.ts'
import { useLauncher } from '../egress/worker.ts'
import { STRICT } from './harness.ts'

// A large bundle takes long on a machine with other tests on it.
setDefaultTimeout(120_000)

interface Received {
  method: string
  path: string
  headers: IncomingMessage['headers']
  body: string
}

interface Answer {
  status?: number
  type?: string
  body: string
}

const launcher = useLauncher(() => makeEgress({ allowPrivate: ['127.0.0.0/8'] }))
const workers = new Map<string, Started>()
let upstream: Upstream
let answer: (request: Received) => Answer
let received: Received[] = []

beforeAll(async () => {
  upstream = await httpUpstream(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const { method = '', url = '', headers } = request
    const one = { method, path: url, headers, body: bodyOf(Buffer.concat(parts), headers) }
    received.push(one)
    const { status = 200, type = 'application/json', body } = answer(one)
    response.writeHead(status, { 'content-type': type, etag: '"tag"' }).end(body)
  })
})

afterAll(() => upstream.close())

/** posthog-node compresses what it sends. */
function bodyOf(bytes: Buffer, headers: IncomingMessage['headers']): string {
  const isGzip = headers['content-encoding'] === 'gzip' || bytes[0] === 0x1f
  return (isGzip ? gunzipSync(bytes) : bytes).toString()
}

const fileOf = (name: string) => join(import.meta.dir, 'functions', `${name}.ts`)

async function send(name: string, path: string, reply: typeof answer) {
  let worker = workers.get(name)
  if (worker === undefined) {
    const { code } = await buildBundle(findProject(fileOf(name)), 'quickjs-ng', STRICT)
    worker = await launcher.start(new TextDecoder().decode(code))
    workers.set(name, worker)
  }
  answer = reply
  received = []
  const url = `http://localhost${path}?upstream=http://127.0.0.1:${upstream.port}`
  const { body, error } = await call(worker.worker, { url })
  if (error !== undefined) throw error
  return { text: body.toString() }
}

async function warningsOf(name: string): Promise<string[]> {
  const { warnings } = await buildBundle(findProject(fileOf(name)), 'quickjs-ng', STRICT)
  return warnings.map(warningText)
}

test('superagent sends JSON, with the build for Node in all of its files', async () => {
  const reply = () => ({ body: '{"id":7}' })
  expect(JSON.parse((await send('superagent', '/items', reply)).text)).toEqual({ id: 7 })
  const [request] = received
  expect([request?.method, request?.path, request?.body]).toEqual([
    'POST',
    '/?page=2',
    '{"name":"Änn"}',
  ])
  expect(await warningsOf('superagent')).not.toContainEqual(
    expect.stringContaining('XMLHttpRequest'),
  )
})

describe('@aws-sdk/client-s3', () => {
  const xml = (body: string, status = 200) => ({
    status,
    type: 'application/xml',
    body: `<?xml version="1.0" encoding="UTF-8"?>\n${body}`,
  })

  test('lists objects, with entities and dates', async () => {
    const { text } = await send('aws-s3', '/list', () =>
      xml(`<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>pictures</Name>
        <Prefix>a/</Prefix><KeyCount>2</KeyCount><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated>
        <NextContinuationToken>next&amp;1</NextContinuationToken>
        <Contents><Key>a/b &lt;c&gt;.png</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>
        <ETag>&quot;x&quot;</ETag><Size>12</Size><StorageClass>STANDARD</StorageClass></Contents>
        <Contents><Key>a/ü.png</Key><LastModified>2026-01-03T00:00:00.000Z</LastModified><Size>0</Size></Contents>
        </ListBucketResult>`),
    )
    expect(JSON.parse(text)).toEqual({
      keys: [
        ['a/b <c>.png', 12, '2026-01-02T03:04:05.000Z'],
        ['a/ü.png', 0, '2026-01-03T00:00:00.000Z'],
      ],
      more: true,
      next: 'next&1',
    })
    expect(received[0]?.path).toContain('/pictures/?list-type=2&prefix=a%2F')
    expect(received[0]?.headers.authorization).toContain('AWS4-HMAC-SHA256 Credential=id/')
  })

  test('gives the error that S3 answers with', async () => {
    const error = (code: string, message: string, status: number) => () =>
      xml(
        `<Error><Code>${code}</Code><Message>${message}</Message><RequestId>1</RequestId></Error>`,
        status,
      )
    const missing = await send(
      'aws-s3',
      '/none.txt',
      error('NoSuchKey', 'The key does not exist.', 404),
    )
    expect(JSON.parse(missing.text)).toEqual({
      name: 'NoSuchKey',
      message: 'The key does not exist.',
      status: 404,
    })
    const denied = await send('aws-s3', '/list', error('AccessDenied', 'No &amp; no.', 403))
    expect(JSON.parse(denied.text)).toEqual({
      name: 'AccessDenied',
      message: 'No & no.',
      status: 403,
    })
  })

  test('reads and writes objects', async () => {
    const got = await send('aws-s3', '/a/b.txt', () => ({ type: 'text/plain', body: 'content' }))
    expect(got.text).toBe('content')
    const put = await send('aws-s3', '/put', () => ({ body: '' }))
    expect(JSON.parse(put.text)).toEqual({ tag: '"tag"' })
    expect(received[0]).toMatchObject({ method: 'PUT', path: '/pictures/a/new.txt?x-id=PutObject' })
    expect(received[0]?.body).toContain('hello')
  })
})

test('resend sends mail, and says what it needs for React', async () => {
  const { text } = await send('resend', '/', () => ({ body: '{"id":"m1"}' }))
  expect(JSON.parse(text)).toMatchObject({ data: { id: 'm1' }, error: null })
  expect(received[0]?.headers.authorization).toBe('Bearer re_key')
  expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({
    to: 'b@example.com',
    html: '<p>Hi</p>',
  })
  const body = '{"name":"validation_error","message":"no address","statusCode":422}'
  const refused = await send('resend', '/', () => ({ status: 422, body }))
  expect(JSON.parse(refused.text)).toMatchObject({
    data: null,
    error: { name: 'validation_error' },
  })
  const react = await send('resend', '/react', () => ({ body: '{}' }))
  expect(react.text).toContain('@react-email/render')
  expect((await warningsOf('resend')).join('\n')).toContain(
    "Package '@react-email/render' is not installed.",
  )
})

test('posthog-node sends events', async () => {
  const { text } = await send('posthog-node', '/', () => ({ body: '{"status":1}' }))
  expect(text).toBe('sent')
  const batch = received.find(({ path }) => path.startsWith('/batch'))
  expect(JSON.parse(batch?.body ?? '{}').batch[0]).toMatchObject({
    event: 'bought',
    distinct_id: 'ann',
    properties: { price: 7 },
  })
})

test('the warning that matters is the first one: @supabase/supabase-js', async () => {
  const warnings = await warningsOf('supabase')
  expect(warnings[0]).toContain(
    "'WebSocket' is not available in quickjs-ng functions; this code tests for it, and has an error for the case that it is missing.",
  )
  expect(warnings.join('\n')).not.toMatch(/'(?:BroadcastChannel|localStorage|sessionStorage|Deno)'/)
})
