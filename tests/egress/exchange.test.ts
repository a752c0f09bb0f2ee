/** How requests and responses pass: bodies both ways, limits, kept connections, and what is aborted. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { eventually } from '../../src/testing/eventually.ts'
import { begin, fetchOnce, makeEgress, makeSession, makeSubject } from './harness.ts'
import { httpUpstream, socketUpstream, type Upstream } from './upstream.ts'

const MB = 2 ** 20
let upstream: Upstream
let egress: ReturnType<typeof makeEgress>
/** Responses that a test ends itself. */
let held: ServerResponse[] = []
let closed = 0

const ROUTES: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  '/echo': (request, response) => {
    const { method, headers } = request
    const hash = createHash('sha256')
    let bytes = 0
    request.on('data', (part: Buffer) => {
      bytes += part.length
      hash.update(part)
    })
    request.on('end', () => {
      response.end(JSON.stringify({ method, headers, bytes, sha256: hash.digest('hex') }))
    })
  },
  '/hold': (request, response) => {
    held.push(response)
    request.socket.once('close', () => closed++)
  },
  '/at-once': (_request, response) => response.end(Buffer.alloc(8 * MB)),
  '/big': (_request, response) => {
    let left = 32 * MB
    const more = () => {
      while (left > 0) {
        left -= 65536
        if (!response.write(Buffer.alloc(65536, 1))) break
      }
      if (left <= 0) response.end()
      else response.once('drain', more)
    }
    more()
  },
  '/again': (_request, response) => response.writeHead(307, { location: '/echo' }).end(),
  '/see': (_request, response) => response.writeHead(303, { location: '/echo' }).end(),
  '/early': (_request, response) => response.writeHead(413).end('enough'),
  '/headers': (_request, response) => {
    response.writeHead(200, 'Fine', [
      'Set-Cookie',
      'a=1',
      'set-cookie',
      'b=2',
      'X-Bytes',
      '\xe9',
      'content-length',
      '0',
    ])
    response.end()
  },
  '/not-modified': (_request, response) => response.writeHead(304, { etag: 'x' }).end(),
}

beforeAll(async () => {
  upstream = await httpUpstream((request, response) => {
    const route = ROUTES[request.url ?? '']
    if (route === undefined) response.end(`${request.method} ${request.url}`)
    else route(request, response)
  })
  egress = makeEgress({ allowPrivate: [upstream.address] })
})

afterAll(() => {
  egress.close()
  upstream.close()
})

const at = (path: string) => `http://127.0.0.1:${upstream.port}${path}`

