/** A client that is gone, and a client that is waited for, as a worker sees them. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { at, startCases } from './cases.ts'
import { startZygote, type TestZygote } from './harness.ts'
import type { TestWorker } from './test-worker.ts'

let zygote: TestZygote
let worker: TestWorker

const PRELUDE = `
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const aborted = ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve))
  const endless = (cancel) => new Response(new ReadableStream({
    pull(c) { c.enqueue(new Uint8Array(10_000)) },
    cancel,
  }, { highWaterMark: 0 }))
`
const CASES = {
  goes_on: `async (req) => {
    req.signal.onabort = () => console.log('aborted ' + req.signal.reason.name)
    try { await aborted(req); await sleep(5) } finally { await sleep(5); console.log('finally') }
    return new Response('unread', { headers: { 'x-a': 'b' } })
  }`,
  throws: 'async (req) => { await aborted(req); await sleep(5); throw new Error("late") }',
  streams: `() => endless(async (reason) => { await sleep(20); console.log('cancelled: ' + reason) })`,
  breaks: `() => endless(() => { throw new Error('in cancel') })`,
  rejects: `() => endless(async () => { await sleep(5); throw new Error('in cancel') })`,
  bytes: '() => new Response(new Uint8Array(3_000_000))',
  later_stream: `async (req) => { await aborted(req); await sleep(5); return endless(() => console.log('never read')) }`,
  waits: `(req, ctx) => {
    ctx.waitUntil(aborted(req).then(() => sleep(5)).then(() => console.log('waited')))
    return endless(() => {})
  }`,
  stubborn: `(req) => { req.signal.onabort = () => { for (;;); }; return new Promise(() => {}) }`,
  trap: `() => {
    const original = Promise.prototype.then
    Object.defineProperty(Promise.prototype, 'constructor', { get() { throw new Error('trap') } })
    Promise.prototype.then = function () { throw new Error('trap') }
    return endless(async () => {})
  }`,
  hangs_in_cancel: '() => endless(() => new Promise(() => {}))',
  text: 'async (req) => new Response(String((await req.text()).length))',
  hangs: 'async (req) => { await req.text(); await new Promise(() => {}) }',
  deadline: `async (req, ctx) => {
    const before = ctx.deadline
    await req.text()
    return Response.json(ctx.deadline - before)
  }`,
}

beforeAll(async () => {
  zygote = await startZygote()
  worker = await startCases(zygote, CASES, PRELUDE)
})

afterAll(() => zygote.close())

type Name = keyof typeof CASES

/** The messages of an invocation whose client leaves once `after` came, or after a ping. */
async function left(name: Name, after?: string, own = worker) {
  const running = own.begin({ ...at(name), withholdCredit: true, cpuMs: 100 })
  if (after !== undefined) await running.find(({ type }) => type === after)
  else {
    own.send({ type: 'ping', n: 1 })
    await own.inbox.find(({ type }) => type === 'pong')
  }
  running.disconnect()
  running.disconnect()
  const { logs, messages, error } = await running.result
  const types = messages.map(({ type }) => type).filter((type) => type !== 'chunk')
  return { types, logs: logs.map(({ message }) => message), error, messages }
}

describe('disconnect', () => {
  test('lets a handler go on, and sends an empty head', async () => {
    const { types, logs, messages } = await left('goes_on')
    expect(types).toEqual(['log', 'log', 'response', 'done'])
    expect(logs).toEqual(['aborted AbortError', 'finally'])
    const head = messages.find(({ type }) => type === 'response')
    expect(head).toMatchObject({ headers: [], end: true })
    expect(head?.bytes).toBeUndefined()
  })

  test('reports what a handler throws then', async () => {
    const { types, error } = await left('throws')
    expect(types).toEqual(['error', 'done'])
    expect(error?.message).toContain('late')
  })

  test('cancels the stream of a response, and waits for that', async () => {
    const { types, logs } = await left('streams', 'chunk')
    expect(types).toEqual(['response', 'end', 'log', 'done'])
    expect(logs).toEqual(['cancelled: client'])
  })

  test.each(['breaks', 'rejects', 'bytes'] as const)('ends a body: %s', async (name) => {
    const { types, logs } = await left(name, 'chunk')
    expect(types).toEqual(['response', 'end', 'done'])
    expect(logs).toEqual([])
  })

  test('cancels the stream of a response that comes later', async () => {
    const { types, logs } = await left('later_stream')
    expect(types).toEqual(['log', 'response', 'done'])
    expect(logs).toEqual(['never read'])
  })

  test('leaves waitUntil its time', async () => {
    const { types, logs } = await left('waits', 'chunk')
    expect(types).toEqual(['response', 'end', 'log', 'done'])
    expect(logs).toEqual(['waited'])
  })

  test('does not lift the limit of CPU time', async () => {
    const { types, error } = await left('stubborn')
    expect(types).toEqual(['error', 'done'])
    expect(error?.code).toBe('CPU_LIMIT')
  })

  test('is not held up by traps of the tenant', async () => {
    const own = await startCases(zygote, CASES, PRELUDE)
    const { types } = await left('trap', 'chunk', own)
    expect(types).toEqual(['response', 'end', 'done'])
  })

  test('of a stream whose cancel hangs ends with cancel', async () => {
    const running = worker.begin({ ...at('hangs_in_cancel'), withholdCredit: true })
    await running.find(({ type }) => type === 'chunk')
    running.disconnect()
    await running.find(({ type }) => type === 'end')
    running.cancel()
    expect((await running.result).messages.at(-1)?.type).toBe('done')
  })

  test('amid an upload fails its reader, and behind it nothing', async () => {
    const half = worker.begin({ ...at('text'), method: 'POST', body: 'half', open: true })
    half.disconnect()
    expect((await half.result).error?.message).toContain('AbortError')
    const whole = worker.begin({ ...at('text'), method: 'POST', body: 'whole' })
    whole.disconnect()
    expect((await whole.result).error).toBeUndefined()
  })
})

describe('the deadline', () => {
  const upload = async (name: Name, deadlineMs: number) => {
    const running = worker.begin({ ...at(name), method: 'POST', body: 'a', open: true, deadlineMs })
    for (let part = 0; part < 5; part++) {
      await Bun.sleep(100)
      running.write(new Uint8Array(1000))
    }
    running.end()
    return await running.result
  }

  test('stands still while the client is waited for', async () => {
    const { text, error } = await upload('text', 400)
    expect(error).toBeUndefined()
    expect(text).toBe('5001')
    const moved = Number((await upload('deadline', 400)).text)
    expect(moved).toBeGreaterThan(400)
    expect(moved).toBeLessThan(5_000)
  })

  test('runs again when the body is complete', async () => {
    const own = await startCases(zygote, {
      spins: CASES.hangs.replace('await new Promise(() => {})', 'for (;;);'),
    })
    const running = own.begin({
      ...at('spins'),
      method: 'POST',
      body: 'a',
      open: true,
      deadlineMs: 300,
    })
    await Bun.sleep(400)
    running.end()
    expect((await running.result).error?.code).toBe('TIMEOUT')
  })
})
