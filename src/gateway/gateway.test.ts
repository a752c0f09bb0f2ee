/** Requests through a real service: what reaches the handler, and what comes back. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eventually } from '../testing/eventually.ts'
import { TestService } from '../testing/service-fixture.ts'

const ECHO = `
export default async (req, ctx) => {
  const url = new URL(req.url)
  if (url.pathname === '/status') return new Response(null, { status: Number(url.searchParams.get('s')) })
  if (url.pathname === '/bytes') return new Response('x', { headers: { 'x-bytes': 'caf\\u00e9\\u00ff' } })
  if (url.pathname === '/own-timing') return new Response('x', { headers: { 'server-timing': 'db;dur=1' } })
  if (url.pathname === '/many') {
    const headers = new Headers()
    for (let i = 0; i < 100; i++) {
      headers.append('set-cookie', 'c' + i + '=' + i)
      headers.append('x-h-' + i, 'v' + i)
    }
    return new Response('many', { headers })
  }
  if (url.pathname === '/throw') throw new Error('secret of the tenant')
  if (url.pathname === '/nothing') return 42
  if (url.pathname === '/length') return new Response(String((await req.arrayBuffer()).byteLength))
  return Response.json({
    method: req.method, url: req.url, headers: [...req.headers], body: await req.text(), requestId: ctx.requestId,
  })
}
`

interface Seen {
  method: string
  url: string
  headers: [string, string][]
  body: string
  requestId: string
}

const service = new TestService({ 'max-body': '1MB' })

beforeAll(async () => {
  service.deploy('echo', ECHO)
  service.deploy('exposed', ECHO, { config: { exposeErrors: true } })
  service.deploy('other', `export default () => new Response('other')`)
  service.deploy('broken', `throw new Error('no luck')`)
  await service.start()
}, 30_000)

afterAll(() => service.remove())

const see = async (path: string, init?: RequestInit) =>
  (await (await service.fetch(path, init)).json()) as Seen

/** The problem document that a request is refused with. */
async function problem(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const document = (await response.json()) as Record<string, unknown>
  expect(document.status).toBe(response.status)
  expect(document.requestId).toBe(response.headers.get('x-request-id'))
  return document
}

describe('a request', () => {
  test('has its mount path taken off', async () => {
    expect((await see('/functions/echo')).url).toBe(`${service.url}/`)
    expect((await see('/functions/echo/')).url).toBe(`${service.url}/`)
    expect((await see('/functions/echo?x=1')).url).toBe(`${service.url}/?x=1`)
    expect((await see('/functions/echo/a/b?x=%20')).url).toBe(`${service.url}/a/b?x=%20`)
  })

  test('keeps its headers, but what belongs to the connection', async () => {
    const seen = await see('/functions/echo', {
      headers: {
        'x-own': 'caf\u00e9',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        'x-forwarded-prefix': '/functions/other',
        'x-request-id': 'abc-123',
      },
    })
    const headers = Object.fromEntries(seen.headers)
    expect(headers['x-own']).toBe('caf\u00e9')
    expect(headers.traceparent).toBe('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
    expect(headers['x-forwarded-prefix']).toBe('/functions/echo')
    expect(headers.connection).toBeUndefined()
    expect(seen.requestId).toBe('abc-123')
  })

  test('may have any method but those that a Request cannot have', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      expect((await see('/functions/echo', { method })).method).toBe(method)
    }
    for (const method of ['PROPFIND', 'PURGE', 'REPORT']) {
      const text = await service.raw(`${method} /functions/echo HTTP/1.1\r\nHost: x\r\n\r\n`)
      expect(text).toContain(`"method":"${method}"`)
    }
    for (const method of ['TRACE', 'CONNECT']) {
      const text = await service.raw(`${method} /functions/echo HTTP/1.1\r\nHost: x\r\n\r\n`)
      expect(text).toMatch(/^HTTP\/1\.1 405 [\s\S]*"METHOD_NOT_ALLOWED"/)
    }
  })

  test('carries a body of any size below the limit, exactly', async () => {
    for (const size of [0, 1, 65_535, 65_536, 65_537, 300_000, 2 ** 20]) {
      const body = new Uint8Array(size).map((_, i) => i * 31)
      const response = await service.fetch('/functions/echo/length', { method: 'POST', body })
      expect(await response.text()).toBe(String(size))
    }
    const body = 'nul \0, text \u00e9\u{1f600}'
    expect((await see('/functions/echo', { method: 'POST', body })).body).toBe(body)
  })
})

