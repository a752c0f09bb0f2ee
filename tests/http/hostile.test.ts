/** Attackers on the public listener and behind a trusted proxy: bounded work, nothing believed, nothing left open. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { eventually } from '../../src/testing/eventually.ts'
import { type Service, Workspace } from '../e2e/harness.ts'
import { exchange } from './raw-http.ts'

const SHOW = `export default async (req, ctx) => {
  await req.text()
  return Response.json({ address: ctx.clientAddress ?? null, url: req.url, headers: [...req.headers] })
}`

const space = new Workspace()
let service: Service

beforeAll(async () => {
  await space.deploy('show', SHOW)
  service = await space.serve('--trusted-proxies', '127.0.0.1')
}, 30_000)

afterAll(async () => {
  await service.stop()
  space.remove()
})

async function seen(headers: string) {
  const head = `GET /functions/show HTTP/1.1\r\nHost: inner\r\n${headers}\r\n\r\n`
  const [response] = (await exchange(service.port, [head])).responses
  expect(response?.status).toBe(200)
  return JSON.parse(response?.body ?? '') as { address: string | null; url: string }
}

describe('what a client sends through a trusted proxy', () => {
  test.each([
    ['a chain of 1,500 proxies', `X-Forwarded-For: ${'127.0.0.1,'.repeat(1500)}127.0.0.1`],
    ['a quote that does not end', `Forwarded: for="${'\\a'.repeat(6000)}`],
    ['spaces', `Forwarded: ${' \t'.repeat(6000)}x`],
    ['3,000 pairs without an address', `Forwarded: ${'a=b;'.repeat(3000)}c=d`],
    ['names that objects have', 'X-Forwarded-For: __proto__, constructor'],
  ])('%s: the client is unknown', async (_, header) => {
    expect(await seen(header)).toMatchObject({ address: null, url: 'http://inner/' })
  })

  test.each([
    ['a@evil.example'],
    ['evil.example/path'],
    ['evil.example?'],
    ['evil.example, evil.example/'],
    ['a%0d%0ab'],
    ['xn--a'],
  ])('the host %j does not reach req.url', async (host) => {
    expect((await seen(`X-Forwarded-Host: ${host}`)).url).toBe('http://inner/')
  })

  test('Connection cannot take the proxy’s headers off', async () => {
    const named = 'Connection: x-forwarded-for, x-forwarded-proto, host, x-request-id'
    const claims = 'X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https'
    expect(await seen(`${named}\r\n${claims}`)).toMatchObject({
      address: '203.0.113.9',
      url: 'https://inner/',
    })
  })
})

test('400 connections that are reset in the middle of a request leave nothing open', async () => {
  const head = 'POST /functions/show HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n'
  await Promise.all(
    Array.from({ length: 400 }, async (_, i) => {
      const socket = connect(service.port, '127.0.0.1')
      socket.on('error', () => {})
      await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
      socket.write(i % 2 === 0 ? head : `${head}\r\nab`)
      await Bun.sleep(i % 20)
      if (i % 3 === 0) socket.destroy()
      else socket.resetAndDestroy()
    }),
  )
  await eventually('no request is open', async () => {
    const metrics = await service.metrics()
    return metrics.includes('functions_in_flight 0\n') && metrics.includes('functions_queued 0\n')
  })
  expect((await service.fetch('/functions/show')).status).toBe(200)
  expect(service.log).not.toContain('"level":"error"')
}, 20_000)
