/** Secrets with hosts: the function never has them, and only HTTPS requests to these hosts do. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { Authority } from '../egress/certificates.ts'
import { DnsServer } from '../egress/dns-server.ts'
import { type Service, Workspace } from './harness.ts'

const SECRET = 'sk_live_for_the_broker_only'
/** Sends the request that the body describes, with KEY put in by the function where it says `$KEY`. */
const ASK = `
const filled = (value: unknown, key: string) => JSON.parse(JSON.stringify(value).replaceAll('$KEY', key))
export default {
  async fetch(req: Request, env: Record<string, string>) {
    const asked = await req.json() as { env?: boolean; url: string; stream?: boolean; init: RequestInit & { body?: string } }
    if (asked.env) return Response.json({ env, process: { ...process.env } })
    const { url, init, stream } = filled(asked, env.KEY)
    if (stream) {
      const { body } = init
      const cut = body.length >> 1
      init.body = new ReadableStream({
        async pull(controller) {
          for (const part of [body.slice(0, cut), body.slice(cut)]) {
            controller.enqueue(new TextEncoder().encode(part))
            await new Promise((done) => setTimeout(done, 20))
          }
          controller.close()
        },
      })
      init.duplex = 'half'
    }
    try {
      const response = await fetch(url, init)
      return Response.json({ status: response.status, body: await response.text() })
    } catch (error) {
      return Response.json({ error: String(error) })
    }
  },
}`

interface Seen {
  host: string
  url: string
  headers: IncomingMessage['headers']
  body: string
}

const space = new Workspace()
let service: Service
let dns: DnsServer
let secure: Server
let plain: ReturnType<typeof createHttpServer>
let seen: Seen[] = []
/** Ports of the servers. */
let tls = 0
let http = 0

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = ''
  for await (const part of request) body += part
  const { url = '', headers } = request
  seen.push({ host: headers.host ?? '', url, headers, body })
  const to = new URL(url, 'http://x').searchParams.get('to')
  if (to !== null) response.writeHead(307, { location: to }).end()
  else response.end('fine')
}

beforeAll(async () => {
  dns = await DnsServer.start()
  dns.fallback = ['127.0.0.1']
  const authority = await Authority.make()
  const certificate = await authority.issue({ names: ['api.test', 'other.test', 'third.test'] })
  secure = createServer(certificate, (...exchange) => void answer(...exchange).catch(() => {}))
  plain = createHttpServer((...exchange) => void answer(...exchange).catch(() => {}))
  for (const server of [secure, plain]) {
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  }
  tls = (secure.address() as AddressInfo).port
  http = (plain.address() as AddressInfo).port
  space.environment.NODE_EXTRA_CA_CERTS = space.source('authority.pem', authority.cert)
  const rules = { allowNetwork: true, allowedDomains: ['*.test'], allowEval: true }
  const profile = space.source('some.json', JSON.stringify({ ...rules, maxMemory: '512MB' }))
  await space.deploy('quickjs-ng', ASK, '--profile', profile)
  await space.deploy('bun', ASK, '--profile', profile, '--runtime', 'bun')
  const value = space.source('key.txt', SECRET)
  for (const name of ['quickjs-ng', 'bun']) {
    const hosts = `api.test:${tls},third.test:${tls}`
    const args = ['secret', 'set', name, 'KEY', '--for', hosts, '--value-file', value]
    const { exitCode, stderr } = await space.command(...args)
    if (exitCode !== 0) throw new Error(stderr)
  }
  rmSync(value)
  service = await space.serve(
    '--egress-resolver',
    dns.address,
    '--egress-allow-private',
    '127.0.0.1/32',
  )
}, 60_000)

afterAll(async () => {
  await service.stop()
  const db = openTestDatabase(join(space.dataDir, 'metadata.db'))
  const rows = db.query("SELECT * FROM audit WHERE action = 'secret.use'").all() as {
    object: string
    outcome: string
    details_json: string
    count: number
  }[]
  const all = JSON.stringify(db.query('SELECT * FROM audit').all())
  db.close()
  expect(all).not.toContain(SECRET)
  for (const runtime of ['quickjs-ng', 'bun']) {
    const hosts = (outcome: string) =>
      rows
        .filter((row) => row.object === runtime && row.outcome === outcome)
        .map((row) => (JSON.parse(row.details_json) as { host: string }).host)
    expect(hosts('done')).toEqual([`api.test:${tls}`])
    expect(new Set(hosts('refused'))).toEqual(
      new Set([`other.test:${tls}`, `api.test:${http}`, `api.test:${tls}`]),
    )
  }
  secure.close()
  plain.close()
  dns.close()
  space.remove()
})

