/** The service behind nginx, Caddy and HAProxy, with the configurations of docs/http.md. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect, type TLSSocket } from 'node:tls'
import { eventually } from '../../src/testing/eventually.ts'
import { type Service, Workspace } from '../e2e/harness.ts'
import { installed, PROXIES, PUBLIC_NAME, ReverseProxy } from './proxies.ts'
import { parseResponses, type RawResponse } from './raw-http.ts'

const FUNCTION = `
let release = new Map()
const received = new Map()
export default async (req, ctx) => {
  const url = new URL(req.url)
  const key = url.searchParams.get('key')
  if (url.pathname === '/events') {
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode('data: first\\n\\n'))
        await new Promise((resolve) => release.set(key, resolve))
        controller.enqueue(new TextEncoder().encode('data: last\\n\\n'))
        controller.close()
      },
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
  if (url.pathname === '/release') {
    release.get(key)?.()
    return new Response('released')
  }
  if (url.pathname === '/upload') {
    for await (const chunk of req.body) received.set(key, (received.get(key) ?? 0) + chunk.length)
    return new Response(String(received.get(key)))
  }
  if (url.pathname === '/received') return new Response(String(received.get(key) ?? 0))
  return Response.json({ address: ctx.clientAddress, url: req.url, headers: Object.fromEntries(req.headers) })
}
`

/** An address of this machine that is not in server.trusted_proxies. */
const CLIENT = '127.0.0.2'

const space = new Workspace()
let service: Service

beforeAll(async () => {
  await space.deploy('f', FUNCTION, '--timeout', '1min', '--max-workers', '1')
  service = await space.serve('--trusted-proxies', '127.0.0.1')
}, 30_000)

afterAll(async () => {
  await service.stop()
  space.remove()
})

/** A connection to the TLS port of a proxy. */
class Client {
  text = ''
  readonly #socket: TLSSocket

  constructor(port: number) {
    const options = { localAddress: CLIENT, servername: PUBLIC_NAME, rejectUnauthorized: false }
    this.#socket = connect({ host: '127.0.0.1', port, ...options })
    this.#socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1')
    })
    this.#socket.on('error', () => {})
  }

  write(bytes: string | Uint8Array): void {
    this.#socket.write(bytes)
  }

  async response(): Promise<RawResponse> {
    await eventually('the response is complete', () => this.#first()?.complete === true, 20_000)
    this.#socket.destroy()
    return this.#first() as RawResponse
  }

  #first(): RawResponse | undefined {
    return parseResponses(this.text, false, false)[0]
  }
}

for (const name of PROXIES) {
  describe.skipIf(!installed(name))(`behind ${name}`, () => {
    let proxy: ReverseProxy

    beforeAll(async () => {
      proxy = await ReverseProxy.start(name, service.port)
    }, 30_000)

    afterAll(async () => {
      await proxy?.stop()
    })

    const get = (path: string, headers = '') =>
      `GET /functions/f${path} HTTP/1.1\r\nHost: ${PUBLIC_NAME}\r\n${headers}\r\n`

    test('a function has the address, scheme and host of the client, and not its claims', async () => {
      const client = new Client(proxy.tlsPort)
      const claims = [
        'X-Forwarded-For: 203.0.113.66',
        'X-Forwarded-Proto: http',
        'X-Forwarded-Host: evil.example',
        'X-Forwarded-Port: 1',
        'Forwarded: for=203.0.113.66;proto=http;host=evil.example',
      ]
      client.write(get('/a?b=c', claims.map((line) => `${line}\r\n`).join('')))
      const { address, url, headers } = JSON.parse((await client.response()).body)
      expect(address).toBe(CLIENT)
      expect(url).toBe(`https://${PUBLIC_NAME}/a?b=c`)
      expect(headers['x-forwarded-for']).toEndWith(`${CLIENT}, 127.0.0.1`)
      expect(headers['x-forwarded-proto']).toBe('https')
      expect(headers['x-forwarded-host']).toBe(PUBLIC_NAME)
      expect([undefined, String(proxy.tlsPort)]).toContain(headers['x-forwarded-port'])
      expect(headers.forwarded).toBeUndefined()
    })

    test('server-sent events arrive at once', async () => {
      const client = new Client(proxy.tlsPort)
      client.write(get(`/events?key=${name}`))
      await eventually('the first event is there', () => client.text.includes('data: first'))
      expect(client.text).not.toContain('data: last')
      expect(client.text).toMatch(/content-type: text\/event-stream/i)
      await service.fetch(`/functions/f/release?key=${name}`)
      expect((await client.response()).body).toBe('data: first\n\ndata: last\n\n')
    })

    test('a long upload reaches the handler while it is sent', async () => {
      const part = new Uint8Array(1024 * 1024)
      const parts = 6
      const client = new Client(proxy.tlsPort)
      client.write(
        `POST /functions/f/upload?key=${name} HTTP/1.1\r\nHost: ${PUBLIC_NAME}\r\nContent-Length: ${part.length * parts}\r\n\r\n`,
      )
      const received = async () =>
        Number(await (await service.fetch(`/functions/f/received?key=${name}`)).text())
      for (let sent = 1; sent <= parts; sent++) {
        client.write(part)
        // A proxy may hold some of it back, but never a whole part.
        await eventually(
          `part ${sent} arrives`,
          async () => (await received()) > part.length * (sent - 1),
        )
      }
      expect((await client.response()).body).toBe(String(part.length * parts))
    }, 30_000)
  })
}
