/** What the network can send: right answers, clear refusals, and the next request works. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { problem, rawRequest, type Service, Workspace } from './harness.ts'

const ECHO = `
let aborted = 0
export default async (req: Request, ctx: { requestId: string, functionName: string }) => {
  const url = new URL(req.url)
  if (url.pathname === '/hang') {
    await new Promise<void>((done) => {
      req.signal.addEventListener('abort', () => { aborted++; done() })
    })
  }
  if (url.pathname === '/broken') {
    return new Response(new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(10))
        throw new Error('a word of the tenant')
      },
    }))
  }
  if (url.pathname === '/aborted') return Response.json({ aborted })
  if (url.pathname === '/length') return new Response(String((await req.arrayBuffer()).byteLength))
  if (url.pathname === '/mirror') return new Response(await req.arrayBuffer())
  if (url.pathname === '/cookies') {
    const headers = new Headers()
    for (let i = 0; i < 200; i++) headers.append('set-cookie', 'c' + i + '=' + i)
    return new Response(null, { headers })
  }
  return Response.json({
    method: req.method, url: req.url, path: url.pathname + url.search, body: await req.text(),
    headers: [...req.headers], requestId: ctx.requestId, name: ctx.functionName,
  })
}
`

/** What the echo function says of the request that it got. */
interface Seen {
  method: string
  path: string
  body: string
  headers: [string, string][]
  requestId: string
  name: string
}

const space = new Workspace()
let service: Service

beforeAll(async () => {
  await space.deploy('echo', ECHO, '--timeout', '20s')
  await space.deploy('other', `export default () => new Response('other')\n`)
  await space.deploy('idle', `export default () => new Response('idle')\n`)
  const db = openTestDatabase(join(space.dataDir, 'metadata.db'))
  db.run(`UPDATE functions SET status = 'registered', active_version_id = NULL WHERE name = 'idle'`)
  db.close()
  service = await space.serve()
}, 30_000)

afterAll(async () => {
  await service.stop()
  space.remove()
})

const works = async () =>
  expect(await (await service.fetch('/functions/other')).text()).toBe('other')

describe('a request', () => {
  test('reaches the handler with its path stripped and its prefix named', async () => {
    const seen = (await (await service.fetch('/functions/echo/a/b?x=1&y=%20')).json()) as Seen
    expect(seen.path).toBe('/a/b?x=1&y=%20')
    expect(Object.fromEntries(seen.headers)['x-forwarded-prefix']).toBe('/functions/echo')
    expect(seen.name).toBe('echo')
  })

  test('keeps its id, or gets one; traceparent passes', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const headers = { 'x-request-id': 'abc-123', traceparent }
    const kept = await service.fetch('/functions/echo', { headers })
    expect(kept.headers.get('x-request-id')).toBe('abc-123')
    const seen = (await kept.json()) as Seen
    expect(seen.requestId).toBe('abc-123')
    expect(Object.fromEntries(seen.headers).traceparent).toBe(traceparent)
    const made = await service.fetch('/functions/echo')
    expect(made.headers.get('x-request-id')).toMatch(/^[\w-]{16,}$/)
    expect(made.headers.get('server-timing')).toMatch(/queue.*init.*exec/)
  })

  test('may have any method', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const seen = (await (await service.fetch('/functions/echo', { method })).json()) as Seen
      expect(seen.method).toBe(method)
    }
    const head = await service.fetch('/functions/echo', { method: 'HEAD' })
    expect(head.status).toBe(200)
    expect(await head.text()).toBe('')
  })

  test('with 150 headers and a body with NUL and lone surrogates passes exactly', async () => {
    const headers = Object.fromEntries(
      Array.from({ length: 140 }, (_, i) => [`x-h-${i}`, `v\u00e9${i}`]),
    )
    const body = '{"nul":"\\u0000","lone":"\\ud800","text":"\u00e9\u{1f600}"}'
    const response = await service.fetch('/functions/echo', { method: 'POST', headers, body })
    const seen = (await response.json()) as Seen
    expect(seen.body).toBe(body)
    const got = Object.fromEntries(seen.headers)
    for (const [name, value] of Object.entries(headers)) {
      expect(got[name]).toBe(value)
    }
  })

  test('with 10 MB of bytes comes back to the byte', async () => {
    const body = new Uint8Array(10 * 1024 * 1024)
    for (let i = 0; i < body.length; i++) {
      body[i] = (i * 31 + (i >> 8)) & 255
    }
    const response = await service.fetch('/functions/echo/mirror', { method: 'POST', body })
    const got = new Uint8Array(await response.arrayBuffer())
    expect(Bun.hash(got)).toBe(Bun.hash(body))
  }, 20_000)

  test('gets 200 set-cookie headers, each its own', async () => {
    const response = await service.fetch('/functions/echo/cookies')
    const cookies = response.headers.getSetCookie()
    expect(cookies).toEqual(Array.from({ length: 200 }, (_, i) => `c${i}=${i}`))
  })
})

describe('an unknown function', () => {
  test('is 404 with its code, and so is one that is not deployed', async () => {
    const unknown = await service.fetch('/functions/nothing')
    expect(unknown.status).toBe(404)
    expect((await problem(unknown)).code).toBe('FUNCTION_NOT_FOUND')
    expect((await problem(await service.fetch('/elsewhere'))).status).toBe(404)
    const idle = await service.fetch('/functions/idle')
    expect(idle.status).toBe(404)
    expect((await problem(idle)).code).toBe('FUNCTION_NOT_DEPLOYED')
  })
})

