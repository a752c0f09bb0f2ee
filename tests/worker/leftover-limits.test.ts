/** Background work is limited: it delays no request, is not charged to one, and has a bucket of CPU time. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { at, startCases } from './cases.ts'
import { startZygote, type TestZygote } from './harness.ts'
import type { TestWorker } from './test-worker.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

const prelude = `const sleep = (ms) => new Promise((r) => setTimeout(r, ms))
  const spin = (ms) => { const end = Date.now() + ms; while (Date.now() < end); }
  const ok = () => new Response('ok')`

interface Limits {
  cpu_ms?: number
  background_ms?: number
  background_cpu_percent?: number
}

const cases = (
  code: Record<string, string>,
  more = '',
  limits: Limits = {},
  maxMemory = 64 << 20,
) =>
  startCases(zygote, { ok: 'ok', ...code }, `${prelude}\n${more}`, {
    capabilities: { maxMemory },
    limits,
  })

const isLog = (what: string) => (m: { type: string; message?: unknown }) =>
  m.type === 'log' && String(m.message).includes(what)

/** CPU time that background work reported. */
const backgroundMs = (worker: TestWorker) =>
  worker.inbox.all
    .filter(({ type }) => type === 'background')
    .reduce((sum, { cpu_us }) => sum + (cpu_us as number) / 1000, 0)

const LOOPS: Record<string, string> = {
  interval: '() => { setInterval(() => { for (;;); }, 1); return ok() }',
  'caught in a timer':
    '() => { setTimeout(() => { for (;;) try { for (;;); } catch {} }, 1); return ok() }',
  microtasks: '() => { const f = () => queueMicrotask(f); setTimeout(f, 1); return ok() }',
  'microtasks of the request': '() => { const f = () => queueMicrotask(f); f(); return ok() }',
  'async loop': '() => { (async () => { for (;;) await null })(); return ok() }',
  'timers of timers':
    '() => { const f = () => { setTimeout(f, 0); setTimeout(() => {}, 0) }; f(); return ok() }',
  'thousands of timers':
    '() => { for (let i = 0; i < 3000; i++) setInterval(() => { for (let k = 0; k < 1e4; k++); }, 1); return ok() }',
  ports:
    '() => { const { port1, port2 } = new MessageChannel(); port1.onmessage = port2.onmessage = (e) => e.target.postMessage(1); port1.postMessage(1); return ok() }',
  promises:
    '() => { setTimeout(() => { for (;;) new Promise(() => { for (;;); }) }, 1); return ok() }',
  regexp: '() => { setInterval(() => { /^(a+)+$/.test("a".repeat(64) + "b") }, 1); return ok() }',
  'getter of a stack':
    '() => { setInterval(() => { Error.prepareStackTrace = () => { for (;;); }; new Error().stack }, 1); return ok() }',
}

describe('endless work of an ended request', () => {
  test.each(Object.keys(LOOPS))(
    '%s: other requests are answered, and pay nothing',
    async (name) => {
      const worker = await cases({
        ...LOOPS,
        wait: 'async () => { for (let i = 0; i < 5; i++) await sleep(1); return ok() }',
      })
      expect((await worker.invoke({ ...at(name), cpuMs: 200 })).text).toBe('ok')
      for (let i = 0; i < 10; i++) {
        const result = await worker.invoke({ ...at(i % 2 ? 'wait' : 'ok'), cpuMs: 200 })
        expect([result.text, result.error]).toEqual(['ok', undefined])
      }
      worker.close()
    },
  )

  test('costs a request no CPU time', async () => {
    const worker = await cases({
      leave: '() => { setInterval(() => spin(20), 1); return ok() }',
      wait: 'async () => { await sleep(1000); return ok() }',
    })
    const left = await worker.invoke(at('leave'))
    const waited = await worker.invoke({ ...at('wait'), cpuMs: 200 })
    expect([left.text, waited.text]).toEqual(['ok', 'ok'])
    expect(backgroundMs(worker)).toBe(0) // less than a second of it is not reported yet
    expect(waited.cpuUs).toBeLessThan(100_000)
  })
})

