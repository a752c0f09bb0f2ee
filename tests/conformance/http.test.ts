/** Requests and responses pass through exactly, in both runtimes. */
import { afterAll, describe, expect, test } from 'bun:test'
import type { HeaderList } from '../../src/worker/worker.ts'
import { type CallOptions, call, open, openFactory, RUNTIMES, start, until } from './harness.ts'

const KB = 1024
const MB = 1024 * KB
const fixture = openFactory()
afterAll(() => fixture.close())

/** Binary bytes, the same each time. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8)) & 0xff
  return bytes
}

describe.each(RUNTIMES)('%s', (runtime) => {
  const run = async (source: string, options: CallOptions = {}, overrides = {}) => {
    const { worker } = await start(fixture.factory, runtime, source, overrides)
    const answer = await call(worker, options)
    expect(worker.inFlight).toBe(0)
    worker.kill(new Error('over') as never)
    return answer
  }

  test('hello', async () => {
    const answer = await run(
      `export default (req) => {
        const name = new URL(req.url).searchParams.get('name') ?? 'World'
        return Response.json({ message: 'Hello, ' + name + '!', method: req.method })
      }`,
      { url: 'http://h.test/?name=Alice' },
    )
    expect(answer.error).toBeUndefined()
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.body.toString())).toEqual({ message: 'Hello, Alice!', method: 'GET' })
    expect(new Headers(answer.headers).get('content-type')).toStartWith('application/json')
    expect(answer.unsent).toBe(false)
  })

  test('a function as handler gets the request and the context', async () => {
    const before = Date.now()
    const answer = await run(
      `export default (req, ctx) => {
        const { env, requestId, functionName, version, project, deadline } = ctx
        const types = [typeof ctx.waitUntil, typeof req.signal.aborted]
        return Response.json({
          env, requestId, functionName, version, project, deadline, types, url: req.url,
        })
      }`,
      { headers: [['x-request-id', 'req-1']], url: 'http://h.test/a?b=c', deadlineMs: 5000 },
      { env: { KEY: 'välue\0\u{1f600}' } },
    )
    const got = JSON.parse(answer.body.toString())
    expect(got).toMatchObject({
      env: { KEY: 'välue\0\u{1f600}' },
      requestId: 'req-1',
      functionName: 'probe',
      version: 'v1',
      project: 'default',
      types: ['function', 'boolean'],
      url: 'http://h.test/a?b=c',
    })
    expect(got.deadline).toBeGreaterThan(before + 3000)
    expect(got.deadline).toBeLessThan(Date.now() + 5001)
  })

  test('the context has the address of the client, or undefined', async () => {
    const source = `export default (req, ctx) =>
      Response.json({ address: ctx.clientAddress, there: 'clientAddress' in ctx })`
    for (const clientAddress of ['203.0.113.9', '2001:db8:ffff:ffff:ffff:ffff:255.255.255.255']) {
      const answer = await run(source, { clientAddress })
      expect(JSON.parse(answer.body.toString()).address).toBe(clientAddress)
    }
    const claimed = await run(source, { headers: [['x-forwarded-for', '203.0.113.9']] })
    expect(JSON.parse(claimed.body.toString())).toEqual({ there: true })
  })

  test('an object with fetch gets the request, its env and the context, and is `this`', async () => {
    const answer = await run(
      `export default {
        greeting: 'hi',
        async fetch(req, env, ctx) {
          return new Response([this.greeting, env.KEY, ctx.functionName, env === ctx.env].join())
        },
      }`,
      {},
      { env: { KEY: 'value' } },
    )
    expect(answer.body.toString()).toBe('hi,value,probe,true')
  })

  test('another export can be the handler', async () => {
    const source = `export default () => new Response('default')
      export const other = () => new Response('other')`
    expect((await run(source, {}, { handler: 'other' })).body.toString()).toBe('other')
  })

  test.each(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'PROPFIND'])(
    'method %s',
    async (method) => {
      const source = `export default (req) => new Response(null, { headers: { 'x-method': req.method } })`
      const answer = await run(source, { method })
      expect(answer.headers).toContainEqual(['x-method', method])
    },
  )

  test('150 request headers and their bytes arrive exactly', async () => {
    let bytes = ''
    for (let unit = 0x80; unit <= 0xff; unit++) bytes += String.fromCharCode(unit)
    const headers: HeaderList = [['x-bytes', bytes]]
    for (let i = 1; i < 150; i++) headers.push([`x-h${i}`, `v${i}`])
    const answer = await run(
      `export default (req) => {
        const bytes = req.headers.get('x-bytes')
        const units = []
        for (let i = 0; i < bytes.length; i++) units.push(bytes.charCodeAt(i))
        return Response.json({ all: [...req.headers].filter(([n]) => n !== 'x-bytes'), units })
      }`,
      { headers },
    )
    const got = JSON.parse(answer.body.toString())
    expect(got.units).toEqual(Array.from({ length: 128 }, (_, i) => 128 + i))
    expect(got.all.toSorted()).toEqual(headers.slice(1).toSorted())
  })

  test('200 response headers with repeated set-cookie and raw bytes arrive exactly', async () => {
    const answer = await run(`export default () => {
      const headers = new Headers()
      let bytes = ''
      for (let unit = 0x80; unit <= 0xff; unit++) bytes += String.fromCharCode(unit)
      headers.append('x-bytes', bytes)
      for (let i = 0; i < 20; i++) headers.append('set-cookie', 'c' + i + '=' + i + '; Path=/')
      for (let i = 0; i < 179; i++) headers.append('x-h' + i, 'v' + i)
      return new Response(null, { status: 299, headers })
    }`)
    expect(answer.status).toBe(299)
    expect(answer.headers).toHaveLength(200)
    const cookies = answer.headers.filter(([name]) => name === 'set-cookie').map(([, v]) => v)
    expect(cookies).toEqual(Array.from({ length: 20 }, (_, i) => `c${i}=${i}; Path=/`))
    const bytes = answer.headers.find(([name]) => name === 'x-bytes')?.[1] ?? ''
    expect(Buffer.from(bytes, 'latin1')).toEqual(
      Buffer.from(Array.from({ length: 128 }, (_, i) => 128 + i)),
    )
    for (let i = 0; i < 179; i++) expect(answer.headers).toContainEqual([`x-h${i}`, `v${i}`])
  })

  test('a string body has the type of text', async () => {
    const answer = await run(`export default () => new Response('text')`)
    expect(answer.headers).toEqual([['content-type', 'text/plain;charset=UTF-8']])
  })

  const echo = `export default async (req) => new Response(await req.arrayBuffer())`

  test.each([
    ['empty', 0],
    ['one byte', 1],
    ['every byte', 256],
    ['64 KiB, the largest inline', 64 * KB],
    ['one byte more', 64 * KB + 1],
    ['the credit window', 256 * KB],
    ['10 MB', 10 * MB],
  ])('a binary body comes back as it was: %s', async (_what, length) => {
    const body = pattern(length)
    const answer = await run(echo, { method: 'POST', body })
    expect(answer.error).toBeUndefined()
    expect(answer.body.length).toBe(length)
    expect(answer.body.equals(body)).toBe(true)
  })

  test('text with NUL and astral characters passes; a lone surrogate becomes U+FFFD', async () => {
    const answer = await run(
      `export default async (req) => new Response('a\\0b\\u{1f600}' + (await req.text()) + '\\ud800')`,
      { method: 'POST', body: 'x\0\u{1f600}' },
    )
    expect(answer.body.toString()).toBe('a\0b\u{1f600}x\0\u{1f600}\ufffd')
  })

  test('lone surrogates and NUL pass through JSON exactly', async () => {
    const text = '{"text":"a\\u0000\\ud800b\\udfff"}'
    const answer = await run(
      `export default async (req) => {
        const { text } = await req.json()
        return Response.json({ text, units: [...Array(text.length).keys()].map((i) => text.charCodeAt(i)) })
      }`,
      { method: 'POST', body: text },
    )
    const got = JSON.parse(answer.body.toString())
    expect(got).toEqual({ text: 'a\0\ud800b\udfff', units: [97, 0, 0xd800, 98, 0xdfff] })
  })

  test('NUL and astral characters pass through a log exactly', async () => {
    const source = `export default () => { console.log('a\\0b\\u{1f600}\\x7f\\u2028'); return new Response() }`
    const { worker, logs } = await start(fixture.factory, runtime, source)
    await call(worker)
    expect(logs.map((entry) => entry.message)).toEqual(['a\0b\u{1f600}\x7f\u2028'])
  })

  const ticking = `export default () => new Response(new ReadableStream({
    async start(c) {
      for (const part of ['one', 'two', 'three']) {
        c.enqueue(new TextEncoder().encode(part))
        await new Promise((r) => setTimeout(r, 60))
      }
      c.close()
    },
  }))`

  test('the first byte is out as soon as the handler produced it', async () => {
    const { worker } = await start(fixture.factory, runtime, ticking)
    const running = open(worker)
    await until('first part', () => running.received() === 3)
    expect(worker.inFlight).toBe(1)
    const answer = await running.done
    expect(answer.body.toString()).toBe('onetwothree')
    expect(answer.doneAfter - answer.answeredAfter).toBeGreaterThan(80)
  })

  test('the head is out before a body that takes its time', async () => {
    const source = `export default () => new Response(new ReadableStream({
      async pull(c) {
        await new Promise((r) => setTimeout(r, 150))
        c.enqueue(new TextEncoder().encode('late'))
        c.close()
      },
    }))`
    const { worker } = await start(fixture.factory, runtime, source)
    const running = open(worker)
    await running.answered
    expect(running.received()).toBe(0)
    expect((await running.done).body.toString()).toBe('late')
  })

  const flood = `export default () => {
    let left = 800
    return new Response(new ReadableStream({
      pull(c) {
        if (left-- === 0) c.close()
        else c.enqueue(new Uint8Array(50_000).fill(left & 255))
      },
    }))
  }`

  test('a slow reader holds the sender back at 256 KiB, and gets all of it in the end', async () => {
    const { worker } = await start(fixture.factory, runtime, flood)
    const running = open(worker, { pauseAfter: 100 * KB })
    await running.answered
    await Bun.sleep(300)
    expect(running.received()).toBeLessThanOrEqual(100 * KB + 50_000 + 256 * KB)
    running.resume()
    const answer = await running.done
    expect(answer.error).toBeUndefined()
    expect(answer.body.length).toBe(40_000_000)
  })

  test('a handler that reads slowly holds the writer of the request back', async () => {
    const source = `export default async (req) => {
      const reader = req.body.getReader()
      let bytes = (await reader.read()).value.length
      await new Promise((r) => setTimeout(r, 200))
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return new Response(String(bytes))
        bytes += value.length
      }
    }`
    const { worker } = await start(fixture.factory, runtime, source)
    const answer = await call(worker, { method: 'POST', body: pattern(5 * MB) })
    expect(answer.body.toString()).toBe(String(5 * MB))
    expect(answer.doneAfter).toBeGreaterThan(190)
  })

  test('a body that nobody reads is not wanted, and does not hold up the answer', async () => {
    const { worker } = await start(
      fixture.factory,
      runtime,
      `export default () => new Response('ok')`,
    )
    const running = open(worker, { method: 'POST', body: pattern(5 * MB) })
    await running.bodyUnwanted
    expect((await running.done).body.toString()).toBe('ok')
    expect((await call(worker)).body.toString()).toBe('ok')
  })

  test('invocations run side by side on one event loop', async () => {
    const source = `let waiting = []
      export default (req) => new Promise((resolve) => {
        waiting.push(() => resolve(new Response(new URL(req.url).pathname)))
        if (waiting.length === 20) for (const go of waiting) go()
      })`
    const { worker } = await start(fixture.factory, runtime, source)
    const calls = Array.from({ length: 20 }, (_, i) => call(worker, { url: `http://h.test/${i}` }))
    const answers = await Promise.all(calls)
    expect(answers.map((a) => a.body.toString())).toEqual(answers.map((_, i) => `/${i}`))
    expect(worker.invocations).toBe(20)
  })
})
