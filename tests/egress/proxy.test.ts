/** The operator's forward proxy: it gets addresses that were checked, and nothing else goes to it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import type { Egress } from '../../src/egress/egress.ts'
import { until } from '../conformance/harness.ts'
import { DnsServer } from './dns-server.ts'
import { begin, fetchOnce, makeEgress, makeSession } from './harness.ts'
import { type ProxyServer, startProxy } from './proxy-server.ts'
import { httpUpstream, type Upstream } from './upstream.ts'

const OK = 'HTTP/1.1 200 OK\r\n\r\n'
let dns: DnsServer
let proxy: ProxyServer
let upstream: Upstream
let egress: Egress
const seen: Record<string, string | string[] | undefined>[] = []

beforeAll(async () => {
  dns = await DnsServer.start()
  dns.zone = {
    'public.test': [['8.8.8.8']],
    'public6.test': [['2001:4860:4860::8888']],
    'private.test': [['10.0.0.1']],
    'mixed.test': [['8.8.8.8', '10.0.0.1']],
    'here.test': [['127.0.0.1']],
  }
  proxy = await startProxy()
  upstream = await httpUpstream((request, response) => {
    seen.push(request.headers)
    if (request.url === '/hold') response.write('a')
    else if (request.method === 'POST') request.pipe(response)
    else response.end(`${request.url} ${request.headers.host}`)
  })
  egress = makeEgress({
    resolver: dns.address,
    allowPrivate: [upstream.address],
    proxy: `http://us%40er:pass%3Aword@127.0.0.1:${proxy.port}`,
  })
})

beforeEach(() => {
  proxy.heads.length = 0
  proxy.answer = undefined
  seen.length = 0
})

afterAll(() => {
  egress.close()
  upstream.close()
  proxy.close()
  dns.close()
})

const at = (host: string, path = '/') => `http://${host}:${upstream.port}${path}`

describe('a public address', () => {
  test('is reached through a tunnel; the name stays here, the credentials stay with the proxy', async () => {
    const { body, error } = await fetchOnce(makeSession(egress), at('public.test', '/a?b'))
    expect(error?.message).toBeUndefined()
    expect(body.toString()).toBe(`/a?b public.test:${upstream.port}`)
    const [head = ''] = proxy.heads
    expect(head).toStartWith(`CONNECT 8.8.8.8:${upstream.port} HTTP/1.1\r\n`)
    expect(head).toContain(`proxy-authorization: Basic ${btoa('us@er:pass:word')}\r\n`)
    expect(head).not.toContain('public.test')
    expect(Object.keys(seen[0] ?? {})).not.toContain('proxy-authorization')
  })

  test('of IPv6 stands in brackets', async () => {
    const { error } = await fetchOnce(makeSession(egress), at('public6.test'))
    expect(error?.message).toBeUndefined()
    expect(proxy.heads[0]).toStartWith(`CONNECT [2001:4860:4860::8888]:${upstream.port} HTTP/1.1`)
  })

  test('carries bodies in both directions', async () => {
    const body = Buffer.alloc(300_000, 'x')
    const result = await fetchOnce(makeSession(egress), at('public.test'), { method: 'POST', body })
    expect(result.error?.message).toBeUndefined()
    expect(result.body.equals(body)).toBe(true)
  })

  test('keeps its tunnel for the next request of the function', async () => {
    const session = makeSession(egress)
    await fetchOnce(session, at('public.test', '/1'))
    const before = proxy.heads.length
    await until('the connection is idle', () => proxy.open() > 0)
    await fetchOnce(session, at('public.test', '/2'))
    expect(seen).toHaveLength(2)
    expect(proxy.heads.length).toBe(before)
  })

  test('has its TLS inside of the tunnel', async () => {
    // The upstream speaks no TLS: the handshake went through the proxy, and failed there.
    const { error } = await fetchOnce(makeSession(egress), `https://public.test:${upstream.port}/`)
    expect(proxy.heads[0]).toStartWith(`CONNECT 8.8.8.8:${upstream.port} HTTP/1.1\r\n`)
    expect(error?.message).toContain('public.test')
    expect(error?.reason).not.toBe('ERR_PROXY')
  })

  test('an aborted fetch closes its tunnel', async () => {
    const open = proxy.open()
    const running = begin(makeSession(egress), at('public.test', '/hold'))
    await running.head
    running.call.abort()
    await until('the tunnel is closed', () => proxy.open() <= open)
  })
})

describe('the rules are checked before the proxy hears of a request', () => {
  test.each([
    ['private.test', 'resolves to a private address'],
    ['mixed.test', 'resolves to a private address'],
    ['10.0.0.1', 'is a private address'],
    ['169.254.169.254', 'link-local'],
    ['metadata.google.internal', 'metadata.google.internal'],
  ])('%s', async (host, words) => {
    const { error } = await fetchOnce(makeSession(egress), `http://${host}/`)
    expect(error?.message).toContain(words)
    expect(proxy.heads).toEqual([])
  })

  test('a domain that the profile does not allow', async () => {
    const session = makeSession(egress, { allowedDomains: ['other.test'] })
    const { error } = await fetchOnce(session, at('public.test'))
    expect(error?.reason).toBe('ERR_POLICY')
    expect(proxy.heads).toEqual([])
  })

  test('a private address that the operator allows is reached directly', async () => {
    const { body } = await fetchOnce(makeSession(egress), at('here.test'))
    expect(body.toString()).toBe(`/ here.test:${upstream.port}`)
    expect(proxy.heads).toEqual([])
  })
})

describe('a proxy that does not do its work fails the fetch', () => {
  const cases: [what: string, answer: NonNullable<ProxyServer['answer']>, words: string][] = [
    ['wants other credentials', (s) => s.end('HTTP/1.1 407 No\r\n\r\n'), '(status 407)'],
    ['refuses', (s) => s.end('HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\nno'), '(status 403)'],
    [
      'redirects',
      (s) => s.end(`HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:${upstream.port}/\r\n\r\n`),
      '(status 302)',
    ],
    ['sends garbage', (s) => s.write('no HTTP\r\n\r\n'), 'an invalid response'],
    ['closes at once', (s) => s.destroy(), 'an invalid response'],
    ['closes in its head', (s) => s.end('HTTP/1.1 200 O'), 'an invalid response'],
    [
      'sends 1xx',
      (s) => s.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(99)),
      'proxy of the service',
    ],
    [
      'sends a head without an end',
      (s) => {
        s.write('HTTP/1.1 200 OK\r\n')
        for (let i = 0; i < 100; i++) s.write(`x: ${'y'.repeat(1000)}\r\n`)
      },
      'an invalid response',
    ],
    ['says nothing', () => {}, 'did not connect in time'],
  ]
  test.each(cases)('%s', async (_what, answer, words) => {
    proxy.answer = answer
    const quick = makeEgress({ resolver: dns.address, proxy: proxy.url, connectTimeoutMs: 500 })
    const { error, head } = await fetchOnce(makeSession(quick), at('public.test'))
    expect(head).toBeUndefined()
    expect(error?.reason).toBe('ERR_PROXY')
    expect(error?.message).toContain(words)
    expect(error?.message).not.toContain('127.0.0.1')
    expect(seen).toEqual([])
    await until('the connection to the proxy is closed', () => proxy.open() === 0)
    quick.close()
  })

  test('answers in place of the upstream: a body behind its 200', async () => {
    proxy.answer = (socket) => socket.write(`${OK}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfake`)
    const quick = makeEgress({ resolver: dns.address, proxy: proxy.url, headTimeoutMs: 500 })
    const { error, head } = await fetchOnce(makeSession(quick), at('public.test'))
    expect(head).toBeUndefined()
    expect(error).toBeDefined()
    const tls = await fetchOnce(makeSession(quick), 'https://public.test/')
    expect(tls.head).toBeUndefined()
    expect(tls.error).toBeDefined()
    quick.close()
  }, 20_000)

  test('is not there', async () => {
    const gone = makeEgress({ resolver: dns.address, proxy: 'http://user:secret@127.0.0.1:1' })
    const { error } = await fetchOnce(makeSession(gone), at('public.test'))
    expect(error?.reason).toBe('ERR_PROXY')
    expect(error?.message).toBe('public.test: the proxy of the service is not available.')
    gone.close()
  })
})
