/** What a request leaves behind goes on as background work, and may serve later requests. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { at, startCases } from './cases.ts'
import { SANITIZED, startZygote, type TestZygote } from './harness.ts'
import type { TestWorker } from './test-worker.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

const sleep = 'const sleep = (ms) => new Promise((r) => setTimeout(r, ms))\n'
const cases = (
  code: Record<string, string>,
  prelude = '',
  limits: { background_ms?: number; background_cpu_percent?: number; load_cpu_ms?: number } = {},
) => startCases(zygote, code, sleep + prelude, { limits })

const text = async (worker: TestWorker, name: string) => {
  const result = await worker.invoke({ ...at(name), cpuMs: 5000, deadlineMs: 20_000 })
  return result.error?.message ?? result.text
}

/** Asks until the answer is the expected one. The timeout of the test bounds it. */
async function eventually(worker: TestWorker, name: string, expected: string): Promise<void> {
  for (;;) {
    const answer = await text(worker, name)
    if (answer === expected) return
    await Bun.sleep(10)
  }
}

const logsOf = (worker: TestWorker, id: number) =>
  worker.inbox.all
    .filter((message) => message.type === 'log' && message.id === id)
    .map(({ message }) => message as string)

describe('a queue in module scope', () => {
  /** As the `process` package of browserify drains its ticks. */
  const queue = (schedule: string) => `
    const queue = []; let scheduled = false
    ${schedule.includes('channel') ? 'const channel = new MessageChannel()' : ''}
    const drain = () => { scheduled = false; for (const job of queue.splice(0)) job() }
    ${schedule.includes('channel') ? 'channel.port2.onmessage = drain' : ''}
    const later = (job) => { queue.push(job); if (!scheduled) { scheduled = true; ${schedule} } }`

  test.each([
    ['setTimeout', 'setTimeout(drain, 0)'],
    ['an async function', '(async () => { await sleep(1); drain() })()'],
    ['a promise reaction', 'sleep(0).then(drain)'],
    ['a message port', "channel.port1.postMessage('')"],
    ['a stream', 'new Response("x").text().then(() => sleep(0)).then(drain)'],
    ['AbortSignal.timeout', "AbortSignal.timeout(1).addEventListener('abort', drain)"],
  ])('that %s of an ended request drains serves 20 requests', async (_name, schedule) => {
    const worker = await cases(
      {
        use: `async () => { later(() => {}); await new Promise((r) => later(r)); later(() => {}); return new Response('ok') }`,
      },
      queue(schedule),
    )
    for (let i = 0; i < 20; i++) expect(await text(worker, 'use')).toBe('ok')
  })
})

