/** ctx.clientAddress, and the scheme and host of req.url: what trusted proxies say, and nobody else. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eventually } from '../../src/testing/eventually.ts'
import { problem, type Service, Workspace } from '../e2e/harness.ts'

const SHOW = `
export default (req: Request, ctx: { clientAddress?: string }) => {
  const headers = Object.fromEntries([...req.headers].filter(([name]) => /forwarded/.test(name)))
  return Response.json({ address: ctx.clientAddress, url: req.url, headers })
}
`

interface Seen {
  address?: string
  url: string
  headers: Record<string, string>
}

const CLAIMS = {
  'x-forwarded-for': '198.51.100.1, 203.0.113.9',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'shop.example',
  'x-forwarded-port': '443',
  forwarded: 'for=198.51.100.2;proto=https;host=evil.example',
}

const space = new Workspace()
let open: Service
let trusting: Service

async function seen(service: Service, headers: Record<string, string> = {}, name = 'show') {
  const response = await service.fetch(`/functions/${name}/a?b=c`, { headers })
  expect(response.status).toBe(200)
  return (await response.json()) as Seen
}

beforeAll(async () => {
  await space.deploy('show', SHOW)
  await space.deploy('bun', SHOW, '--runtime', 'bun', '--profile', 'permissive')
  open = await space.serve()
}, 30_000)

afterAll(async () => {
  await open.stop()
  await trusting?.stop()
  space.remove()
})

test.each(['show', 'bun'])(
  '%s: a client that claims another address is not believed',
  async (name) => {
    expect(await seen(open, CLAIMS, name)).toEqual({
      address: '127.0.0.1',
      url: `http://127.0.0.1:${open.port}/a?b=c`,
      headers: {
        'x-forwarded-for': '198.51.100.1, 203.0.113.9, 127.0.0.1',
        'x-forwarded-prefix': `/functions/${name}`,
      },
    })
    const plain = await seen(open, {}, name)
    expect(plain.address).toBe('127.0.0.1')
    expect(plain.headers['x-forwarded-for']).toBe('127.0.0.1')
  },
)

describe('behind a trusted proxy', () => {
  beforeAll(async () => {
    await open.stop()
    trusting = await space.serve('--trusted-proxies', '127.0.0.0/8, ::1')
  })

  test.each(['show', 'bun'])('%s: address, scheme and host are the outer ones', async (name) => {
    const { address, url, headers } = await seen(trusting, CLAIMS, name)
    expect(address).toBe('203.0.113.9')
    expect(url).toBe('https://shop.example/a?b=c')
    expect(headers['x-forwarded-for']).toBe('198.51.100.1, 203.0.113.9, 127.0.0.1')
    expect(headers['x-forwarded-proto']).toBe('https')
  })

  test('what is no address is nobody’s, and the request goes on', async () => {
    const { address, headers } = await seen(trusting, { 'x-forwarded-for': '203.0.113.9, x\u00ff' })
    expect(address).toBeUndefined()
    expect(headers['x-forwarded-for']).toBe('203.0.113.9, x\u00ff, 127.0.0.1')
  })

  test('a host that no URL can have is left out', async () => {
    const { url } = await seen(trusting, { 'x-forwarded-host': 'a/../../b', host: 'inner' })
    expect(url).toBe('http://inner/a?b=c')
  })

  test('dot segments do not leave the function by the outer host', async () => {
    const headers = { 'x-forwarded-host': 'shop.example', 'x-forwarded-proto': 'https' }
    const response = await trusting.fetch('/functions/show/..%2fother', { headers })
    expect((await problem(response)).code).toBe('BAD_REQUEST')
  })
})

test('SIGHUP takes the trust back', async () => {
  await trusting.stop()
  space.source('functions.toml', '[server]\ntrusted_proxies = ["127.0.0.1"]\n')
  trusting = await space.serve()
  expect((await seen(trusting, CLAIMS)).address).toBe('203.0.113.9')
  space.source('functions.toml', '')
  trusting.process.kill('SIGHUP')
  await eventually('the settings are reloaded', () => {
    return trusting.log.includes('"changed":"server.trusted_proxies"')
  })
  expect((await seen(trusting, CLAIMS)).address).toBe('127.0.0.1')
}, 20_000)

test('an IPv4 client of a listener for IPv6 has its IPv4 address', async () => {
  await trusting.stop()
  trusting = await space.serve('--host', '::')
  const port = new URL(trusting.url).port
  const over4 = await fetch(`http://127.0.0.1:${port}/functions/show`)
  expect(((await over4.json()) as Seen).address).toBe('127.0.0.1')
  const over6 = await fetch(`http://[::1]:${port}/functions/show`)
  expect(((await over6.json()) as Seen).address).toBe('::1')
}, 20_000)

test.each(['10.0.0.0/33', 'localhost', 'fe80::1%eth0', '10.0.0.1:80', 'unix', ''])(
  'a proxy %j in the settings is refused by its name',
  async (entry) => {
    space.source('functions.toml', `[server]\ntrusted_proxies = ["10.0.0.1", "${entry}"]\n`)
    const { exitCode, stderr } = await space.command('config')
    space.source('functions.toml', '')
    expect(exitCode).toBe(1)
    expect(stderr).toContain('functions.toml:2: server.trusted_proxies')
  },
)
