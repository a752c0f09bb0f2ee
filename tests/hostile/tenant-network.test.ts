/** Of two tenants neither uses the other's connections or cookies, and none reaches the service. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { DnsServer } from '../egress/dns-server.ts'
import { httpUpstream, type Upstream } from '../egress/upstream.ts'
import { Tenants } from './tenants.ts'

const tenants = new Tenants(['net', 'bun'])
const ask = tenants.ask.bind(tenants)
let dns: DnsServer
let upstream: Upstream
/** Header lines that the upstream received, by connection. */
const heads: { connection: number; cookie: string | undefined }[] = []

beforeAll(async () => {
  dns = await DnsServer.start()
  dns.fallback = ['127.0.0.1']
  const connections = new WeakMap<object, number>()
  upstream = await httpUpstream((request, response) => {
    const known = connections.get(request.socket) ?? upstream.connections()
    connections.set(request.socket, known)
    heads.push({ connection: known, cookie: request.headers.cookie })
    response.setHeader('set-cookie', 'session=of-whoever-came-first')
    response.end('hello')
  })
  await tenants.start([
    '--egress-resolver',
    dns.address,
    '--egress-allow-private',
    upstream.address,
  ])
}, 120_000)

afterAll(async () => {
  await tenants.stop()
  upstream.close()
  dns.close()
})

describe.each(['net', 'bun'])('the network (%s)', (kind) => {
  test('a connection of one is not the other’s, nor are its cookies', async () => {
    heads.length = 0
    const url = `http://api.test:${upstream.port}/`
    for (const tenant of ['alpha', 'alpha', 'beta', 'beta'] as const) {
      expect(await ask(`${tenant}-${kind}`, 'fetch', url)).toBe('hello 200')
    }
    const [a1, a2, b1, b2] = heads.map(({ connection }) => connection)
    expect(a1).toBe(a2 as number)
    expect(b1).toBe(b2 as number)
    expect(a1).not.toBe(b1 as number)
    expect(heads.every(({ cookie }) => cookie === undefined)).toBe(true)
  })

  test('the service’s own port is not reached from inside', async () => {
    const answer = await ask(`alpha-${kind}`, 'fetch', `${tenants.service.url}/health`)
    expect(answer).toContain('TypeError')
    expect(answer).not.toContain('status')
  })
})
