/** `egress.proxy` of a real service: TLS by name through the tunnel, and a password that nobody sees. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { eventually } from '../../src/testing/eventually.ts'
import { Authority } from '../egress/certificates.ts'
import { DnsServer } from '../egress/dns-server.ts'
import { type ProxyServer, startProxy } from '../egress/proxy-server.ts'
import { run, type Service, Workspace } from './harness.ts'

const ASK = `export default async (req: Request) => {
  const url = new URL(req.url).searchParams.get('url')!
  try {
    return new Response(await (await fetch(url)).text())
  } catch (error) {
    return Response.json([error.message, error.cause.code, Object.keys(error), error.cause.stack])
  }
}`
const PASSWORD = 'not-for-your-eyes'

const space = new Workspace()
let service: Service
let dns: DnsServer
let proxy: ProxyServer
let upstream: Server
let port: number

beforeAll(async () => {
  dns = await DnsServer.start()
  dns.zone = { 'public.test': [['8.8.8.8']], 'private.test': [['10.0.0.1']] }
  proxy = await startProxy()
  const authority = await Authority.make()
  upstream = createServer(
    await authority.issue({ names: ['public.test'] }),
    (socket: TLSSocket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        const body = `asked for ${socket.servername}`
        socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      })
    },
  )
  upstream.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  port = (upstream.address() as { port: number }).port
  space.environment.NODE_EXTRA_CA_CERTS = space.source('authority.pem', authority.cert)
  space.environment.FUNCTIONS_EGRESS_PROXY = `http://operator:${PASSWORD}@127.0.0.1:${proxy.port}`
  const rules = { allowNetwork: true, allowedDomains: ['*.test'], allowEval: true }
  const profile = space.source('some.json', JSON.stringify({ ...rules, maxMemory: '512MB' }))
  await space.deploy('quickjs', ASK, '--runtime', 'quickjs-ng', '--profile', profile)
  await space.deploy('bun', ASK, '--runtime', 'bun', '--profile', profile)
  service = await space.serve('--egress-resolver', dns.address)
}, 60_000)

afterAll(async () => {
  await service.stop()
  upstream.close()
  proxy.close()
  dns.close()
  space.remove()
})

async function ask(name: string, url: string): Promise<string> {
  const response = await service.fetch(`/functions/${name}?url=${encodeURIComponent(url)}`)
  return await response.text()
}

test.each(['quickjs', 'bun'])(
  'a %s worker reaches a public name, and no private one',
  async (name) => {
    proxy.heads.length = 0
    proxy.answer = undefined
    expect(await ask(name, `https://public.test:${port}/`)).toBe('asked for public.test')
    expect(proxy.heads).toHaveLength(1)
    expect(proxy.heads[0]).toStartWith(`CONNECT 8.8.8.8:${port} HTTP/1.1\r\n`)
    expect(proxy.heads[0]).toContain(`Basic ${btoa(`operator:${PASSWORD}`)}`)
    expect(await ask(name, `http://private.test:${port}/`)).toContain('ERR_POLICY')
    expect(proxy.heads).toHaveLength(1)
  },
)

test.each(['quickjs', 'bun'])('a %s worker learns nothing of the proxy', async (name) => {
  proxy.answer = (socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
  const failure = await ask(name, `https://public.test:${port}/`)
  expect(failure).toContain('ERR_PROXY')
  expect(failure).toContain('status 407')
  expect(failure).not.toContain('127.0.0.1')
  expect(failure).not.toContain(PASSWORD)
})

test('the operator learns of it, once a minute', async () => {
  const line = 'the proxy for outbound requests failed: check egress.proxy'
  await eventually('the log line', () => service.log.includes(line))
  proxy.answer = (socket) => socket.destroy()
  await ask('quickjs', `https://public.test:${port}/`)
  expect(service.log.split(line)).toHaveLength(2)
  expect(service.log).toContain('(status 407)')
})

test('the password is in no output of the service', async () => {
  const env = { FUNCTIONS_EGRESS_PROXY: space.environment.FUNCTIONS_EGRESS_PROXY as string }
  for (const format of [[], ['--json']]) {
    const { stdout, stderr } = await run(['config', ...format], { env })
    expect(stdout).toContain(`http://***@127.0.0.1:${proxy.port}`)
    expect(stdout + stderr).not.toContain(PASSWORD)
  }
  expect(service.log).not.toContain(PASSWORD)
})