async function ask(runtime: string, asked: unknown): Promise<Record<string, unknown>> {
  seen = []
  const init = { method: 'POST', body: JSON.stringify(asked) }
  const response = await service.fetch(`/functions/${runtime}/`, init)
  const text = await response.text()
  expect(text).not.toContain(SECRET)
  return JSON.parse(text)
}

test('a Bun function with the network of the host cannot have one', async () => {
  const flags = ['--profile', 'permissive', '--runtime', 'bun']
  await space.deploy('direct', ASK, ...flags)
  const value = space.source('key.txt', SECRET)
  const args = ['secret', 'set', 'direct', 'KEY', '--for', 'api.test', '--value-file', value]
  const { exitCode, stderr } = await space.command(...args)
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('Use another profile')])
  const again = await space.command('deploy', 'bun', space.source('bun.ts', ASK), ...flags)
  expect([again.exitCode, again.stderr]).toEqual([2, expect.stringContaining('secret KEY')])
}, 60_000)

for (const runtime of ['quickjs-ng', 'bun']) {
  describe(`a secret with hosts, in ${runtime}`, () => {
    const headers = { authorization: 'Bearer $KEY', 'x-other': 'plain' }
    const real = { authorization: `Bearer ${SECRET}`, 'x-other': 'plain' }

    test('is a placeholder in the function', async () => {
      const { env, process } = await ask(runtime, { env: true })
      expect(env).toEqual({ KEY: expect.stringMatching(/^fnsecret_[0-9a-f]{32}$/) })
      expect(process).toMatchObject(env as object)
    })

    test('is filled in for its host', async () => {
      const url = `https://api.test:${tls}/path`
      expect(await ask(runtime, { url, init: { headers } })).toEqual({ status: 200, body: 'fine' })
      expect(seen).toMatchObject([{ headers: real, url: '/path' }])
    })

    test('is filled in for a request whose body is a stream', async () => {
      const init = { method: 'POST', headers, body: 'x'.repeat(10_000) }
      const url = `https://api.test:${tls}/`
      expect(await ask(runtime, { url, stream: true, init })).toMatchObject({ status: 200 })
      expect(seen).toMatchObject([{ headers: real, body: init.body }])
    })

    test('is filled in again after a redirect on the same host', async () => {
      const url = `https://api.test:${tls}/?to=/there`
      expect(await ask(runtime, { url, init: { headers } })).toMatchObject({ status: 200 })
      expect(seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
        ['/?to=/there', real.authorization],
        ['/there', real.authorization],
      ])
    })

    test('does not go along a redirect to another host, even one of its own', async () => {
      for (const host of ['other.test', 'third.test']) {
        const to = encodeURIComponent(`https://${host}:${tls}/there`)
        const url = `https://api.test:${tls}/?to=${to}`
        const sent = { headers: { ...headers, 'x-key': '$KEY' } }
        expect(await ask(runtime, { url, init: sent })).toMatchObject({ status: 200 })
        expect(seen[1]).toMatchObject({ host: `${host}:${tls}`, url: '/there' })
        expect(seen[1]?.headers.authorization).toBeUndefined()
        expect(seen[1]?.headers['x-key']).toBeUndefined()
        expect(seen[1]?.headers['x-other']).toBe('plain')
      }
    })

    test('does not go along a redirect without TLS', async () => {
      const to = encodeURIComponent(`http://api.test:${http}/there`)
      const url = `https://api.test:${tls}/?to=${to}`
      expect(await ask(runtime, { url, init: { headers } })).toMatchObject({ status: 200 })
      expect(seen[1]).toMatchObject({ url: '/there' })
      expect(seen[1]?.headers.authorization).toBeUndefined()
    })

    const refused: [string, () => unknown][] = [
      ['to another host', () => ({ url: `https://other.test:${tls}/`, init: { headers } })],
      ['without TLS', () => ({ url: `http://api.test:${http}/`, init: { headers } })],
      ['in the URL', () => ({ url: `https://api.test:${tls}/?key=$KEY`, init: {} })],
      [
        'in a body',
        () => ({ url: `https://api.test:${tls}/`, init: { method: 'POST', body: 'key=$KEY' } }),
      ],
    ]
    for (const [what, asked] of refused) {
      test(`is refused ${what}, with a TypeError that names the rule`, async () => {
        const { error } = await ask(runtime, asked())
        expect(error).toMatch(/^TypeError: fetch: The (placeholder of the )?secret KEY/)
        expect(seen).toEqual([])
      })
    }

    test('in a streamed body ends the request', async () => {
      const init = { method: 'POST', body: `${'x'.repeat(5000)}$KEY${'x'.repeat(4960)}` }
      const { error } = await ask(runtime, { url: `https://api.test:${tls}/`, stream: true, init })
      expect(error).toMatch(
        /^TypeError: fetch: The placeholder of the secret KEY stands in the body/,
      )
      expect(JSON.stringify(seen)).not.toContain('fnsecret_')
    })
  })
}
