/** Outbound requests of deployed functions, with the settings of a real service. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { DnsServer } from '../egress/dns-server.ts'
import { httpUpstream, type Upstream } from '../egress/upstream.ts'
import { type Service, Workspace } from './harness.ts'

const space = new Workspace()
let service: Service
let dns: DnsServer
let upstream: Upstream
let inside: Upstream
let insideHits = 0

const ASK = `export default async (req: Request) => {
  const url = new URL(req.url).searchParams.get('url')!
  try {
    const response = await fetch(url)
    return new Response(await response.text(), { headers: { 'x-url': response.url } })
  } catch (error) {
    return new Response(String(error), { status: 599 })
  }
}`

beforeAll(async () => {
  dns = await DnsServer.start()
  inside = await httpUpstream((_request, response) => {
    insideHits++
    response.end('inside')
  })
  upstream = await httpUpstream((request, response) => {
    if (request.url === '/in')
      response.writeHead(302, { location: `http://in.test:${inside.port}/` })
    response.end(`hello ${request.headers.host} ${request.headers['user-agent']}`)
  })
  await space.deploy('strict', ASK)
  await space.deploy('open', ASK, '--profile', 'permissive')
  const rules = { allowNetwork: true, allowedDomains: ['*.allowed.test'] }
  const profile = space.source('profile.json', JSON.stringify(rules))
  await space.deploy('some', ASK, '--profile', profile)
  service = await space.serve(
    '--egress-resolver',
    dns.address,
    '--egress-allow-private',
    upstream.address,
    '--egress-max-subrequests',
    '3',
  )
})

afterAll(async () => {
  await service.stop()
  upstream.close()
  inside.close()
  dns.close()
  space.remove()
})

async function ask(name: string, url: string): Promise<string> {
  const response = await service.fetch(`/functions/${name}?url=${encodeURIComponent(url)}`)
  return await response.text()
}

test('a strict function has no network', async () => {
  expect(await ask('strict', 'http://a.test/')).toBe(
    'TypeError: fetch: This function may not use the network (allowNetwork is off).',
  )
})

describe('a function with a network', () => {
  test('reaches the address of a name', async () => {
    dns.zone['a.test'] = [['127.0.0.1']]
    const url = `http://a.test:${upstream.port}/`
    expect(await ask('open', url)).toBe(`hello a.test:${upstream.port} Functions/1.0`)
  })

  test('never reaches internal services, by name, address, redirect or rebinding', async () => {
    dns.zone['in.test'] = [['127.0.0.1']]
    dns.zone['flips.test'] = [['127.0.0.1'], ['127.0.0.1'], ['10.0.0.1']]
    const { port } = inside
    expect(await ask('open', `http://in.test:${port}/`)).toContain('resolves to a loopback address')
    expect(await ask('open', `http://127.0.0.1:${port}/`)).toContain('is a loopback address')
    expect(await ask('open', `http://0x7f.1:${port}/`)).toContain('is a loopback address')
    expect(await ask('open', `http://127.0.0.1:${upstream.port}/in`)).toContain(
      'in.test resolves to',
    )
    expect(await ask('open', `http://flips.test:${upstream.port}/`)).toContain('hello')
    expect(await ask('open', 'http://169.254.169.254/')).toContain('link-local')
    expect(await ask('open', 'http://metadata.google.internal/')).toStartWith('TypeError')
    expect(insideHits).toBe(0)
  })

  test('reaches the domains that its profile allows, and no others', async () => {
    dns.zone['api.allowed.test'] = [['127.0.0.1']]
    expect(await ask('some', `http://api.allowed.test:${upstream.port}/`)).toStartWith('hello')
    expect(await ask('some', `http://a.test:${upstream.port}/`)).toContain('allowedDomains')
    expect(await ask('some', `http://allowed.test:${upstream.port}/`)).toContain('allowedDomains')
  })
})

test('outbound requests are counted', async () => {
  const metrics = await service.metrics()
  expect(metrics).toMatch(
    /functions_subrequests_total\{project="default",function="open",[^}]*outcome="ok"\} [1-9]/,
  )
  expect(metrics).toMatch(/\{project="default",function="strict",[^}]*outcome="refused"\} 1/)
})

test('proxy variables of the service change nothing', async () => {
  const other = new Workspace()
  await other.deploy('open', ASK, '--profile', 'permissive')
  process.env.HTTP_PROXY = `http://127.0.0.1:${inside.port}`
  const own = await other.serve('--egress-allow-private', upstream.address)
  delete process.env.HTTP_PROXY
  const url = encodeURIComponent(`http://127.0.0.1:${upstream.port}/`)
  expect(await (await own.fetch(`/functions/open?url=${url}`)).text()).toStartWith('hello')
  expect(insideHits).toBe(0)
  await own.stop()
  other.remove()
}, 30_000)
