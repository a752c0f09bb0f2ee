/** What a failed fetch tells the function: a code for libraries, a sentence for people, no address. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createServer as createTlsServer, type Server } from 'node:tls'
import { Authority } from '../egress/certificates.ts'
import { DnsServer } from '../egress/dns-server.ts'
import { socketUpstream, type Upstream } from '../egress/upstream.ts'
import { type Service, Workspace } from './harness.ts'

const PROBE = `
const fieldsOf = (value) =>
  Object.fromEntries(Object.getOwnPropertyNames(value).map((name) => [name, String(value[name])]))
export default async (req: Request) => {
  const url = new URL(req.url).searchParams.get('url')!
  try {
    const response = await fetch(url)
    return Response.json({ status: response.status, text: await response.text() })
  } catch (error) {
    const { cause } = error
    return Response.json({
      name: error.name,
      message: error.message,
      code: error.code,
      cause: cause?.code,
      isError: cause instanceof Error,
      keys: cause && JSON.stringify(cause),
      all: JSON.stringify([fieldsOf(error), cause && fieldsOf(cause)]),
    })
  }
}`

interface Probed {
  status?: number
  text?: string
  name: string
  message: string
  code: string
  cause: string
  isError: boolean
  keys: string
  all: string
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const interim = (status: string) => `HTTP/1.1 ${status}\r\n\r\n`
/** What the upstream writes at a path. */
const ANSWERS: Record<string, string> = {
  '/continue': interim('100 Continue') + OK,
  '/hints': `HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n${OK}`,
  '/several': interim('100 Continue').repeat(3) + interim('102 Processing').repeat(3) + OK,
  '/endless': interim('100 Continue').repeat(500),
  '/garbage': 'no HTTP at all\r\n\r\n',
  '/upgrade': 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
  '/upgrade-and-close':
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
  '/switch': interim('101 Switching Protocols'),
  '/switch-and-close': interim('101 Switching Protocols'),
}

const space = new Workspace()
let service: Service
let dns: DnsServer
let upstream: Upstream
let expired: Server

beforeAll(async () => {
  dns = await DnsServer.start()
  dns.zone = {
    'here.test': [['127.0.0.1']],
    'empty.test': [[]],
    'failing.test': ['servfail'],
    'refusing.test': ['refused'],
    'silent.test': ['silent'],
    'hidden.test': [['10.11.12.13']],
  }
  upstream = await socketUpstream((socket, request) => {
    const path = request.split(' ')[1] ?? ''
    if (path === '/reset') socket.destroy()
    else if (path.endsWith('-and-close')) socket.end(ANSWERS[path] ?? '')
    else if (path !== '/silent') socket.write(ANSWERS[path] ?? OK)
  })
  const authority = await Authority.make()
  expired = createTlsServer(await authority.issue({ names: ['here.test'], days: -1 }))
  expired.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => expired.listen(0, '127.0.0.1', resolve))
  const rules = { allowNetwork: true, allowedDomains: ['*.test'], allowEval: true }
  const profile = space.source('some.json', JSON.stringify({ ...rules, maxMemory: '512MB' }))
  await space.deploy('quickjs', PROBE, '--runtime', 'quickjs-ng', '--profile', profile)
  await space.deploy('bun', PROBE, '--runtime', 'bun', '--profile', profile)
  await space.deploy('native', PROBE, '--runtime', 'bun', '--profile', 'permissive')
  service = await space.serve(
    '--egress-resolver',
    dns.address,
    '--egress-allow-private',
    '127.0.0.0/8',
    '--egress-connect-timeout',
    '1s',
    '--egress-head-timeout',
    '1s',
  )
}, 60_000)

afterAll(async () => {
  await service.stop()
  upstream.close()
  expired.close()
  dns.close()
  space.remove()
})

async function probe(name: string, url: string): Promise<Probed> {
  const response = await service.fetch(`/functions/${name}?url=${encodeURIComponent(url)}`)
  return (await response.json()) as Probed
}

const portOf = (server: Server): number => (server.address() as { port: number }).port
const at = (path: string) => `http://here.test:${upstream.port}${path}`

for (const name of ['quickjs', 'bun']) {
  describe(`a function in a ${name} worker`, () => {
    test.each([
      ['http://nobody.test/', 'ENOTFOUND', 'the name does not exist'],
      ['http://empty.test/', 'ENODATA', 'the name exists but has no address'],
      ['http://failing.test/', 'EAI_AGAIN', 'the DNS server failed (SERVFAIL)'],
      ['http://refusing.test/', 'EAI_FAIL', 'the DNS server refused the question'],
      ['http://silent.test/', 'EAI_AGAIN', 'the DNS server did not answer'],
      ['http://here.test:9999/', 'ECONNREFUSED', 'here.test refused the connection.'],
      ['http://hidden.test/', 'ERR_POLICY', 'hidden.test resolves to a private address'],
      ['http://elsewhere.com/', 'ERR_POLICY', 'allowedDomains'],
      ['http://a..b/', 'ENOTFOUND', '"a..b" is not a valid host name'],
      ['ftp://here.test/', 'ERR_POLICY', 'is not supported'],
    ])('%s: %s', async (url, code, words) => {
      const error = await probe(name, url)
      expect(error).toMatchObject({ name: 'TypeError', code, cause: code, isError: true })
      expect(JSON.parse(error.keys)).toEqual({ code })
      expect(error.message).toStartWith('fetch: ')
      expect(error.message).toContain(words)
      // Neither the addresses of hosts nor those of the DNS server.
      expect(error.all).not.toMatch(/127\.0\.0\.1|10\.11\.12\.13/)
    })

    test.each([
      ['/reset', 'ECONNRESET'],
      ['/garbage', 'ERR_PROTOCOL'],
      ['/upgrade', 'ERR_PROTOCOL'],
      ['/upgrade-and-close', 'ERR_PROTOCOL'],
      ['/switch', 'ERR_PROTOCOL'],
      ['/switch-and-close', 'ERR_PROTOCOL'],
      ['/endless', 'ERR_PROTOCOL'],
      ['/silent', 'UND_ERR_HEADERS_TIMEOUT'],
    ])('%s: %s', async (path, code) => {
      const error = await probe(name, at(path))
      expect(error).toMatchObject({ name: 'TypeError', code, cause: code, isError: true })
      expect(error.all).not.toContain('127.0.0.1')
    })

    test('TLS: the code of the check that failed', async () => {
      const error = await probe(name, `https://here.test:${portOf(expired)}/`)
      expect(error).toMatchObject({ code: 'CERT_HAS_EXPIRED', cause: 'CERT_HAS_EXPIRED' })
    })
  })
}

describe('informational responses are skipped', () => {
  for (const name of ['quickjs', 'bun', 'native']) {
    test.each(['/continue', '/hints', '/several'])(`${name}: %s`, async (path) => {
      const url = name === 'native' ? `http://127.0.0.1:${upstream.port}${path}` : at(path)
      expect(await probe(name, url)).toEqual({ status: 200, text: 'ok' } as Probed)
    })
  }
})

test('with the network of the host, Bun’s own errors have a cause too', async () => {
  const error = await probe('native', 'http://127.0.0.1:1/')
  expect(error).toMatchObject({ code: 'ECONNREFUSED', cause: 'ECONNREFUSED', isError: true })
})
