/** What an invocation does after its response: waitUntil, rejections and logs. leftover.test.ts has what it does after `done`. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { at, startCases } from './cases.ts'
import { startZygote, type TestZygote } from './harness.ts'
import type { TestWorker } from './test-worker.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

const cases = (code: Record<string, string>, prelude = '') => startCases(zygote, code, prelude)

describe('waitUntil', () => {
  test('keeps done back until it has settled, and its work goes on', async () => {
    const worker = await cases({
      wait: `(req, ctx) => { ctx.waitUntil(new Promise((resolve) => setTimeout(() => { console.log('worked'); resolve() }, 50)))
        return new Response('early') }`,
    })
    const begin = performance.now()
    const running = worker.begin(at('wait'))
    await running.find(({ type }) => type === 'response')
    expect(performance.now() - begin).toBeLessThan(45)
    const result = await running.result
    expect(result.messages.map(({ type }) => type)).toEqual(['response', 'log', 'done'])
    expect(result.logs).toEqual([{ level: 'info', message: 'worked' }])
  })

  test('takes what is no promise, several, late and rejected ones', async () => {
    const worker = await cases({
      mixed: `(req, ctx) => { ctx.waitUntil(1); ctx.waitUntil(Promise.reject(new Error('lost')))
        queueMicrotask(() => ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 20))))
        return new Response('ok') }`,
    })
    const begin = performance.now()
    const result = await worker.invoke(at('mixed'))
    expect(performance.now() - begin).toBeGreaterThan(19)
    expect(result.logs).toEqual([{ level: 'error', message: expect.stringContaining('lost') }])
  })

  test('of an invocation that has ended throws', async () => {
    const worker = await cases(
      {
        keep: '(req, ctx) => { kept = ctx; return new Response() }',
        use: '() => { try { kept.waitUntil(null); return new Response("took it") } catch (e) { return new Response(e.message) } }',
      },
      'let kept',
    )
    await worker.invoke(at('keep'))
    expect((await worker.invoke(at('use'))).text).toContain('has ended')
  })
})

describe('after done', () => {
  test('what an invocation left behind goes on', async () => {
    const worker = await cases(
      {
        leave: `() => { setTimeout(() => { ran.add('a timer') }, 10); setInterval(() => { ran.add('an interval') }, 10)
          ;(async () => { for (let i = 0; i < 5; i++) await new Promise((r) => setTimeout(r, 5)); ran.add('a chain') })()
          return new Response() }`,
        look: 'async () => { while (ran.size < 3) await new Promise((r) => setTimeout(r, 5)); return new Response("all") }',
      },
      'const ran = new Set()',
    )
    await worker.invoke(at('leave'))
    expect((await worker.invoke(at('look'))).text).toBe('all')
  })

  test('microtasks that were queued before the end still ran', async () => {
    const worker = await cases({
      tail: `() => { (async () => { await null; await null; await null; console.log('tail') })(); return new Response() }`,
    })
    expect((await worker.invoke(at('tail'))).logs).toEqual([{ level: 'info', message: 'tail' }])
  })
})

describe('rejections', () => {
  const prelude = 'const boom = (text) => Promise.reject(new Error(text))'
  test('that nobody handles are logged to their invocation, before its done', async () => {
    const worker = await cases(
      {
        lost: '() => { boom("lost"); return new Response() }',
        late: 'async () => { const p = boom("late"); await null; p.catch(() => {}); return new Response() }',
        handled: 'async () => { await boom("handled").catch(() => {}); return new Response() }',
        any: 'async () => { Promise.reject(undefined); return new Response() }',
      },
      prelude,
    )
    const logs = async (name: string) => (await worker.invoke(at(name))).logs
    const [lost] = await logs('lost')
    expect(lost).toMatchObject({
      level: 'error',
      message: expect.stringMatching(/^Unhandled rejection: .*lost/),
    })
    expect(await logs('late')).toEqual([])
    expect(await logs('handled')).toEqual([])
    expect(await logs('any')).toHaveLength(1)
  })

  test('and exceptions of timers and microtasks go to the log, not to the answer', async () => {
    const worker = await cases({
      throws: `async () => { setTimeout(() => { throw new Error('timer') }, 1); queueMicrotask(() => { throw new Error('task') })
        await new Promise((r) => setTimeout(r, 20)); return new Response('fine') }`,
    })
    const result = await worker.invoke(at('throws'))
    expect(result.text).toBe('fine')
    expect(result.logs.map(({ message }) => /task|timer/.exec(message)?.[0])).toEqual([
      'task',
      'timer',
    ])
  })
})

describe('logs', () => {
  test('keep NUL, lone surrogates and everything else that JSON can say', async () => {
    const worker = await cases({
      odd: String.raw`() => { console.log('a\0b\ud800c\ud83d\ude00\u2028"\\\x7f'); return new Response() }`,
    })
    const { logs } = await worker.invoke(at('odd'))
    expect(logs[0]?.message).toBe('a\0b\ud800c\ud83d\ude00\u2028"\\\x7f')
  })

  test('are cut where they are long', async () => {
    const worker = await cases({
      long: '() => { console.log("é".repeat(1e5)); return new Response("ok") }',
    })
    const { logs, text } = await worker.invoke(at('long'))
    expect(text).toBe('ok')
    expect(logs[0]?.message).toMatch(/^é+ \[truncated\]$/)
  })

  test('beyond what the host reads are dropped and counted, and the answer comes', async () => {
    const worker = await cases({
      flood:
        '() => { for (let i = 0; i < 20000; i++) console.log("x".repeat(1000)); return new Response("ok") }',
    })
    const flood = await worker.invoke({ ...at('flood'), cpuMs: 10_000 })
    expect(flood.text).toBe('ok')
    expect(flood.logs.length).toBeLessThan(20_000)
    // Nothing is logged after it: the number comes when the output was read.
    const { count } = await worker.inbox.find(({ type }) => type === 'logs-dropped')
    expect(count).toBe(20_000 - flood.logs.length)
  })
})

describe('memory', () => {
  const settled = {
    ok: 'async (req) => { await req.text(); return Response.json({ a: [1, 2, 3] }) }',
    throws: 'async () => { await null; throw new Error("x") }',
    invalid: '() => 1',
    lost: '() => { Promise.reject(new Error("x")); return new Response() }',
    waits: '(req, ctx) => { ctx.waitUntil(Promise.resolve()); return new Response() }',
  }
  /** These leave cycles, which wait for the collector. */
  const cyclic = {
    stream: '(req) => new Response(req.body)',
    never:
      '(req) => { const keep = [req]; req.signal.onabort = () => keep; return new Promise(() => keep) }',
    spins: '() => { const f = () => queueMicrotask(f); f(); return new Promise(() => {}) }',
  }
  const start = () =>
    startCases(zygote, { ...settled, ...cyclic }, '', { capabilities: { maxMemory: 8 << 20 } })

  async function heapAfter(worker: TestWorker, name: string, count: number): Promise<number> {
    let heap = 0
    for (let i = 0; i < count; i++) {
      const body = new Uint8Array(1000)
      const cpuMs = name === 'spins' ? 1 : 1000
      const running = worker.begin({ ...at(name), method: 'POST', body, cpuMs })
      if (name === 'never') running.cancel()
      const done = (await running.result).messages.at(-1)
      heap = Math.max(heap, done?.heap_bytes as number)
    }
    return heap
  }

  test.each(Object.keys(settled))(
    'of an invocation is given back at its end: %s',
    async (name) => {
      const worker = await start()
      const before = await heapAfter(worker, name, 50)
      expect((await heapAfter(worker, name, 500)) - before).toBeLessThan(16 * 1024)
    },
    30_000,
  )

  test.each(Object.keys(cyclic))(
    'of an invocation is collected: %s',
    async (name) => {
      const worker = await start()
      const before = await heapAfter(worker, name, 50)
      expect((await heapAfter(worker, name, 2000)) - before).toBeLessThan(3 << 20)
      const rest = await worker.invoke(at('ok'))
      expect(rest.error).toBeUndefined()
    },
    60_000,
  )
})