describe('a response', () => {
  test('names the request and says where its time went', async () => {
    const made = await service.fetch('/functions/echo')
    expect(made.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/)
    const timing = /^queue;dur=[\d.]+, init;dur=[\d.]+, exec;dur=[\d.]+$/
    expect(made.headers.get('server-timing')).toMatch(timing)
    const own = await service.fetch('/functions/echo/own-timing')
    expect(own.headers.get('server-timing')).toMatch(/^db;dur=1, queue;dur=/)
  })

  test('keeps 200 headers and every byte of their values', async () => {
    const many = await service.fetch('/functions/echo/many')
    expect(many.headers.getSetCookie()).toEqual(Array.from({ length: 100 }, (_, i) => `c${i}=${i}`))
    for (let i = 0; i < 100; i++) expect(many.headers.get(`x-h-${i}`)).toBe(`v${i}`)
    const raw = await service.raw('GET /functions/echo/bytes HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(raw).toContain('x-bytes: caf\u00e9\u00ff\r\n')
  })

  test('without a body has none', async () => {
    for (const status of [204, 205, 304]) {
      const text = await service.raw(
        `GET /functions/echo/status?s=${status} HTTP/1.1\r\nHost: x\r\n\r\n`,
      )
      expect(text).toStartWith(`HTTP/1.1 ${status} `)
      expect(text.split('\r\n\r\n')[1]).toBe('')
    }
    const head = await service.raw('HEAD /functions/echo/bytes HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 200 [\s\S]*content-length: 1\r\n[\s\S]*$/i)
    expect(head.split('\r\n\r\n')[1]).toBe('')
  })
})

describe('a failure', () => {
  test('of the handler shows its text to the tenant only', async () => {
    const document = await problem(await service.fetch('/functions/echo/throw'))
    expect(document).toMatchObject({ status: 500, code: 'HANDLER_ERROR' })
    expect(JSON.stringify(document)).not.toContain('secret')
    service.service.telemetry.logs.flush()
    const [entry] = service.service.telemetry.logs.recent('echo', 1)
    expect(entry?.message).toContain('secret of the tenant')
    expect(entry?.requestId).toBe(document.requestId as string)
    expect(service.lines.join('')).not.toContain('secret')
  })

  test('is shown to clients when the function was deployed with exposeErrors', async () => {
    const document = await problem(await service.fetch('/functions/exposed/throw'))
    expect(document.detail).toContain('secret of the tenant')
    expect(document.stack).toContain('bundle.js:')
    const invalid = await problem(await service.fetch('/functions/exposed/nothing'))
    expect(invalid.code).toBe('INVALID_RESPONSE')
  })

  test('to find a function is 404', async () => {
    const unknown = await problem(await service.fetch('/functions/nothing-here'))
    expect(unknown).toMatchObject({ status: 404, code: 'FUNCTION_NOT_FOUND' })
    for (const path of ['/', '/elsewhere', '/functions', '/functions/']) {
      expect((await problem(await service.fetch(path))).status).toBe(404)
    }
  })

  test('to load a bundle is that function\u2019s alone', async () => {
    for (let i = 0; i < 3; i++) {
      const document = await problem(await service.fetch('/functions/broken'))
      expect(document).toMatchObject({ status: 500, code: 'BUNDLE_LOAD_ERROR' })
      expect(JSON.stringify(document)).not.toContain('no luck')
    }
    expect(await (await service.fetch('/functions/other')).text()).toBe('other')
  })
})

describe('a body over the limit', () => {
  const worker = () => service.service.control.workers().find((one) => one.function === 'echo')?.pid

  test('is refused at once when declared', async () => {
    const text = await service.raw(
      'POST /functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n',
    )
    expect(text).toMatch(/^HTTP\/1\.1 413 [\s\S]*"PAYLOAD_TOO_LARGE"/)
  })

  test('is refused while it streams; its worker is unharmed', async () => {
    await see('/functions/echo')
    const before = worker()
    const body = new ReadableStream({
      async pull(controller) {
        await Bun.sleep(1)
        controller.enqueue(new Uint8Array(65_536))
      },
    })
    const response = await service.fetch('/functions/echo/length', { method: 'POST', body })
    expect(await problem(response)).toMatchObject({ status: 413, code: 'PAYLOAD_TOO_LARGE' })
    expect((await see('/functions/echo')).method).toBe('GET')
    expect(worker()).toBe(before as number)
    await eventually('its worker is idle', () =>
      service.service.control
        .workers()
        .every((one) => one.function !== 'echo' || one.state === 'ready'),
    )
  })
})

describe('malformed requests', () => {
  const HOST = 'Host: x\r\n'
  const rows: [what: string, bytes: string][] = [
    ['dot segments', `GET /functions/echo/../other HTTP/1.1\r\n${HOST}\r\n`],
    ['encoded dots', `GET /functions/echo/%2e%2e/other HTTP/1.1\r\n${HOST}\r\n`],
    ['mixed dots', `GET /functions/echo/.%2E/other HTTP/1.1\r\n${HOST}\r\n`],
    ['backslashes', `GET /functions/echo\\..\\other HTTP/1.1\r\n${HOST}\r\n`],
    ['encoded slashes', `GET /functions/echo%2f..%2fother HTTP/1.1\r\n${HOST}\r\n`],
    ['encoded slashes below', `GET /functions/echo/..%2fother HTTP/1.1\r\n${HOST}\r\n`],
    ['encoded backslashes', `GET /functions/echo/..%5Cother HTTP/1.1\r\n${HOST}\r\n`],
    ['dots up and down', `GET /functions/echo/../../functions/other HTTP/1.1\r\n${HOST}\r\n`],
    ['dots before', `GET /x/../functions/other HTTP/1.1\r\n${HOST}\r\n`],
    ['dots out', `GET /functions/echo/../../health HTTP/1.1\r\n${HOST}\r\n`],
    ['an escaped name', `GET /functions/%6fther HTTP/1.1\r\n${HOST}\r\n`],
    ['an encoded NUL', `GET /functions/other/%00 HTTP/1.1\r\n${HOST}\r\n`],
    ['a doubled Host', `GET /functions/other HTTP/1.1\r\n${HOST}Host: y\r\n\r\n`],
    ['a doubled Host elsewhere', `GET /health HTTP/1.1\r\n${HOST}Host: y\r\n\r\n`],
    ['a Host with a space', 'GET /functions/other HTTP/1.1\r\nHost: a b\r\n\r\n'],
    ['a Host with a comma', 'GET /functions/other HTTP/1.1\r\nHost: a,b\r\n\r\n'],
    ['a Host with a path', 'GET /functions/other HTTP/1.1\r\nHost: a/functions/echo\r\n\r\n'],
    ['a Host with a user', 'GET /functions/other HTTP/1.1\r\nHost: u@h\r\n\r\n'],
    ['a Host with a bad port', 'GET /functions/other HTTP/1.1\r\nHost: a:99999\r\n\r\n'],
    ['no Host', 'GET /functions/other HTTP/1.1\r\n\r\n'],
    ['a 64 kB URL', `GET /functions/other?${'a'.repeat(65_536)} HTTP/1.1\r\n${HOST}\r\n`],
    [
      'two lengths',
      `POST /functions/other HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
    ],
    [
      'length and chunked',
      `POST /functions/other HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['a folded header', `GET /functions/other HTTP/1.1\r\n${HOST}a: b\r\n c\r\n\r\n`],
    ['NUL in a header', `GET /functions/other HTTP/1.1\r\n${HOST}a: b\0c\r\n\r\n`],
    [
      '500 headers',
      `GET /functions/other HTTP/1.1\r\n${HOST}${Array.from({ length: 500 }, (_, i) => `a${i}: b\r\n`).join('')}\r\n`,
    ],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n'],
  ]
  for (const [what, bytes] of rows) {
    test(`${what}: 4xx without a page or a trace`, async () => {
      const text = await service.raw(bytes)
      expect(text).toMatch(/^HTTP\/1\.1 4\d\d /)
      expect(text).not.toMatch(/<html|<!doctype|\bat .*:\d+:\d+|Bun|\r\nother/i)
      const body = text.split('\r\n\r\n')[1]
      if (body !== '') expect(text).toMatch(/content-type: application\/problem\+json/i)
      expect(await (await service.fetch('/functions/other')).text()).toBe('other')
    })
  }
})

describe('the service itself', () => {
  test('says that it lives and that it is ready', async () => {
    expect(await (await service.fetch('/health')).json()).toEqual({ status: 'ok' })
    expect(await (await service.fetch('/ready')).json()).toEqual({ status: 'ready' })
    const refused = await service.fetch('/health', { method: 'POST' })
    expect((await problem(refused)).code).toBe('METHOD_NOT_ALLOWED')
    expect(refused.headers.get('allow')).toBe('GET, HEAD')
  })

  test('counts what was asked of it', async () => {
    const count = async () => {
      const text = await service.metrics()
      const line =
        /^functions_invocations_total\{project="default",function="other",version="v1",outcome="ok"\} (\d+)$/m
      return Number(line.exec(text)?.[1] ?? 0)
    }
    const before = await count()
    for (let i = 0; i < 5; i++) await (await service.fetch('/functions/other')).text()
    expect(await count()).toBe(before + 5)
    const text = await service.metrics()
    expect(text).toMatch(
      /^functions_invocations_total\{project="default",function="echo".*outcome="HANDLER_ERROR"\} \d+$/m,
    )
    expect(text).toMatch(/^functions_workers\{state="ready"\} [1-9]/m)
  })
})