describe('work that a request left behind', () => {
  test('a batch timer fires, and its next one too', async () => {
    const worker = await cases(
      {
        add: `() => { timer ??= setTimeout(() => { timer = undefined; flushes++ }, 20); return new Response() }`,
        flushes: '() => new Response(String(flushes))',
      },
      'let timer, flushes = 0',
    )
    for (const count of ['1', '2', '3']) {
      await worker.invoke(at('add'))
      await worker.invoke(at('add'))
      await eventually(worker, 'flushes', count)
    }
  })

  test('a connection that an ended request began is there for the next ones', async () => {
    const worker = await cases(
      {
        first: '() => { connect(); return new Response("early") }',
        next: 'async () => new Response(await connect())',
      },
      `let connection; const connect = () => connection ??= (async () => { await sleep(30); await null; return 'connected' })()`,
    )
    expect(await text(worker, 'first')).toBe('early')
    const all = await Promise.all([1, 2, 3].map(() => text(worker, 'next')))
    expect(all).toEqual(['connected', 'connected', 'connected'])
  })

  test('a fetch is awaited by a later request', async () => {
    const worker = await cases(
      {
        first: `() => { config = fetch('https://config.test/a?key=1').then((r) => r.json()); return new Response() }`,
        next: 'async () => new Response((await config).name)',
        again: `async () => { const r = await fetch('https://config.test/b'); return new Response(await r.text()) }`,
      },
      'let config',
    )
    const first = await worker.invoke(at('first'))
    expect(first.messages.at(-1)?.type).toBe('done')
    const next = worker.begin(at('next'))
    await Bun.sleep(20)
    answer(worker, 'f1', '{"name":"x"}')
    expect((await next.result).text).toBe('x')
  })

  test('a fetch may be begun by it, in the name of its request', async () => {
    const worker = await cases({
      beacon: `() => { sleep(5).then(() => fetch('https://log.test/', { method: 'POST', body: 'x' })).then((r) => r.text()).then(console.log); return new Response() }`,
    })
    const { messages } = await worker.invoke(at('beacon'))
    expect(messages.some(({ type }) => type === 'fetch')).toBe(false)
    const fetch = await worker.inbox.find(({ type }) => type === 'fetch')
    expect(fetch).toMatchObject({ invocation: 1, method: 'POST', url: 'https://log.test/' })
    answer(worker, 'f1', 'logged')
    const log = await worker.inbox.find(({ type }) => type === 'log')
    expect(log).toMatchObject({ id: 1, message: 'logged' })
  })

  test('a stream that is kept open is read by a later request', async () => {
    const worker = await cases(
      {
        open: `() => { source = new ReadableStream({ async pull(c) { await sleep(2); c.enqueue(++n); if (n === 3) c.close() } }).getReader(); source.closed.catch(() => {}); setTimeout(() => {}, 1); return new Response() }`,
        read: `async () => { const all = []; for (;;) { const { done, value } = await source.read(); if (done) break; all.push(value) } return new Response(all.join()) }`,
      },
      'let source, n = 0',
    )
    await worker.invoke(at('open'))
    expect(await text(worker, 'read')).toBe('1,2,3')
  })

  test('setImmediate, nested timers and intervals go on, each in the name of its request', async () => {
    const worker = await cases({
      leave: `(req) => { const who = new URL(req.url).search
        setTimeout(() => { console.log('timer' + who); setTimeout(() => console.log('nested' + who), 3) }, 3)
        let n = 0; const i = setInterval(() => { console.log('interval' + who); if (++n === 3) clearInterval(i) }, 2)
        ;(async () => { for (let k = 0; k < 3; k++) { await sleep(2); await null } console.log('chain' + who) })()
        return new Response() }`,
    })
    const paths = ['?a', '?b', '?c']
    await Promise.all(paths.map((who) => worker.invoke({ url: `http://localhost/leave${who}` })))
    for (let i = 1; i <= 3; i++) {
      const who = paths[i - 1]
      const expected = [`chain${who}`, `timer${who}`, `nested${who}`]
      for (const line of [...expected, `interval${who}`]) {
        await worker.inbox.find(
          ({ type, id, message }) => type === 'log' && id === i && message === line,
        )
      }
    }
    await Bun.sleep(30)
    for (let i = 1; i <= 3; i++) {
      expect(logsOf(worker, i).filter((line) => line.startsWith('interval'))).toHaveLength(3)
      expect(logsOf(worker, i).every((line) => line.endsWith(paths[i - 1] as string))).toBe(true)
    }
  })

  test('an unhandled rejection and an uncaught exception of it are logged to its request', async () => {
    const worker = await cases({
      ok: '() => new Response()',
      leave: `() => { sleep(3).then(() => { throw new Error('late one') }); setTimeout(() => { throw new TypeError('in a timer') }, 5)
        ;(async () => { await sleep(4); const p = Promise.reject(new Error('handled')); await null; p.catch(() => {}) })()
        return new Response() }`,
    })
    await worker.invoke(at('ok'))
    await worker.invoke(at('leave'))
    const line = (what: string) =>
      worker.inbox.find((m) => m.type === 'log' && String(m.message).includes(what))
    expect(await line('late one')).toMatchObject({ id: 2, level: 'error' })
    expect(await line('in a timer')).toMatchObject({ id: 2, level: 'error' })
    await Bun.sleep(20)
    expect(logsOf(worker, 2)).toHaveLength(2)
  })

  test('cleanup of what was collected belongs to the request that registered it', async () => {
    const worker = await cases(
      {
        register: "() => { held = {}; registry.register(held, 'it'); return new Response() }",
        drop: '() => { held = undefined; return new Response() }',
      },
      "let held; const registry = new FinalizationRegistry((what) => console.log('cleaned ' + what))",
    )
    await worker.invoke(at('register'))
    await worker.invoke(at('drop'))
    expect(await worker.inbox.find((m) => m.type === 'log')).toMatchObject({
      id: 1,
      message: 'cleaned it',
    })
  })

  test('runs in the order in which it was queued', async () => {
    const count = SANITIZED ? 20 : 2000 // in less than the 50 ms of one turn
    const worker = await cases(
      {
        leave: `() => { setTimeout(() => { for (let i = 0; i < ${count}; i++) Promise.resolve().then(() => { order.push(i); Promise.resolve().then(() => order.push(${count} + i)) }) }, 1); return new Response() }`,
        count: '() => new Response(String(order.length))',
        order: '() => new Response(String(order.every((n, i) => n === i)))',
      },
      'const order = []',
    )
    await worker.invoke(at('leave'))
    await eventually(worker, 'count', String(2 * count))
    expect(await text(worker, 'order')).toBe('true')
  })

  test('the body of its request that it did not read fails', async () => {
    const worker = await cases(
      {
        leave: `(req) => { body = req.text().then((t) => 'read ' + t, (e) => 'failed: ' + e.message); return new Response() }`,
        look: 'async () => new Response(await body)',
      },
      'let body',
    )
    await worker.invoke({ ...at('leave'), method: 'POST', body: 'part', open: true })
    expect(await text(worker, 'look')).toContain('failed: the request has ended')
    await worker.invoke({ ...at('leave'), method: 'POST', body: 'all' })
    expect(await text(worker, 'look')).toBe('read all')
  })

  test('code of the bundle that used up its time to load goes on', async () => {
    const worker = await cases(
      { ticks: '() => new Response(String(ticks > 20))' },
      'let ticks = 0; setInterval(() => { ticks++; for (let i = 0; i < 3e5; i++); }, 1)',
      { load_cpu_ms: SANITIZED ? 400 : 40 },
    )
    await eventually(worker, 'ticks', 'true')
  }, 60_000)
})

