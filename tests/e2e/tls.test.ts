/** Outbound requests over TLS: whose certificate counts, and what befalls a fetch whose does not. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { Authority, type Credentials, selfSigned } from '../egress/certificates.ts'
import { DnsServer } from '../egress/dns-server.ts'
import { type Service, Workspace } from './harness.ts'

const ASK = `export default async (req: Request) => {
  const url = new URL(req.url).searchParams.get('url')!
  try {
    const response = await fetch(url)
    return new Response(await response.text())
  } catch (error) {
    return new Response(String(error), { status: 599 })
  }
}`

const space = new Workspace()
const servers: Server[] = []
let service: Service
let dns: DnsServer
let authority: Authority

/** Answers every request with the name that the client asked for in its handshake. */
async function tlsServer(credentials: Credentials): Promise<number> {
  return await listen(
    createServer(credentials, (socket: TLSSocket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        const body = `asked for ${socket.servername || 'no name'}`
        socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      })
    }),
  )
}

async function listen(server: Server): Promise<number> {
  server.on('tlsClientError', () => {})
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

beforeAll(async () => {
  dns = await DnsServer.start()
  dns.fallback = ['127.0.0.1']
  authority = await Authority.make()
  space.environment.NODE_EXTRA_CA_CERTS = space.source('authority.pem', authority.cert)
  await space.deploy('ask', ASK, '--profile', 'permissive')
  service = await space.serve(
    '--egress-resolver',
    dns.address,
    '--egress-allow-private',
    '127.0.0.1/32',
    '--egress-connect-timeout',
    '2s',
  )
})

afterAll(async () => {
  await service.stop()
  for (const server of servers) server.close()
  dns.close()
  space.remove()
})

async function ask(url: string): Promise<string> {
  const response = await service.fetch(`/functions/ask?url=${encodeURIComponent(url)}`)
  return await response.text()
}

describe('a certificate that counts', () => {
  test('is for the name, of an authority that the operator added', async () => {
    const port = await tlsServer(await authority.issue({ names: ['good.test', '*.wild.test'] }))
    expect(await ask(`https://good.test:${port}/`)).toBe('asked for good.test')
    expect(await ask(`https://a.wild.test:${port}/`)).toBe('asked for a.wild.test')
  })

  test('is for the address if the URL has one: no server name is sent', async () => {
    const port = await tlsServer(await authority.issue({ names: ['127.0.0.1'] }))
    expect(await ask(`https://127.0.0.1:${port}/`)).toBe('asked for no name')
  })
})

describe('a certificate that does not count', () => {
  const refused = async (credentials: Credentials, host = 'good.test') =>
    await ask(`https://${host}:${await tlsServer(credentials)}/`)

  test('is for another name', async () => {
    const other = await authority.issue({ names: ['other.test', '127.0.0.1'] })
    expect(await refused(other)).toBe(
      'TypeError: fetch: The TLS certificate of good.test was rejected (ERR_TLS_CERT_ALTNAME_INVALID).',
    )
  })

  test('is for a name where the URL has the address', async () => {
    const named = await authority.issue({ names: ['good.test'] })
    expect(await refused(named, '127.0.0.1')).toContain('ERR_TLS_CERT_ALTNAME_INVALID')
  })

  test('has expired', async () => {
    const expired = await authority.issue({ names: ['good.test'], days: -1 })
    expect(await refused(expired)).toBe(
      'TypeError: fetch: The TLS certificate of good.test was rejected (CERT_HAS_EXPIRED).',
    )
  })

  test('is its own authority', async () => {
    expect(await refused(await selfSigned(['good.test']))).toBe(
      'TypeError: fetch: The TLS certificate of good.test was rejected (DEPTH_ZERO_SELF_SIGNED_CERT).',
    )
  })

  test('is of an authority that nobody knows', async () => {
    const unknownAuthority = await Authority.make()
    const why = await refused(await unknownAuthority.issue({ names: ['good.test'] }))
    expect(why).toMatch(
      /^TypeError: fetch: The TLS certificate of good\.test was rejected \(\w+\)\.$/,
    )
  })
})

describe('an upstream that does not finish the handshake', () => {
  test('speaks plain HTTP', async () => {
    const port = await listen(
      createTcpServer((socket) => {
        socket.on('error', () => {})
        socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n')
      }),
    )
    expect(await ask(`https://good.test:${port}/`)).toMatch(
      /^TypeError: fetch: The TLS handshake with good\.test failed \(\w+\)\.$/,
    )
  })

  test('closes at once', async () => {
    const port = await listen(createTcpServer((socket) => socket.destroy()))
    expect(await ask(`https://good.test:${port}/`)).toMatch(/^TypeError: fetch: good\.test/)
  })

  test('says nothing', async () => {
    const port = await listen(createTcpServer((socket) => socket.on('error', () => {})))
    expect(await ask(`https://good.test:${port}/`)).toBe(
      'TypeError: fetch: good.test did not accept the connection in time.',
    )
  })
})

test('a redirect is followed to TLS, but not to a bad certificate', async () => {
  const good = await tlsServer(await authority.issue({ names: ['good.test'] }))
  const bad = await tlsServer(await authority.issue({ names: ['other.test'] }))
  const port = await listen(
    createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (request) => {
        const to = request.toString().startsWith('GET /bad') ? bad : good
        const location = `https://good.test:${to}/`
        socket.end(`HTTP/1.1 302 Found\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`)
      })
    }),
  )
  expect(await ask(`http://plain.test:${port}/`)).toBe('asked for good.test')
  expect(await ask(`http://plain.test:${port}/bad`)).toContain('was rejected')
})

test('the function and the broker live on', async () => {
  const port = await tlsServer(await authority.issue({ names: ['good.test'] }))
  const [refused, answered] = await Promise.all([
    ask(`https://wrong.test:${port}/`),
    ask(`https://good.test:${port}/`),
  ])
  expect(refused).toContain('was rejected')
  expect(answered).toBe('asked for good.test')
  expect(service.process.exitCode).toBeNull()
})