describe('a body over the limit', () => {
  test('is 413, declared or streamed, and the worker is unharmed', async () => {
    const small = new Workspace()
    await small.deploy('echo', ECHO)
    const limited = await small.serve('--max-body', '1MB')
    const size = 3 * 1024 * 1024
    const declared = await limited.fetch('/functions/echo/length', {
      method: 'POST',
      body: new Uint8Array(size),
    })
    expect(declared.status).toBe(413)
    expect((await problem(declared)).code).toBe('PAYLOAD_TOO_LARGE')
    const streamed = await limited.fetch('/functions/echo/length', {
      method: 'POST',
      body: new ReadableStream({
        async start(controller) {
          for (let sent = 0; sent < size; sent += 65_536) {
            controller.enqueue(new Uint8Array(65_536))
            await Bun.sleep(1)
          }
          controller.close()
        },
      }),
    })
    expect(streamed.status).toBe(413)
    const fine = await limited.fetch('/functions/echo/length', {
      method: 'POST',
      body: new Uint8Array(1000),
    })
    expect(await fine.text()).toBe('1000')
    await limited.stop()
    small.remove()
  }, 20_000)
})

describe('malformed requests', () => {
  const HOST = 'Host: x\r\n'
  const rows: [string, string | Uint8Array][] = [
    ['garbage', '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n'],
    ['no version', `GET /functions/other\r\n${HOST}\r\n`],
    ['no Host', 'GET /functions/other HTTP/1.1\r\n\r\n'],
    ['a doubled Host', `GET /functions/other HTTP/1.1\r\n${HOST}Host: y\r\n\r\n`],
    ['a bad Host', 'GET /functions/other HTTP/1.1\r\nHost: a b\r\n\r\n'],
    ['a Host with a comma', 'GET /functions/other HTTP/1.1\r\nHost: a,b\r\n\r\n'],
    ['a 64 kB URL', `GET /functions/other?${'a'.repeat(65_536)} HTTP/1.1\r\n${HOST}\r\n`],
    ['NUL in the path', `GET /functions/other/\0 HTTP/1.1\r\n${HOST}\r\n`],
    ['an encoded NUL in the name', `GET /functions/oth%00er HTTP/1.1\r\n${HOST}\r\n`],
    ['dot segments', `GET /functions/echo/../other HTTP/1.1\r\n${HOST}\r\n`],
    ['encoded dots', `GET /functions/echo/%2e%2e/other HTTP/1.1\r\n${HOST}\r\n`],
    ['mixed dots', `GET /functions/echo/.%2E/other HTTP/1.1\r\n${HOST}\r\n`],
    ['a backslash', `GET /functions/echo\\..\\other HTTP/1.1\r\n${HOST}\r\n`],
    ['an encoded slash', `GET /functions/echo%2f..%2fother HTTP/1.1\r\n${HOST}\r\n`],
    ['dots before the prefix', `GET /functions/echo/../../functions/other HTTP/1.1\r\n${HOST}\r\n`],
    ['a bad length', `POST /functions/other HTTP/1.1\r\n${HOST}Content-Length: x\r\n\r\n`],
    [
      'two lengths',
      `POST /functions/other HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
    ],
    [
      'length and chunked',
      `POST /functions/other HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      '500 headers',
      `GET /functions/other HTTP/1.1\r\n${HOST}${Array.from({ length: 500 }, (_, i) => `a${i}: b\r\n`).join('')}\r\n`,
    ],
    [
      'a header of 200 kB',
      `GET /functions/other HTTP/1.1\r\n${HOST}a: ${'b'.repeat(200_000)}\r\n\r\n`,
    ],
  ]
  for (const [what, bytes] of rows) {
    test(`${what}: 4xx, no page, no trace, and the next request works`, async () => {
      const answer = await rawRequest(service.port, bytes, 700)
      // What is no HTTP/1.x request line at all, the server's parser answers with an empty 505.
      expect(answer).toMatch(/^HTTP\/1\.1 (4\d\d |505 [ \w]+\r\nConnection: close\r\n\r\n$)/)
      expect(answer).not.toMatch(/<html|<!doctype|\bat .*:\d+:\d+|Bun/i)
      expect(answer).not.toContain('other')
      await works()
    })
  }
})

test('a response body that breaks is a reset, of which the service’s log tells nothing of the tenant', async () => {
  const broken = service.fetch('/functions/echo/broken').then((response) => response.bytes())
  await expect(broken).rejects.toThrow()
  await eventually('it is logged', () => service.log.includes('HANDLER_ERROR'))
  expect(service.log).not.toContain('a word of the tenant')
  for (const line of service.log.trim().split('\n')) expect(JSON.parse(line)).toBeObject()
})

describe('a client that goes', () => {
  test('aborts req.signal, and the worker is idle', async () => {
    for (let i = 0; i < 40; i++) {
      const socket = connect(service.port, '127.0.0.1')
      socket.on('error', () => {})
      await new Promise<void>((sent) => {
        socket.write('GET /functions/echo/hang HTTP/1.1\r\nHost: x\r\n\r\n', () => sent())
      })
      await Bun.sleep(10)
      socket.destroy()
    }
    await eventually('all were aborted', async () => {
      const { aborted } = (await (await service.fetch('/functions/echo/aborted')).json()) as {
        aborted: number
      }
      return aborted === 40
    })
    await eventually('no slot is held', async () => {
      return (await service.workers()).every((row) => row.state === 'ready')
    })
  }, 30_000)
})
