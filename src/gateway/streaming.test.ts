/** Bodies that take their time, clients that go, limits that pass: through a real service. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { eventually } from '../testing/eventually.ts'
import { TestService } from '../testing/service-fixture.ts'

const HANDLER = `
const seen = { aborted: 0, cancelled: 0, produced: 0, late: 0, read: 0 }
const sleep = (ms) => new Promise((done) => setTimeout(done, ms))
const text = new TextEncoder()
const stream = (source, strategy) => new Response(new ReadableStream(source, strategy))
const acts = {
  '/seen': () => Response.json(seen),
  '/slow-parts': () => {
    let n = 0
    return stream({ async pull(c) {
      if (n === 3) return c.close()
      if (n > 0) await sleep(300)
      c.enqueue(text.encode('part' + n++))
    } })
  },
  '/echo': (req) => new Response(req.body),
  '/break': () => {
    let n = 0
    return stream({ async pull(c) {
      if (n++ === 0) return c.enqueue(text.encode('start'))
      await sleep(50)
      throw new Error('broke')
    } })
  },
  '/endless': () => stream({
    pull(c) { seen.produced += 16384; c.enqueue(new Uint8Array(16384)) },
    cancel() { seen.cancelled++ },
  }, { highWaterMark: 0 }),
  '/stalls': () => { let n = 0; return stream({ async pull(c) {
    if (n++ === 0) return c.enqueue(text.encode('start'))
    await new Promise(() => {})
  } }) },
  '/fails-first': () => stream({ async pull() { await sleep(50); throw new Error('no first byte') } }),
  '/silent': () => stream({ pull: () => new Promise(() => {}), cancel() { seen.cancelled++ } }),
  '/empty': () => stream({ async pull(c) { await sleep(50); c.close() } }),
  '/ticks': () => stream({ async pull(c) { await sleep(100); c.enqueue(text.encode('tick')) } }),
  '/hang': async (req) => {
    req.signal.addEventListener('abort', () => { seen.aborted++ })
    await new Promise(() => {})
  },
  '/slow': async () => { await sleep(600); return new Response('slow') },
  '/late': (req, ctx) => {
    ctx.waitUntil(sleep(300).then(() => { seen.late++ }))
    return new Response('early')
  },
  '/ignores-body': () => new Response('ignored'),
  '/reads-slowly': async (req) => {
    const reader = req.body.getReader()
    for (let i = 0; i < 5; i++) {
      const { done, value } = await reader.read()
      if (done) break
      seen.read += value.length
      await sleep(100)
    }
    await new Promise(() => {})
  },
  '/big': () => new Response(new Uint8Array(3_000_000).fill(7)),
}
export default (req, ctx) => acts[new URL(req.url).pathname](req, ctx)
`

interface Counts {
  aborted: number
  cancelled: number
  produced: number
  late: number
  read: number
}

const service = new TestService({
  timeout: '1s',
  'stream-idle-timeout': '700ms',
  'max-duration': '2500ms',
})

beforeAll(async () => {
  service.deploy('s', HANDLER)
  await service.start()
}, 30_000)

afterAll(() => service.remove())

const counts = async () => (await (await service.fetch('/functions/s/seen')).json()) as Counts

const free = () =>
  eventually('every worker is idle', () =>
    service.service.control.workers().every((worker) => worker.state === 'ready'),
  )

/** A client that reads only on request. */
async function client(request: string): Promise<Socket> {
  const socket = connect(service.port, '127.0.0.1')
  socket.on('error', () => {})
  await new Promise((done) => socket.once('connect', done))
  socket.pause()
  socket.write(request)
  return socket
}

const get = (path: string) => `GET /functions/s${path} HTTP/1.1\r\nHost: x\r\n\r\n`

describe('a stream without a first byte', () => {
  const code = async (path: string) => {
    const response = await service.fetch(`/functions/s${path}`)
    return [response.status, ((await response.json()) as { code: string }).code]
  }

  test('that fails is a problem document', async () => {
    expect(await code('/fails-first')).toEqual([500, 'HANDLER_ERROR'])
  })

  test('that sends nothing for too long is a problem document, and is stopped', async () => {
    expect(await code('/silent')).toEqual([504, 'TIMEOUT'])
    await free()
  })

  test('that ends is an empty response', async () => {
    const response = await service.fetch('/functions/s/empty')
    expect([response.status, await response.text()]).toEqual([200, ''])
  })

  test('whose client goes is cancelled', async () => {
    const before = (await counts()).cancelled
    const gone = await client(get('/silent'))
    await eventually('it runs', () =>
      service.service.control.workers().some((one) => one.state === 'busy'),
    )
    gone.destroy()
    await free()
    expect((await counts()).cancelled).toBe(before + 1)
  })
})