describe('requests', () => {
  test('method, headers and a body that is all there', async () => {
    const body = new TextEncoder().encode('small')
    const { body: answer } = await fetchOnce(makeSession(egress), at('/echo'), {
      ...{
        method: 'POST',
        headers: [
          ['X-Own', 'v'],
          ['content-type', 'text/plain'],
        ],
        body,
      },
    })
    const { method, headers, bytes } = JSON.parse(answer.toString())
    expect(method).toBe('POST')
    expect(bytes).toBe(5)
    expect(headers['x-own']).toBe('v')
    expect(headers['content-length']).toBe('5')
    expect(headers.host).toBe(`127.0.0.1:${upstream.port}`)
  })

  test('a method without a body says so', async () => {
    const { body } = await fetchOnce(makeSession(egress), at('/echo'), { method: 'POST' })
    expect(JSON.parse(body.toString()).headers['content-length']).toBe('0')
    const get = await fetchOnce(makeSession(egress), at('/echo'))
    expect(JSON.parse(get.body.toString()).headers['content-length']).toBeUndefined()
  })

  test('a body that streams arrives whole, and its bytes are reported as taken', async () => {
    const running = begin(makeSession(egress), at('/echo'), { method: 'PUT', end: false })
    const hash = createHash('sha256')
    for (let i = 0; i < 64; i++) {
      const part = randomBytes(65536)
      hash.update(part)
      running.call.write(part)
      await eventually('credit', () => running.taken() >= (i - 3) * 65536)
    }
    running.call.end()
    const answer = JSON.parse((await running.done).body.toString())
    expect(answer.bytes).toBe(4 * MB)
    expect(answer.sha256).toBe(hash.digest('hex'))
    expect(answer.headers['transfer-encoding']).toBe('chunked')
    expect(running.taken()).toBe(4 * MB)
  })

  test('a declared length is sent and enforced', async () => {
    const options = {
      method: 'PUT',
      end: false,
      headers: [['content-length', '4']] as [string, string][],
    }
    const right = begin(makeSession(egress), at('/echo'), options)
    right.call.write(Buffer.from('four'))
    right.call.end()
    const { headers } = JSON.parse((await right.done).body.toString())
    expect(headers['content-length']).toBe('4')
    for (const wrong of ['three is less than', 'no']) {
      const running = begin(makeSession(egress), at('/echo'), options)
      running.call.write(Buffer.from(wrong))
      running.call.end()
      expect((await running.done).error?.message).toContain(
        'does not have the length that its Content-Length',
      )
    }
  })

  test('an upstream that stops reading is not written to', async () => {
    const stuck = await socketUpstream((socket) => socket.pause())
    const own = makeEgress({ allowPrivate: [stuck.address], headTimeoutMs: 60_000 })
    const session = makeSession(own)
    const running = begin(session, `http://${stuck.address}/`, { method: 'PUT', end: false })
    for (let i = 0; i < 400; i++) running.call.write(Buffer.alloc(65536))
    await Bun.sleep(300)
    expect(running.taken()).toBeLessThan(16 * MB)
    session.close()
    stuck.close()
    own.close()
  })

  test('a body that is too long', async () => {
    const own = makeEgress({ allowPrivate: [upstream.address], maxBodyBytes: MB })
    const running = begin(makeSession(own), at('/echo'), { method: 'PUT', end: false })
    for (let i = 0; i < 20; i++) running.call.write(Buffer.alloc(65536))
    expect((await running.done).error?.message).toContain('egress.max_body')
    own.close()
  })

  test('a response before the body is complete ends the body', async () => {
    const running = begin(makeSession(egress), at('/early'), { method: 'PUT', end: false })
    running.call.write(Buffer.alloc(65536))
    const { head, body } = await running.done
    expect(head?.status).toBe(413)
    expect(body.toString()).toBe('enough')
    await running.unwanted
  })
})

describe('redirects with a body', () => {
  test('307 sends it again', async () => {
    const options = { method: 'POST', body: Buffer.from('twice') }
    const { body, head } = await fetchOnce(makeSession(egress), at('/again'), options)
    expect(head?.redirected).toBe(true)
    expect(JSON.parse(body.toString())).toMatchObject({ method: 'POST', bytes: 5 })
  })

  test('303 does not', async () => {
    const options = { method: 'POST', body: Buffer.from('once') }
    const { body } = await fetchOnce(makeSession(egress), at('/see'), options)
    expect(JSON.parse(body.toString())).toMatchObject({ method: 'GET', bytes: 0 })
  })

  test('307 fails where the body was a stream', async () => {
    const running = begin(makeSession(egress), at('/again'), { method: 'POST', end: false })
    running.call.write(Buffer.from('gone'))
    running.call.end()
    expect((await running.done).error?.message).toContain('sends the body again')
  })

  test('error and manual', async () => {
    const refused = await fetchOnce(makeSession(egress), at('/see'), { redirect: 'error' })
    expect(refused.error?.message).toContain('redirect mode is "error"')
    const { head } = await fetchOnce(makeSession(egress), at('/see'), { redirect: 'manual' })
    expect(head?.status).toBe(303)
    expect(head?.headers).toContainEqual(['location', '/echo'])
    expect(head?.redirected).toBe(false)
  })
})

