/** The channel: frames split at any place, bounds, ids, ping, cancel and shutdown. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { encodeLine } from '../../src/worker/protocol/encode.ts'
import { startZygote, type TestZygote } from './harness.ts'

const BUNDLE = `
let aborted = 'not aborted'
const sleep = (ms) => new Promise((r) => setTimeout(r, ms))
const cases = {
  '/': async (req) => new Response(req.method + ' ' + await req.text()),
  '/never': () => new Promise(() => {}),
  '/sleep': async (req) => { await sleep(100); return new Response('slept') },
  '/listen': (req) => { req.signal.addEventListener('abort', () => { aborted = req.signal.reason.name }); return new Promise(() => {}) },
  '/stubborn': (req) => { req.signal.addEventListener('abort', () => { for (;;); }); return new Promise(() => {}) },
  '/aborted': () => new Response(aborted),
  '/waits': (req, ctx) => { ctx.waitUntil(sleep(10_000)); return new Response('ok') },
}
export default (req, ctx) => cases[new URL(req.url).pathname](req, ctx)`

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

const started = () => zygote.worker({ bundle: BUNDLE })
const at = (path: string) => ({ url: `http://localhost${path}` })

function invokeFrame(id: number, body: string): Buffer {
  const message = {
    type: 'invoke',
    id,
    method: 'POST',
    url: 'http://localhost/',
    headers: [],
    deadline_ms: 5000,
    cpu_ms: 1000,
    bytes: body.length,
    end: true,
  }
  return Buffer.from(encodeLine(message) + body, 'latin1')
}

describe('frames', () => {
  test('may be split at every byte', async () => {
    const worker = await started()
    const frame = invokeFrame(1, '{"type":"no frame"}\n')
    for (let at = 1; at < frame.length; at++) {
      const bytes = invokeFrame(at, '{"type":"no frame"}\n')
      worker.sendRaw(bytes.subarray(0, at))
      if (at % 16 === 0) await Bun.sleep(1) // so that some really arrive in two parts
      worker.sendRaw(bytes.subarray(at))
      await worker.inbox.find(({ type, id }) => type === 'done' && id === at)
    }
    const heads = worker.inbox.all.filter(({ type }) => type === 'response')
    expect(heads).toHaveLength(frame.length - 1)
    expect(new Set(heads.map(({ status, bytes }) => `${status} ${bytes}`))).toEqual(
      new Set(['200 25']),
    )
  })

  test('may come one byte at a time, and many at once', async () => {
    const worker = await started()
    for (const byte of invokeFrame(1, 'slowly')) {
      worker.sendRaw(new Uint8Array([byte]))
      await Bun.sleep(0)
    }
    await worker.inbox.find(({ type, id }) => type === 'done' && id === 1)
    worker.sendRaw(
      Buffer.concat(Array.from({ length: 500 }, (_, i) => invokeFrame(i + 2, 'x'.repeat(i)))),
    )
    for (let id = 2; id < 502; id++)
      await worker.inbox.find((m) => m.type === 'done' && m.id === id)
    const sizes = worker.inbox.all
      .filter(({ type }) => type === 'response')
      .map(({ bytes }) => bytes)
    expect(sizes).toEqual([11, ...Array.from({ length: 500 }, (_, i) => 5 + i)])
  })

  const broken: [string, string][] = [
    ['a line over 256 KiB', `{"type":"ping","n":1,"x":"${'y'.repeat(262_144)}"}\n`],
    ['a line without end', 'x'.repeat(262_146)],
    ['what is not JSON', 'hello\n'],
    ['an empty line', '\n'],
    ['an array', '[]\n'],
    ['bytes over 64 KiB', '{"type":"chunk","id":1,"bytes":65537}\n'],
    ['negative bytes', '{"type":"chunk","id":1,"bytes":-1}\n'],
    ['no type', '{"n":1}\n'],
    ['an unknown type', '{"type":"start","protocol":2}\n'],
    ['a ping without a number', '{"type":"ping"}\n'],
    ['an id never used', '{"type":"cancel","id":7,"reason":"x"}\n'],
    [
      'an invoke without a url',
      '{"type":"invoke","id":1,"method":"GET","headers":[],"deadline_ms":1,"cpu_ms":1,"end":true}\n',
    ],
    [
      'a header beyond a byte',
      '{"type":"invoke","id":1,"method":"GET","url":"http://x/","headers":[["a","\\u0100"]],"deadline_ms":1,"cpu_ms":1,"end":true}\n',
    ],
    [
      'a client that is longer than an address',
      `{"type":"invoke","id":1,"method":"GET","url":"http://x/","headers":[],"client":"${'a'.repeat(46)}","deadline_ms":1,"cpu_ms":1,"end":true}\n`,
    ],
    [
      'a client that is no string',
      '{"type":"invoke","id":1,"method":"GET","url":"http://x/","headers":[],"client":7,"deadline_ms":1,"cpu_ms":1,"end":true}\n',
    ],
    ['nesting', `${'['.repeat(100_000)}\n`],
  ]
  test.each(broken)('%s is a breach: exit status 70', async (_name, line) => {
    const worker = await started()
    worker.sendRaw(line)
    expect(await zygote.exited(worker)).toMatchObject({ status: 70, signal: 0 })
  })

  test('an id that does not rise is a breach', async () => {
    const worker = await started()
    await worker.invoke()
    worker.sendRaw(invokeFrame(1, ''))
    expect(await zygote.exited(worker)).toMatchObject({ status: 70 })
  })

  test('cancel, credit, chunk and end for what is finished are ignored', async () => {
    const worker = await started()
    const { messages } = await worker.invoke()
    const id = messages[0]?.id as number
    worker.send({ type: 'cancel', id, reason: 'x' })
    worker.send({ type: 'credit', id, bytes: 1000 })
    worker.send({ type: 'chunk', id, bytes: 3 }, Buffer.from('abc'))
    worker.send({ type: 'end', id })
    expect((await worker.invoke()).text).toBe('GET ')
  })
})

describe('ping', () => {
  test('is answered while 32 invocations run', async () => {
    const worker = await started()
    const running = Array.from({ length: 32 }, () => worker.begin(at('/sleep')))
    for (let n = 1; n <= 3; n++) {
      worker.send({ type: 'ping', n })
      expect((await worker.inbox.find((m) => m.type === 'pong' && m.n === n)).n).toBe(n)
    }
    expect(running.every(({ messages }) => messages.length === 0)).toBe(true)
    const results = await Promise.all(running.map(({ result }) => result))
    expect(results.every(({ text }) => text === 'slept')).toBe(true)
  })

  test('is answered while a microtask storm rages', async () => {
    const bundle =
      'export default () => { const f = () => queueMicrotask(f); f(); return new Promise(() => {}) }'
    const worker = await zygote.worker({ bundle })
    const storm = worker.begin({ cpuMs: 60_000, deadlineMs: 60_000 })
    await Bun.sleep(20)
    for (let n = 1; n <= 10; n++) {
      worker.send({ type: 'ping', n })
      await worker.inbox.find((m) => m.type === 'pong' && m.n === n)
    }
    expect(worker.inbox.all.some(({ type }) => type === 'error' || type === 'done')).toBe(false)
    storm.cancel()
    expect((await storm.result).messages.map(({ type }) => type)).toEqual(['done'])
  })
})

describe('cancel', () => {
  test('aborts request.signal, ends all of it, and done is the last word', async () => {
    const worker = await started()
    const running = worker.begin(at('/listen'))
    worker.send({ type: 'ping', n: 1 })
    await worker.inbox.find(({ type }) => type === 'pong')
    running.cancel('client')
    expect((await running.result).messages.map(({ type }) => type)).toEqual(['done'])
    expect((await worker.invoke(at('/aborted'))).text).toBe('AbortError')
  })

  test('gives the listeners a moment only', async () => {
    const worker = await started()
    const running = worker.begin(at('/stubborn'))
    running.cancel()
    const begin = performance.now()
    expect((await running.result).messages.map(({ type }) => type)).toEqual(['done'])
    expect(performance.now() - begin).toBeLessThan(300)
    expect((await worker.invoke()).text).toBe('GET ')
  })

  test('twice, or in the midst of a request body, says done once', async () => {
    const worker = await started()
    const running = worker.begin({ ...at('/'), method: 'POST', open: true })
    running.write(new Uint8Array(1000))
    running.cancel()
    running.cancel()
    expect((await running.result).messages.map(({ type }) => type)).toEqual(
      ['credit', 'done'].slice(-1),
    )
  })

  test('ends waitUntil', async () => {
    const worker = await started()
    const running = worker.begin(at('/waits'))
    await running.find(({ type }) => type === 'response')
    running.cancel()
    const types = (await running.result).messages.map(({ type }) => type)
    expect(types).toEqual(['response', 'log', 'done']) // the log names what was ended
  })
})

describe('shutdown', () => {
  test('of an idle worker is at once, with status 0', async () => {
    const worker = await started()
    worker.send({ type: 'shutdown', grace_ms: 10_000, reason: 'of a test' })
    expect(await zygote.exited(worker)).toMatchObject({ status: 0, signal: 0 })
  })

  test('lets what runs finish', async () => {
    const worker = await started()
    const running = worker.begin(at('/sleep'))
    worker.send({ type: 'shutdown', grace_ms: 10_000, reason: 'of a test' })
    expect((await running.result).text).toBe('slept')
    expect(await zygote.exited(worker)).toMatchObject({ status: 0, signal: 0 })
  })

  test('does not wait longer than the grace', async () => {
    const worker = await started()
    worker.begin(at('/never'))
    const begin = performance.now()
    worker.send({ type: 'shutdown', grace_ms: 100, reason: 'of a test' })
    expect(await zygote.exited(worker)).toMatchObject({ status: 0, signal: 0 })
    expect(performance.now() - begin).toBeWithin(90, 2000)
  })

  test('is the end of the channel too, at once', async () => {
    const worker = await started()
    worker.begin(at('/never'))
    worker.close()
    expect(await zygote.exited(worker)).toMatchObject({ status: 0, signal: 0 })
  })
})