describe('the bucket', () => {
  test('holds a worker near its share of a core, once the first maxCpu is used up', async () => {
    const worker = await cases(
      {
        leave: '() => { (async () => { for (;;) { spin(2); await sleep(0) } })(); return ok() }',
        wait: 'async () => { await sleep(3000); return ok() }',
      },
      '',
      { cpu_ms: 300, background_cpu_percent: 10 },
    )
    await worker.invoke(at('leave'))
    await worker.invoke(at('wait'))
    const begin = performance.now()
    const before = (await zygoteCpu(worker)).used
    await worker.invoke(at('wait'))
    await worker.invoke(at('wait'))
    const share = ((await zygoteCpu(worker)).used - before) / (performance.now() - begin)
    expect(share).toBeLessThan(0.2)
  }, 60_000)

  test('of a long turn is reported while it runs, so that the host gives the process more', async () => {
    const worker = await cases({
      leave: '() => { setTimeout(() => { for (;;); }, 1); return ok() }',
    })
    await worker.invoke(at('leave'))
    for (let reports = 0; reports < 3; ) {
      reports = worker.inbox.all.filter(({ type }) => type === 'background').length
      await Bun.sleep(50)
    }
    expect(backgroundMs(worker)).toBeGreaterThan(2900)
    expect((await worker.invoke(at('ok'))).text).toBe('ok')
  }, 60_000)

  test('that a turn empties interrupts it, and the rest goes on later', async () => {
    const worker = await cases(
      {
        leave:
          '() => { setTimeout(() => { for (;;); }, 1); setInterval(() => { ticks++ }, 5); return ok() }',
        look: '() => new Response(String(ticks))',
      },
      'let ticks = 0',
      { cpu_ms: 100 },
    )
    await worker.invoke(at('leave'))
    const log = await worker.inbox.find(isLog('used up the CPU time for background work'))
    expect(log).toMatchObject({ id: 1, level: 'warn' })
    const ticks = (await worker.invoke(at('look'))).text
    while ((await worker.invoke(at('look'))).text === ticks) await Bun.sleep(20)
  }, 30_000)
})

describe('an interrupt', () => {
  test('a turn that holds a request up is interrupted, and logged with its place', async () => {
    const worker = await cases({
      leave: `() => {
        setInterval(function heavy() {
          for (;;);
        }, 1)
        return ok() }`,
    })
    await worker.invoke(at('leave'))
    await Bun.sleep(20)
    expect((await worker.invoke(at('ok'))).text).toBe('ok')
    const log = await worker.inbox.find(isLog('ran for more than 50 ms while a request waited'))
    expect(log).toMatchObject({ id: 1, level: 'warn' })
    expect(log.message).toMatch(/\n {4}at heavy \(bundle\.js:\d+:\d+\)$/)
  })

  test('ends one turn: the repeating timer survives it', async () => {
    const worker = await cases(
      {
        leave:
          '() => { setInterval(() => { turns++; if (turns === 1) for (;;); }, 5); return ok() }',
        look: 'async () => { await sleep(20); return new Response(String(turns)) }',
      },
      'let turns = 0',
    )
    await worker.invoke(at('leave'))
    while (Number((await worker.invoke(at('look'))).text) < 3);
    expect(worker.inbox.all.some(({ type, ended }) => type === 'background' && ended)).toBe(false)
  })

  test('who waits for a turn that was interrupted gets an error', async () => {
    const worker = await cases(
      {
        leave:
          '() => { shared = (async () => { await sleep(1); for (;;); })(); shared.catch(() => {}); return ok() }',
        wait: 'async () => { try { await shared } catch (e) { return new Response(e.message) } }',
        also: 'async () => { await shared.then(() => {}); return ok() }',
      },
      'let shared',
    )
    await worker.invoke(at('leave'))
    expect((await worker.invoke(at('wait'))).text).toContain('background work was interrupted')
    expect((await worker.invoke(at('also'))).error?.message).toContain('was interrupted')
  })

  test('cannot be caught, and cannot be put off by new promises', async () => {
    const worker = await cases(
      {
        leave: `() => { setInterval(() => { try { for (;;); } catch { caught = true } finally { caught = true } }, 1)
          setInterval(() => { new Promise(() => { for (;;); }).catch(() => {}); after = true }, 1); return ok() }`,
        look: '() => new Response(caught + " " + after)',
      },
      'let caught = false, after = false',
    )
    await worker.invoke(at('leave'))
    for (let i = 0; i < 5; i++) await worker.invoke(at('ok'))
    expect((await worker.invoke(at('look'))).text).toMatch(/^false /)
  })
})

