/** Bodies and headers in both directions: exact, streamed, and never more in transit than credit allows. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { HeaderList } from '../../src/worker/worker.ts'
import { startZygote, type TestZygote } from './harness.ts'
import type { TestWorker } from './test-worker.ts'

const CREDIT = 262_144

let zygote: TestZygote
let worker: TestWorker

const BUNDLE = `
const cases = {
  echo: async (req) => new Response(new Uint8Array(await req.arrayBuffer())),
  stream: (req) => new Response(req.body),
  text: async (req) => Response.json({ text: await req.text() }),
  make: (req) => new Response(new Uint8Array(Number(new URL(req.url).searchParams.get('n'))).map((_, i) => i * 7)),
  ignore: () => new Response('unread'),
  cancel: async (req) => { await req.body.cancel(); return new Response('cancelled') },
  slow: async (req) => { await new Promise((r) => setTimeout(r, 200)); return new Response(String((await req.arrayBuffer()).byteLength)) },
  some: async (req) => { const reader = req.body.getReader(); const { value } = await reader.read(); await reader.cancel(); return new Response(String(value.length)) },
  headers: (req) => Response.json([...req.headers]),
  many: () => { const r = new Response('x'); for (let i = 0; i < 200; i++) r.headers.append(i % 2 ? 'set-cookie' : 'x-' + i, 'v' + i); return r },
  bytes: (req) => new Response(null, { status: 204, headers: { 'x-back': req.headers.get('x-odd') } }),
  chunks: () => { let n = 0; return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(100_000).fill(n)); if (++n === 10) c.close() } })) },
  endless: () => new Response(new ReadableStream({ pull(c) { pulled++; c.enqueue(new Uint8Array(10_000)) }, cancel() { cancelled = true } })),
  look: () => Response.json({ pulled, cancelled }),
  nothing: () => new Response(null),
  empty: () => new Response(''),
  kind: async (req) => Response.json({ body: req.body === null, text: await req.text() }),
}
let pulled = 0, cancelled = false
export default (req) => cases[new URL(req.url).pathname.slice(1)](req)`

beforeAll(async () => {
  zygote = await startZygote()
  worker = await zygote.worker({ bundle: BUNDLE })
})

afterAll(() => zygote.close())

const at = (name: string) => ({ url: `http://localhost/${name}`, method: 'POST' })

function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0, x = 1; i < length; i++) {
    x = (x * 1_103_515_245 + 12_345) & 0x7fffffff
    bytes[i] = x >> 16
  }
  return bytes
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

describe('request bodies', () => {
  test.each([0, 1, 65_535, 65_536, 65_537, 262_144, 262_145, 10_485_760])(
    'of %d bytes come back as they were',
    async (length) => {
      const body = noise(length)
      for (const name of ['echo', 'stream']) {
        const result = await worker.invoke({ ...at(name), body, cpuMs: 20_000, deadlineMs: 20_000 })
        expect([name, result.error, result.status, result.body.length]).toEqual([
          name,
          undefined,
          200,
          length,
        ])
        expect(same(result.body, body)).toBe(true)
      }
    },
    30_000,
  )

  test('in many small pieces', async () => {
    const running = worker.begin({ ...at('echo'), open: true })
    const body = noise(5000)
    for (let i = 0; i < body.length; i += 7) running.write(body.subarray(i, i + 7))
    running.end()
    expect(same((await running.result).body, body)).toBe(true)
  })

  test('that are null, empty or whole', async () => {
    expect(await worker.json('/kind')).toEqual({ body: true, text: '' })
    expect(await worker.json('/kind', { ...at('kind'), body: 'x' })).toEqual({
      body: false,
      text: 'x',
    })
  })

  test('with NUL, lone surrogates in JSON and broken UTF-8', async () => {
    const text = '{"a":"\\u0000\\ud800","b":"\0é😀"}'
    expect(await worker.json('/text', { ...at('text'), body: text })).toEqual({ text })
    const broken = new Uint8Array([0x61, 0xff, 0xc3, 0x28, 0x62])
    expect(await worker.json('/text', { ...at('text'), body: broken })).toEqual({
      text: 'a\ufffd\ufffd(b',
    })
  })

  test('get credit only when they are read', async () => {
    const running = worker.begin({ ...at('slow'), open: true })
    running.write(noise(1_000_000))
    // Proves that no further credit arrives before the body is read.
    await Bun.sleep(100)
    expect(running.unsent).toBe(1_000_000 - CREDIT)
    running.end()
    expect((await running.result).text).toBe('1000000')
    expect(running.messages.filter(({ type }) => type === 'credit').length).toBeLessThan(40)
  })

  test.each(['ignore', 'cancel', 'some'])(
    'that are not wanted are said to be so: %s',
    async (name) => {
      const running = worker.begin({ ...at(name), open: true })
      running.write(noise(CREDIT))
      const result = await running.result
      expect(result.error).toBeUndefined()
      const refused = result.messages.filter(({ type }) => type === 'cancel')
      expect(refused).toMatchObject([{ reason: 'body' }])
      running.write(noise(10)) // was under way: nobody minds
      worker.send({ type: 'end', id: running.id })
      expect((await worker.invoke(at('nothing'))).status).toBe(200)
    },
  )

  test('sent without credit are a breach', async () => {
    const other = await zygote.worker({ bundle: BUNDLE })
    const running = other.begin({ ...at('slow'), open: true })
    for (let i = 0; i < 5; i++) {
      other.send({ type: 'chunk', id: running.id, bytes: 65_536 }, noise(65_536))
    }
    expect(await zygote.exited(other)).toMatchObject({ status: 70 })
  })
})

describe('response bodies', () => {
  test.each([1, 65_536, 65_537, 262_144, 262_145, 10_485_760])(
    'of %d bytes in chunks of at most 64 KiB',
    async (n) => {
      const result = await worker.invoke({
        url: `http://localhost/make?n=${n}`,
        cpuMs: 20_000,
        deadlineMs: 20_000,
      })
      expect(
        same(
          result.body,
          new Uint8Array(n).map((_, i) => i * 7),
        ),
      ).toBe(true)
      for (const { type, bytes } of result.messages) {
        if (type === 'chunk') expect(bytes as number).toBeWithin(1, 65_537)
      }
      expect(result.messages.filter(({ type }) => type === 'end')).toHaveLength(n > 65_536 ? 1 : 0)
    },
    30_000,
  )

  test('stop at 256 KiB without credit, and go on with it', async () => {
    for (const name of ['make?n=1000000', 'chunks']) {
      const running = worker.begin({ ...at(name), withholdCredit: true })
      while (running.received < CREDIT) await running.find(() => running.received >= CREDIT)
      await Bun.sleep(30)
      expect(running.received).toBe(CREDIT)
      running.credit(1)
      running.credit(CREDIT - 1)
      while (running.received < 2 * CREDIT) await running.find(() => running.received >= 2 * CREDIT)
      running.credit(CREDIT)
      running.credit(0)
      running.credit(CREDIT - 1)
      expect((await running.result).body.length).toBe(1_000_000)
    }
  })

  test('of a stream keep their order', async () => {
    const { body, ended } = await worker.invoke(at('chunks'))
    expect(ended).toBe(true)
    expect([...new Set(body)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('of an endless stream are pulled as far as credit goes, and cancelled', async () => {
    const running = worker.begin({ ...at('endless'), withholdCredit: true })
    await running.find(() => running.received >= CREDIT)
    const before = (await worker.json('/look')) as { pulled: number; cancelled: boolean }
    expect(before.pulled).toBeLessThan(CREDIT / 10_000 + 5)
    running.cancel()
    const result = await running.result
    expect(result.messages.at(-1)?.type).toBe('done')
    expect(await worker.json('/look')).toMatchObject({ cancelled: true })
  })

  test('that are null or empty end with the head', async () => {
    for (const name of ['nothing', 'empty']) {
      const { messages } = await worker.invoke(at(name))
      expect(messages[0]).toMatchObject({ type: 'response', end: true })
      expect(messages[0]?.bytes).toBeUndefined()
    }
  })
})

describe('headers', () => {
  test('150 of a request, repeated ones and bytes included', async () => {
    const headers: HeaderList = Array.from({ length: 150 }, (_, i) => [`x-n${i}`, `v${i}`])
    headers.push(['x-n0', 'again'], ['x-odd', 'caf\xe9 \xff'])
    const seen = new Map((await worker.json('/headers', { headers })) as [string, string][])
    expect(seen.size).toBe(151)
    expect(seen.get('x-n0')).toBe('v0, again')
    expect(seen.get('x-n149')).toBe('v149')
    expect(seen.get('x-odd')).toBe('caf\xe9 \xff')
  })

  test('200 of a response with every set-cookie, in order', async () => {
    const { headers } = await worker.invoke(at('many'))
    const cookies = headers.filter(([name]) => name === 'set-cookie').map(([, value]) => value)
    expect(cookies).toEqual(Array.from({ length: 100 }, (_, i) => `v${2 * i + 1}`))
    expect(headers.filter(([name]) => /^x-\d+$/.test(name))).toHaveLength(100)
  })

  test('go back as the bytes that they were', async () => {
    const result = await worker.invoke({ ...at('bytes'), headers: [['x-odd', '\x80\xe9\xff"\\']] })
    expect(result.status).toBe(204)
    expect(result.headers).toContainEqual(['x-back', '\x80\xe9\xff"\\'])
  })
})