describe('the pause', () => {
  test('begins after the last request, and ends with the next one', async () => {
    const worker = await cases(
      {
        leave: `() => { setInterval(() => { ticks++ }, 5); (async () => { for (;;) { await sleep(5); turns++ } })(); return new Response() }`,
        look: '() => new Response(ticks + " " + turns)',
      },
      'let ticks = 0, turns = 0',
      { background_ms: 100 },
    )
    await worker.invoke(at('leave'))
    await Bun.sleep(1000)
    const [ticks = 0, turns = 0] = (await text(worker, 'look')).split(' ').map(Number)
    // They ran before the pause, for 100 of 1000 ms.
    expect(ticks).toBeGreaterThan(0)
    expect(turns).toBeGreaterThan(0)
    expect(ticks).toBeLessThan(60)
    expect(turns).toBeLessThan(60)
    for (;;) {
      const [more = 0, turn = 0] = (await text(worker, 'look')).split(' ').map(Number)
      if (more > ticks && turn > turns) break
    }
  })

  test('of 0 lets nothing run between requests, and everything during them', async () => {
    const worker = await cases(
      {
        leave:
          '() => { sleep(5).then(() => { done++ }); setTimeout(() => { done++ }, 5); return new Response() }',
        look: '() => new Response(String(done))',
        wait: 'async () => { await sleep(100); return new Response(String(done)) }',
      },
      'let done = 0',
      { background_ms: 0 },
    )
    await worker.invoke(at('leave'))
    await Bun.sleep(100)
    expect(await text(worker, 'look')).toBe('0')
    expect(await text(worker, 'wait')).toBe('2')
  })

  test('lets a repeating timer run once at its end, not once for each time', async () => {
    const worker = await cases(
      {
        leave: '() => { setInterval(() => { at.push(Date.now()) }, 50); return new Response() }',
        look: 'async () => { const n = at.length; await sleep(100); return new Response(String(at.length - n)) }',
      },
      'const at = []',
      { background_ms: 10 },
    )
    await worker.invoke(at('leave'))
    await Bun.sleep(600)
    const runs = Number(await text(worker, 'look'))
    expect(runs).toBeGreaterThan(0)
    expect(runs).toBeLessThan(9) // of the 12 that were missed
  })

  test('a fetch that the host ended in it rejects in the next request', async () => {
    const worker = await cases(
      {
        first: `() => { pending = fetch('https://slow.test/').then(() => 'came', (e) => e.code + ' ' + e.cause.code + ' ' + e.message); return new Response() }`,
        next: 'async () => new Response(await pending)',
      },
      'let pending',
      { background_ms: 10 },
    )
    await worker.invoke(at('first'))
    await Bun.sleep(50)
    const reason = 'ERR_PAUSED'
    worker.send({ type: 'fetch-error', id: 'f1', code: 'ABORTED', reason, message: 'paused' })
    await Bun.sleep(20)
    expect(await text(worker, 'next')).toBe('ERR_PAUSED ERR_PAUSED fetch: paused')
  })
})

/** Answers a fetch as the host does. */
function answer(worker: TestWorker, id: string, body: string): void {
  const head = { status: 200, statusText: 'OK', url: 'https://x.test/', redirected: false }
  worker.send({ type: 'fetch-response', id, ...head, headers: [], end: false })
  const bytes = Buffer.from(body)
  worker.send({ type: 'chunk', id, bytes: bytes.length }, bytes)
  worker.send({ type: 'end', id })
}