describe('the turn of an earlier request that works for one in flight', () => {
  /** A queue in module scope, emptied by the timer of the request that first put something into it. */
  const queue = `const list = []
    let emptied = false
    const drain = () => { emptied = false; while (list.length > 0) list.shift()() }
    const put = (job) => { list.push(job); if (!emptied) { emptied = true; setTimeout(drain, 5) } }`

  test.each([
    [
      'a queue of callbacks',
      'async () => { let n = 0; await new Promise((r) => { list.push(() => { spin(120); n++; r() }) }); return new Response(String(n)) }',
    ],
    [
      'a queue of many small callbacks',
      'async () => { let n = 0; await new Promise((r) => { for (let i = 0; i < 60; i++) list.push(() => { spin(2); if (++n === 60) r() }) }); return new Response(String(n)) }',
    ],
    [
      'one that settles a first promise early',
      'async () => { let n = 0; const first = new Promise((r) => list.push(r)); const last = new Promise((r) => list.push(() => { spin(120); r() })); await first; n++; await last; n++; return new Response(String(n)) }',
    ],
  ])('%s is not interrupted', async (_name, wait) => {
    const worker = await cases(
      { first: '() => { put(() => {}); setTimeout(drain, 60); return ok() }', wait },
      queue,
    )
    await worker.invoke(at('first'))
    const { text, error } = await worker.invoke(at('wait'))
    expect(error ?? Number(text)).toBeGreaterThan(0)
    expect(worker.inbox.all.some(isLog('interrupted'))).toBe(false)
  })

  test('is interrupted after 500 ms of CPU time, and the worker is replaced', async () => {
    const worker = await cases(
      {
        leave: '() => { setTimeout(() => { for (;;); }, 30); return ok() }',
        wait: 'async () => { await new Promise((r) => { resolve = r }) }',
      },
      'let resolve',
    )
    await worker.invoke(at('leave'))
    const waiting = worker.begin(at('wait'))
    const log = await worker.inbox.find(isLog('more than 500 ms while requests were in flight'))
    expect(log).toMatchObject({ id: 1, level: 'warn' })
    await worker.inbox.find(({ type, ended }) => type === 'background' && ended === true)
    waiting.cancel()
    await waiting.result
    expect((await worker.invoke(at('ok'))).text).toBe('ok')
  })

  test('gives way after 50 ms to a timer of a request, and to a new request', async () => {
    const worker = await cases({
      leave: '() => { setInterval(() => { for (;;); }, 1); return ok() }',
      sleep: 'async () => { await sleep(1); return ok() }',
    })
    await worker.invoke(at('leave'))
    for (let i = 0; i < 3; i++) {
      const both = await Promise.all([worker.invoke(at('sleep')), worker.invoke(at('ok'))])
      expect(both.map(({ text }) => text)).toEqual(['ok', 'ok'])
    }
    expect(worker.inbox.all.some(isLog('more than 50 ms while a request waited'))).toBe(true)
    expect(worker.inbox.all.some(isLog('more than 500 ms'))).toBe(false)
  })

  test('lets answers leave that wait behind its log lines', async () => {
    const worker = await cases({
      leave: `() => { setInterval(() => { for (;;) console.log('x'.repeat(1000)) }, 0); return ok() }`,
    })
    await worker.invoke(at('leave'))
    const before = backgroundMs(worker)
    for (let i = 0; i < 5; i++) {
      await Bun.sleep(20)
      expect((await worker.invoke(at('ok'))).text).toBe('ok')
    }
    // Each waited until a second of CPU time was reported.
    expect(backgroundMs(worker) - before).toBeLessThan(3000)
  }, 30_000)
})

describe('memory', () => {
  test.each([
    [
      'arrays',
      'const a = []; setInterval(() => { for (;;) try { a.push(new Array(1e6)) } catch {} }, 1)',
    ],
    [
      'promises',
      '(async () => { const a = []; await sleep(1); for (;;) { await null; a.push(new Uint8Array(1e6)) } })()',
    ],
    [
      'timers',
      'setTimeout(() => { for (;;) setTimeout(() => {}, 1e6, "x".repeat(1000) + Math.random()) }, 1)',
    ],
  ])(
    'of %s without end ends that work, and asks for another worker',
    async (_name, code) => {
      const worker = await cases({ leave: `() => { ${code}; return ok() }` }, '', {}, 32 << 20)
      await worker.invoke(at('leave'))
      const background = await worker.inbox.find(
        ({ type, ended }) => type === 'background' && ended === true,
      )
      expect(background.ended).toBe(true)
      expect(await worker.inbox.find(isLog('exceeded its memory limit'))).toMatchObject({ id: 1 })
      expect((await worker.invoke(at('ok'))).text).toBe('ok')
    },
    60_000,
  )
})

