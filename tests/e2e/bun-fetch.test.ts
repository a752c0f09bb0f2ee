/** Outbound requests of a Bun worker: without the host's network they are the broker's, as all others' are. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eventually } from '../../src/testing/eventually.ts'
import { DnsServer } from '../egress/dns-server.ts'
import { httpUpstream, type Upstream } from '../egress/upstream.ts'
import { type Service, Workspace } from './harness.ts'

const MB = 2 ** 20
const ASK = `
let early
try { await fetch('http://a.allowed.test/') } catch (error) { early = String(error) }
const acts = {
  get: async (url) => { const r = await fetch(url); return [r.status, r.url, r.redirected, await r.text()] },
  post: async (url) => {
    const r = await fetch(new Request(url, { method: 'POST', body: 'x'.repeat(3e6), headers: { 'x-a': 'b' } }))
    return [r.status, (await r.text()).length, r.headers.get('x-method')]
  },
  abort: async (url) => { const r = await fetch(url, { signal: AbortSignal.timeout(150) }); return await r.text() },
  stop: async (url) => { const r = await fetch(url); const reader = r.body.getReader(); await reader.read(); await reader.cancel(); return 'stopped' },
  redirect: async (url) => { try { return (await fetch(url, { redirect: 'error' })).status } catch (e) { return String(e) } },
  many: async (url) => (await Promise.all(Array.from({ length: 10 }, () => fetch(url).then((r) => r.text())))).join(),
  early: () => early,
}
export default async (req) => {
  const params = new URL(req.url).searchParams
  if (req.method === 'POST') {
    const { body } = await fetch(params.get('url'), { method: 'POST', body: req.body, duplex: 'half' })
    return new Response(body)
  }
  try {
    return Response.json(await acts[params.get('act')](params.get('url')))
  } catch (error) {
    return Response.json(String(error))
  }
}`

const space = new Workspace()
let service: Service
let dns: DnsServer
let upstream: Upstream
let closed = 0

beforeAll(async () => {
  dns = await DnsServer.start()
  dns.fallback = ['127.0.0.1']
  upstream = await httpUpstream((request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) closed++
    })
    response.setHeader('x-method', request.method ?? '')
    if (request.url === '/echo') request.pipe(response)
    else if (request.url === '/slow') response.write('a')
    else if (request.url === '/none') response.writeHead(204).end()
    else if (request.url === '/away') response.writeHead(302, { location: '/there' }).end()
    else response.end(`hello from ${request.headers.host}`)
  })
  const rules = { allowNetwork: true, allowedDomains: ['*.allowed.test'], allowEval: true }
  const profile = space.source('some.json', JSON.stringify({ ...rules, maxMemory: '512MB' }))
  await space.deploy('some', ASK, '--runtime', 'bun', '--profile', profile)
  const none = space.source('none.json', JSON.stringify({ allowEval: true, maxMemory: '512MB' }))
  await space.deploy('none', ASK, '--runtime', 'bun', '--profile', none)
  service = await space.serve(
    '--egress-resolver',
    dns.address,
    '--egress-allow-private',
    upstream.address,
  )
}, 60_000)

afterAll(async () => {
  await service.stop()
  upstream.close()
  dns.close()
  space.remove()
})

const at = (path: string, host = 'a.allowed.test') => `http://${host}:${upstream.port}${path}`

async function ask(act: string, url: string, name = 'some'): Promise<unknown> {
  const query = new URLSearchParams({ act, url })
  return await (await service.fetch(`/functions/${name}?${query}`)).json()
}

describe('what the profile allows', () => {
  test('is fetched, with the URL that answered', async () => {
    const hello = `hello from a.allowed.test:${upstream.port}`
    expect(await ask('get', at('/'))).toEqual([200, at('/'), false, hello])
    expect(await ask('get', at('/away'))).toEqual([200, at('/there'), true, hello])
    expect(await ask('get', at('/none'))).toEqual([204, at('/none'), false, ''])
    expect(await ask('many', at('/'))).toBe(Array(10).fill(hello).join())
  })

  test('takes bodies, and gives them', async () => {
    expect(await ask('post', at('/echo'))).toEqual([200, 3_000_000, 'POST'])
    const body = new Uint8Array(5 * MB).fill(7)
    const query = new URLSearchParams({ url: at('/echo') })
    const response = await service.fetch(`/functions/some?${query}`, { method: 'POST', body })
    expect(Buffer.from(await response.arrayBuffer()).equals(Buffer.from(body))).toBe(true)
  })

  test('ends when it is aborted, not read on, or redirected against its will', async () => {
    closed = 0
    expect(await ask('abort', at('/slow'))).toContain('TimeoutError')
    expect(await ask('stop', at('/slow'))).toBe('stopped')
    await eventually('both connections are closed', () => closed === 2)
    expect(await ask('redirect', at('/away'))).toMatch(
      /^TypeError: fetch: \S+ sent a redirect, and the request's redirect mode is "error"\./,
    )
  })
})

test('what it does not allow is refused, with the rule', async () => {
  expect(await ask('get', at('/', 'b.test'))).toContain('allowedDomains')
  expect(await ask('get', 'http://10.0.0.1/')).toContain('TypeError: fetch: ')
  expect(await ask('get', at('/'), 'none')).toContain('allowNetwork is off')
})

test('what leaves nothing is answered in the worker', async () => {
  expect(await ask('get', 'data:text/plain,hi', 'none')).toEqual([
    200,
    'data:text/plain,hi',
    false,
    'hi',
  ])
})

test('there is none while the bundle loads', async () => {
  expect(await ask('early', '')).toBe(
    'TypeError: fetch: it was called while the bundle loads: call it in the handler, or later',
  )
})