describe('a response body', () => {
  test('goes out as it is made', async () => {
    const started = performance.now()
    const response = await service.fetch('/functions/s/slow-parts')
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    const parts: [text: string, atMs: number][] = []
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push([new TextDecoder().decode(part.value), performance.now() - started])
    }
    expect(parts.map(([text]) => text)).toEqual(['part0', 'part1', 'part2'])
    const [first, second] = parts as [[string, number], [string, number]]
    expect(first[1]).toBeLessThan(250)
    expect(second[1] - first[1]).toBeGreaterThan(200)
  })

  test('of some megabytes comes whole', async () => {
    const bytes = new Uint8Array(await (await service.fetch('/functions/s/big')).arrayBuffer())
    expect(bytes.length).toBe(3_000_000)
    expect(bytes.every((byte) => byte === 7)).toBe(true)
  })

  test('that breaks resets the connection: nobody takes it for whole', async () => {
    const text = await service.raw(get('/break'), 1_000)
    expect(text).toContain('start')
    expect(text).not.toContain('\r\n0\r\n')
    const response = await service.fetch('/functions/s/break')
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
    await free()
  })

  test('is made no faster than the client takes it', async () => {
    const before = (await counts()).produced
    const socket = await client(get('/endless'))
    await Bun.sleep(400)
    const paused = (await counts()).produced - before
    expect(paused).toBeGreaterThan(0)
    // Proves that production stays paused while the client reads nothing.
    await Bun.sleep(200)
    expect((await counts()).produced - before - paused).toBeLessThan(2 * 2 ** 20)
    expect(paused).toBeLessThan(16 * 2 ** 20)
    const { cancelled } = await counts()
    socket.destroy()
    await eventually('the stream is cancelled', async () => (await counts()).cancelled > cancelled)
    await free()
  })

  test('that stalls is broken after streamIdleTimeout', async () => {
    const started = performance.now()
    const text = await service.raw(get('/stalls'), 3_000)
    const tookMs = performance.now() - started
    expect(text).toContain('start')
    expect(text).not.toContain('\r\n0\r\n')
    expect(tookMs).toBeGreaterThan(600)
    expect(tookMs).toBeLessThan(1_500)
    await free()
  })

  test('without an end is broken after maxDuration', async () => {
    const started = performance.now()
    const text = await service.raw(get('/ticks'), 5_000)
    const tookMs = performance.now() - started
    expect(text).toContain('tick')
    expect(text).not.toContain('\r\n0\r\n')
    expect(tookMs).toBeGreaterThan(2_300)
    expect(tookMs).toBeLessThan(3_500)
    await free()
  }, 10_000)

  test('is left out for HEAD, and so is its worker left in peace', async () => {
    const text = await service.raw(get('/slow-parts').replace('GET', 'HEAD'))
    expect(text).toStartWith('HTTP/1.1 200 ')
    expect(text.split('\r\n\r\n')[1]).toBe('')
    // How long it would have been, nobody knows.
    expect(text).not.toMatch(/content-length/i)
    await free()
  })
})

describe('a request body', () => {
  test('flows while the response does', async () => {
    const request =
      'POST /functions/s/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
    const socket = await client(request)
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.resume()
    for (const part of ['one', 'two', 'three']) {
      socket.write(`${part.length.toString(16)}\r\n${part}\r\n`)
      await eventually(`${part} comes back`, () => text.includes(part))
    }
    socket.write('0\r\n\r\n')
    await eventually('it ends', () => text.endsWith('0\r\n\r\n'))
    socket.destroy()
  })

  test('that nobody reads holds nobody up', async () => {
    const body = new Uint8Array(5_000_000)
    const response = await service.fetch('/functions/s/ignores-body', { method: 'POST', body })
    expect(await response.text()).toBe('ignored')
    await free()
  })

  test('is taken no faster than the handler reads it', async () => {
    const { read } = await counts()
    const length = 50_000_000
    const socket = await client(
      `POST /functions/s/reads-slowly HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`,
    )
    const rss = process.memoryUsage.rss()
    socket.write(new Uint8Array(length))
    // Proves that the service does not read ahead of the handler.
    await Bun.sleep(700)
    expect((await counts()).read - read).toBeLessThan(2_000_000)
    // The client's own bytes wait in this process too: none of them is copied a second time.
    expect(process.memoryUsage.rss() - rss).toBeLessThan(1.5 * length)
    expect(socket.writableLength).toBeGreaterThan(length / 2)
    socket.destroy()
    await free()
  })
})

describe('a client that goes', () => {
  test('aborts req.signal, and the worker is idle', async () => {
    const { aborted } = await counts()
    for (let i = 0; i < 5; i++) {
      const socket = await client(get('/hang'))
      await Bun.sleep(i * 20)
      socket.destroy()
    }
    await eventually('all were aborted', async () => (await counts()).aborted === aborted + 5)
    await free()
  })

  test('in the middle of its body does as well', async () => {
    const socket = await client(
      'POST /functions/s/hang HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc',
    )
    const { aborted } = await counts()
    await Bun.sleep(100)
    socket.destroy()
    await eventually('it was aborted', async () => (await counts()).aborted === aborted + 1)
    await free()
  })
})

describe('limits', () => {
  test('a head that does not come in time is TIMEOUT, on time', async () => {
    const started = performance.now()
    const response = await service.fetch('/functions/s/hang')
    const tookMs = performance.now() - started
    expect(response.status).toBe(504)
    expect(((await response.json()) as { code: string }).code).toBe('TIMEOUT')
    expect(tookMs).toBeGreaterThan(980)
    expect(tookMs).toBeLessThan(1_300)
    await free()
  })

  test('what waitUntil holds runs on after the response', async () => {
    const { late } = await counts()
    const started = performance.now()
    expect(await (await service.fetch('/functions/s/late')).text()).toBe('early')
    expect(performance.now() - started).toBeLessThan(250)
    await eventually('it ran', async () => (await counts()).late === late + 1)
  })
})

describe('going down', () => {
  test('finishes what is open and takes nothing new', async () => {
    const own = new TestService()
    own.deploy('s', HANDLER)
    await own.start()
    await (await own.fetch('/functions/s/seen')).text()
    const open = own.fetch('/functions/s/slow')
    await Bun.sleep(100)
    const stopped = own.service.stop()
    const refused = await own.fetch('/functions/s/seen')
    expect(refused.status).toBe(503)
    expect(((await refused.json()) as { code: string }).code).toBe('SHUTTING_DOWN')
    expect((await own.fetch('/ready')).status).toBe(503)
    expect(await (await open).text()).toBe('slow')
    await stopped
    await own.remove()
  })
})