describe('a request that was stopped', () => {
  test('leaves nothing: its timers and fetches end, and the log says where they were made', async () => {
    const worker = await cases(
      {
        guilty: `() => {
          function poll() { setInterval(() => { ran++ }, 5) }
          poll()
          fetch('https://api.test/items?token=secret').catch(() => {})
          for (;;); }`,
        look: 'async () => { await sleep(50); return new Response(String(ran)) }',
      },
      'let ran = 0',
    )
    const result = await worker.invoke({ ...at('guilty'), cpuMs: 50 })
    expect(result.error?.code).toBe('CPU_LIMIT')
    const line = result.logs.map(({ message }) => message).join('\n')
    expect(line).toContain('1 timer, 1 fetch')
    expect(line).toMatch(/timer set\n {4}at poll \(bundle\.js:\d+:\d+\)/)
    expect(line).toContain('fetch GET https://api.test/items')
    expect(line).not.toContain('secret')
    await worker.inbox.find(({ type, ended }) => type === 'background' && ended === true)
    expect((await worker.invoke(at('look'))).text).toBe('0')
  })

  test.each([
    ['cancelled', 'async () => { setTimeout(() => { ran++ }, 20); await new Promise(() => {}) }'],
    [
      'at its memory limit',
      '() => { setTimeout(() => { ran++ }, 20); const a = []; for (;;) try { a.push(new Array(1e6)) } catch {} }',
    ],
    ['at its deadline', '() => { setTimeout(() => { ran++ }, 20); for (;;); }'],
  ])(
    '%s asks for another worker, as something of it was to run',
    async (name, code) => {
      const worker = await cases(
        { guilty: code, look: 'async () => { await sleep(60); return new Response(String(ran)) }' },
        'let ran = 0',
        {},
        32 << 20,
      )
      const deadlineMs = name === 'at its deadline' ? 100 : 10_000
      const running = worker.begin({ ...at('guilty'), deadlineMs, cpuMs: 20_000 })
      if (name === 'cancelled') running.cancel('deadline')
      await running.result
      await worker.inbox.find(({ type, ended }) => type === 'background' && ended === true)
      expect((await worker.invoke(at('look'))).text).toBe('0')
    },
    40_000,
  )

  test('a worker that leaves says what it ends', async () => {
    const worker = await cases({
      leave:
        '() => { setInterval(function tick() {}, 1000); fetch("https://a.test/x?y").catch(() => {}); return ok() }',
    })
    await worker.invoke(at('leave'))
    worker.send({ type: 'shutdown', grace_ms: 1000, reason: 'of a test' })
    await worker.inbox.untilClosed()
    const log = worker.inbox.all.find(
      isLog('Ended with this worker, because of a test: 1 timer, 1 fetch'),
    )
    expect(log?.message).toMatch(/\n {2}timer set\n {4}at \S+ \(bundle\.js:\d+:\d+\)/)
  })
})

/** CPU time of the worker's process, ms, from /proc. */
async function zygoteCpu(worker: TestWorker): Promise<{ used: number }> {
  const forked = zygote.inbox.all.find((m) => m.type === 'forked' && m.worker === worker.number)
  const pids = await childrenOf(zygote.pid)
  const inner = forked?.pid as number
  for (const pid of pids) {
    const status = await Bun.file(`/proc/${pid}/status`).text()
    const numbers = /NSpid:(.*)/.exec(status)?.[1]?.trim().split(/\s+/).map(Number) ?? []
    if (numbers.at(-1) !== inner) continue
    const fields = (await Bun.file(`/proc/${pid}/stat`).text()).split(') ')[1]?.split(' ') ?? []
    return { used: (Number(fields[11]) + Number(fields[12])) * 10 }
  }
  throw new Error(`no process of the worker: ${pids.join()}`)
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await Bun.file(`/proc/${pid}/task/${pid}/children`).text()
  return text.trim().split(/\s+/).map(Number)
}