describe('responses', () => {
  test('headers as they came: repeats, order, bytes; and the status text', async () => {
    const { head } = await fetchOnce(makeSession(egress), at('/headers'))
    expect(head?.statusText).toBe('Fine')
    const own = head?.headers.filter(([name]) => /cookie|x-/.test(name))
    expect(own).toEqual([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-bytes', '\xe9'],
    ])
  })

  test('HEAD and 304 have no body', async () => {
    const head = await fetchOnce(makeSession(egress), at('/big'), { method: 'HEAD' })
    expect(head.head?.end).toBe(true)
    expect((await fetchOnce(makeSession(egress), at('/not-modified'))).head?.end).toBe(true)
  })

  test('a reader that pauses stops the upstream, and goes on where it was', async () => {
    const running = begin(makeSession(egress), at('/big'), { pauseAfter: MB })
    await running.head
    await Bun.sleep(200)
    expect(running.received()).toBeLessThan(2 * MB)
    const timer = setInterval(() => running.call.resume(), 1)
    const { body } = await running.done
    clearInterval(timer)
    expect(body.length).toBe(32 * MB)
  })

  test('no piece of a body is empty, however often its reader pauses', async () => {
    for (let i = 0; i < 8; i++) {
      const running = begin(makeSession(egress), at('/at-once'), { pauseAfter: 0 })
      let over = false
      void running.done.then(() => {
        over = true
      })
      while (!over) {
        running.call.resume()
        await new Promise(setImmediate)
      }
      const { body, error } = await running.done
      expect([body.length, error]).toEqual([8 * MB, undefined])
    }
  })

  test('an abort closes the connection, before the head and after it', async () => {
    held = []
    closed = 0
    const first = begin(makeSession(egress), at('/hold'))
    await eventually('the request', () => held.length === 1)
    first.call.abort()
    await eventually('the close', () => closed === 1)
    const second = begin(makeSession(egress), at('/hold'))
    await eventually('the request', () => held.length === 2)
    held[1]?.write('begun')
    await eventually('the body', () => second.received() === 5)
    second.call.abort()
    await eventually('the close', () => closed === 2)
  })
})

describe('limits of an invocation', () => {
  test('the seventh open fetch waits for one of the six', async () => {
    held = []
    const session = makeSession(egress)
    const fetches = Array.from({ length: 8 }, () => begin(session, at('/hold')))
    await eventually('six requests', () => held.length === 6)
    await Bun.sleep(50)
    expect(held).toHaveLength(6)
    held[0]?.end('first')
    await eventually('the seventh', () => held.length === 7)
    fetches[6]?.call.abort()
    fetches[1]?.call.abort()
    await eventually('the eighth', () => held.length === 8)
    session.close()
  })

  test('one that is aborted while it waits takes no place', async () => {
    held = []
    const own = makeEgress({ allowPrivate: [upstream.address], maxOpen: 1 })
    const session = makeSession(own)
    begin(session, at('/hold'))
    await eventually('the first', () => held.length === 1)
    const waiting = begin(session, at('/never'))
    const last = begin(session, at('/last'))
    await Bun.sleep(10)
    waiting.call.abort()
    held[0]?.end()
    expect((await last.done).body.toString()).toBe('GET /last')
    own.close()
  })

  test('another invocation has separate limits', async () => {
    held = []
    const session = makeSession(egress)
    for (let i = 0; i < 6; i++) begin(session, at('/hold'))
    await eventually('six requests', () => held.length === 6)
    expect((await fetchOnce(makeSession(egress), at('/x'))).body.toString()).toBe('GET /x')
    session.close()
  })

  test('the fifty-first is refused', async () => {
    const session = makeSession(egress)
    for (let i = 0; i < 50; i++) expect((await fetchOnce(session, at('/x'))).error).toBeUndefined()
    const { error } = await fetchOnce(session, at('/x'))
    expect(error?.code).toBe('REFUSED')
    expect(error?.message).toContain('50 outbound requests')
  })
})

describe('kept connections', () => {
  test('one function uses its connection again; another function never does', async () => {
    const own = await httpUpstream((_request, response) => response.end('x'))
    const broker = makeEgress({ allowPrivate: [own.address] })
    const url = `http://${own.address}/`
    for (let i = 0; i < 3; i++) {
      await fetchOnce(makeSession(broker), url)
      await Bun.sleep(20)
    }
    expect(own.connections()).toBe(1)
    const other = broker.session({ ...makeSubject(), functionId: 'func-other' })
    await fetchOnce(other, url)
    expect(own.connections()).toBe(2)
    broker.close()
    own.close()
  })

  test('a connection that the upstream closed meanwhile is replaced without an error', async () => {
    let served = 0
    const own = await socketUpstream((socket) => {
      served++
      // It keeps the connection open, then closes it at the second request.
      if (served === 2) socket.destroy()
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx')
    })
    const broker = makeEgress({ allowPrivate: [own.address] })
    const session = makeSession(broker)
    await fetchOnce(session, `http://${own.address}/`)
    await Bun.sleep(20)
    const { body, error } = await fetchOnce(session, `http://${own.address}/`)
    expect(error?.message).toBeUndefined()
    expect(body.toString()).toBe('x')
    expect(own.connections()).toBe(2)
    broker.close()
    own.close()
  })
})
