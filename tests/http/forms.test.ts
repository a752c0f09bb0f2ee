/** Forms of HTTP/1.x that clients and health checks use, with raw sockets against the executable. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eventually } from '../../src/testing/eventually.ts'
import { type Service, Workspace } from '../e2e/harness.ts'
import { type Exchanged, exchange } from './raw-http.ts'

const ECHO = `
export default async (req: Request) => {
  const { pathname } = new URL(req.url)
  if (pathname === '/upgrade') {
    return new Response('TLS please', { status: 426, headers: { Upgrade: 'TLS/1.0, HTTP/1.1' } })
  }
  if (pathname === '/slow') await new Promise((resolve) => setTimeout(resolve, 1500))
  return Response.json({ method: req.method, url: req.url, body: await req.text() })
}
`

const space = new Workspace()
let service: Service

beforeAll(async () => {
  await space.deploy('echo', ECHO)
  service = await space.serve()
}, 30_000)

afterAll(async () => {
  await service.stop()
  space.remove()
})

const send = (...parts: (string | number)[]) => exchange(service.port, parts)
const first = (exchanged: Exchanged) => {
  const [response] = exchanged.responses
  if (response === undefined) throw new Error(`no response: ${exchanged.text}`)
  return response
}

describe('HTTP/1.0 without Host', () => {
  test('answers the health checks of HAProxy and ab', async () => {
    for (const path of ['/health', '/ready']) {
      const response = first(await send(`GET ${path} HTTP/1.0\r\n\r\n`))
      expect(response.status).toBe(200)
      expect(response.body).toContain('"status"')
      const options = first(await send(`OPTIONS ${path} HTTP/1.0\r\n\r\n`))
      expect(options.status).toBe(405)
    }
    expect(first(await send('GET /nothing HTTP/1.0\r\n\r\n')).status).toBe(404)
  })

  test('reaches a function, whose URL has the host of the listener', async () => {
    const response = first(await send('GET /functions/echo/a/b?x=1 HTTP/1.0\r\n\r\n'))
    expect(response.status).toBe(200)
    const { url } = JSON.parse(response.body)
    expect(url).toBe(`http://127.0.0.1:${service.port}/a/b?x=1`)
    const length = 'Content-Length: 2\r\n\r\nab'
    const posted = first(await send(`POST /functions/echo HTTP/1.0\r\n${length}`))
    expect(JSON.parse(posted.body)).toMatchObject({ method: 'POST', body: 'ab' })
  })

  test('cannot leave the function, nor name another host in the path', async () => {
    const paths = [
      '/functions/echo/../other',
      '/functions/echo/%2e%2e/other',
      '/functions/echo/..%2fother',
      '/functions/echo/%00',
    ]
    for (const path of paths) {
      expect(first(await send(`GET ${path} HTTP/1.0\r\n\r\n`)).status).toBe(400)
    }
    expect(first(await send('GET //other/functions/echo HTTP/1.0\r\n\r\n')).status).toBe(404)
    expect(first(await send('GET /functions/echo HTTP/1.0\r\nHost: a b\r\n\r\n')).status).toBe(400)
  })

  test('an empty Host of HTTP/1.1 is the same', async () => {
    const response = first(await send('GET /functions/echo HTTP/1.1\r\nHost:\r\n\r\n'))
    expect(JSON.parse(response.body).url).toBe(`http://127.0.0.1:${service.port}/`)
  })
})

test('CONNECT is refused for what it is, and its connection closes', async () => {
  const exchanged = await send('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n')
  const response = first(exchanged)
  expect(response.status).toBe(405)
  expect(response.headers.get('allow')).toContain('GET')
  expect(JSON.parse(response.body)).toMatchObject({ code: 'METHOD_NOT_ALLOWED' })
  expect(JSON.parse(response.body).detail).toContain('CONNECT')
  expect(exchanged.closed).toBe(true)
})

test('a 426 of a function keeps its Upgrade header', async () => {
  const { status, headers } = first(
    await send('GET /functions/echo/upgrade HTTP/1.1\r\nHost: x\r\n\r\n'),
  )
  expect(status).toBe(426)
  expect(headers.get('upgrade')).toBe('TLS/1.0, HTTP/1.1')
  expect(headers.get('connection')).toBe('upgrade')
})

test('connections close while the service stops', async () => {
  const own = new Workspace()
  await own.deploy('echo', ECHO)
  const stopping = await own.serve()
  const running = exchange(stopping.port, ['GET /functions/echo/slow HTTP/1.1\r\nHost: x\r\n\r\n'])
  // A connection that is open before the stop: the listener may be closed after it.
  await eventually('the slow request runs', async () => {
    return (await stopping.metrics()).includes('functions_in_flight 1')
  })
  const exited = stopping.stop()
  await eventually('it drains', async () => (await stopping.fetch('/ready')).status === 503)
  for (const path of ['/functions/echo', '/ready']) {
    const refused = await exchange(stopping.port, [`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`])
    expect(first(refused).status).toBe(503)
    expect(first(refused).headers.get('connection')).toBe('close')
    expect(refused.closed).toBe(true)
  }
  const finished = await running
  expect(first(finished).status).toBe(200)
  expect(first(finished).headers.get('connection')).toBe('close')
  expect(await exited).toBe(0)
  own.remove()
}, 20_000)
