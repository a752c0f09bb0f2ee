/** CPU, time, memory and stack: an invocation over its limit ends, and the others are answered. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { at, startCases } from './cases.ts'
import { SANITIZED, startZygote, type TestZygote } from './harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

const cases = (code: Record<string, string>, prelude = '') =>
  startCases(zygote, code, prelude, { capabilities: { maxMemory: 32 << 20 } })

const SPINS: Record<string, string> = {
  loop: '() => { for (;;); }',
  caught: '() => { for (;;) try { for (;;); } catch {} }',
  finally: '() => { for (;;) try { for (;;); } finally { continue } }',
  swallowed: '() => { for (;;) new Promise(() => { for (;;); }) }',
  thenable: '() => new Promise((resolve) => resolve({ then() { for (;;); } }))',
  recursion: '() => { const f = () => { try { f() } catch {} ; f() }; for (;;) f() }',
  microtasks: '() => { const f = () => queueMicrotask(f); f(); return new Promise(() => {}) }',
  promises:
    '() => { const f = () => { Promise.resolve().then(f) }; f(); return new Promise(() => {}) }',
  'async loop': 'async () => { for (;;) await null }',
  'async caught': 'async () => { for (;;) try { for (;;) await null } catch {} }',
  'async generator':
    'async () => { for await (const x of (async function* () { for (;;) yield 1 })()); }',
  timers:
    'async () => { for (;;) { await new Promise((r) => setTimeout(r, 0)); for (let i = 0; i < 1e5; i++); } }',
  regexp: '() => { /^(a+)+$/.test("a".repeat(64) + "b") }',
  'regexp caught': '() => { for (;;) try { /^(a+)+$/.test("a".repeat(64) + "b") } catch {} }',
  replace: '() => "a".repeat(64).replace(/(a*)*b/g, "")',
  'long native calls':
    '() => { const text = JSON.stringify(Array(2e5).fill(1)); for (;;) JSON.parse(text) }',
  spread: '() => { let o = {}; for (let i = 0; ; i++) o = { ...o, ["k" + i]: i } }',
  getter: '() => ({ get x() { for (;;); } }).x',
  sort: '() => { const a = Array.from({ length: 1e4 }, (_, i) => i); for (;;) a.sort(() => 0) }',
  json: '() => JSON.stringify({ toJSON() { for (;;); } })',
  proxy: '() => Object.keys(new Proxy({}, { ownKeys() { for (;;); } }))',
  'then getter': 'async () => ({ get then() { for (;;); } })',
  iterator:
    '() => { for (const x of { [Symbol.iterator]: () => ({ next: () => ({ done: false }), return() { for (;;); } }) }); }',
  stream: '() => new Response(new ReadableStream({ pull() { for (;;); } }))',
  'stream of nothing':
    '() => new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(0)) } }))',
}

describe('CPU', () => {
  test.each(Object.keys(SPINS))(
    '%s ends within 1 s of its limit; others are answered',
    async (name) => {
      const worker = await cases({
        ...SPINS,
        ok: 'async () => { await null; return new Response("ok") }',
      })
      const begin = performance.now()
      const guilty = worker.begin({
        ...at(name),
        cpuMs: 100,
      })
      const other = worker.begin(at('ok'))
      const result = await guilty.result
      expect([result.error?.code, (await other.result).text]).toEqual(['CPU_LIMIT', 'ok'])
      expect(performance.now() - begin).toBeLessThan(SANITIZED ? 5000 : 1100)
      expect((await worker.invoke(at('ok'))).text).toBe('ok')
      worker.close()
    },
  )

  test('is counted for each invocation alone', async () => {
    const worker = await cases({
      work: `async () => { const end = Date.now() + 400; for (let n = 0; Date.now() < end; n++) {
        for (let i = 0; i < 2e4; i++); await new Promise((r) => setTimeout(r, 0)) } return new Response('ok') }`,
      wait: 'async () => { await new Promise((r) => setTimeout(r, 500)); return new Response("ok") }',
    })
    const work = worker.begin({ ...at('work'), cpuMs: 2000 })
    const wait = worker.begin({ ...at('wait'), cpuMs: 50 })
    expect((await wait.result).text).toBe('ok')
    expect((await work.result).cpuUs).toBeGreaterThan(10 * (await wait.result).cpuUs)
  })

  test('of waitUntil counts too, and its log says what was stopped', async () => {
    const worker = await cases({
      late: '(req, ctx) => { ctx.waitUntil(new Promise(() => setTimeout(() => { for (;;); }, 1))); return new Response("ok") }',
    })
    const result = await worker.invoke({ ...at('late'), cpuMs: 100 })
    expect(result.text).toBe('ok')
    expect(result.messages.map(({ type }) => type)).toEqual(['response', 'log', 'done'])
    expect(result.logs).toEqual([
      {
        level: 'error',
        message:
          'What ran after the response was stopped: The invocation exceeded its CPU time limit.',
      },
    ])
    expect(result.cpuUs).toBeGreaterThan(95_000)
  })

  test('of one that was stopped does not come back by its timers and promises', async () => {
    const worker = await cases(
      {
        guilty: `() => { setInterval(() => { ran++ }, 5); shared.then(() => { ran++ }); for (;;); }`,
        release:
          'async () => { release(); await new Promise((r) => setTimeout(r, 50)); return new Response(String(ran)) }',
      },
      'let ran = 0, release; const shared = new Promise((resolve) => { release = resolve })',
    )
    expect((await worker.invoke({ ...at('guilty'), cpuMs: 50 })).error?.code).toBe('CPU_LIMIT')
    expect((await worker.invoke(at('release'))).text).toBe('0')
  })
})

describe('time', () => {
  test('a loop ends at its deadline', async () => {
    const worker = await cases(SPINS)
    const begin = performance.now()
    const result = await worker.invoke({ ...at('loop'), deadlineMs: 200, cpuMs: 60_000 })
    expect(result.error?.code).toBe('TIMEOUT')
    expect(performance.now() - begin).toBeLessThan(1200)
  })

  test('counts only to the head of the response', async () => {
    const worker = await cases({
      slow: `() => new Response(new ReadableStream({ async start(c) { c.enqueue(new TextEncoder().encode('a'))
        await new Promise((r) => setTimeout(r, 300)); for (let i = 0; i < 1e6; i++); c.enqueue(new TextEncoder().encode('b')); c.close() } }))`,
    })
    const result = await worker.invoke({ ...at('slow'), deadlineMs: 100, cpuMs: 5000 })
    expect([result.text, result.ended, result.error]).toEqual(['ab', true, undefined])
  })

  test('a promise that never settles waits for the host, which cancels it', async () => {
    const worker = await cases(
      {
        never: '() => new Promise(() => {})',
        deadlock: `() => { const a = new Promise((r) => { first ??= r }); return a.then(() => new Response()) }`,
        ok: '() => new Response("ok")',
      },
      'let first',
    )
    for (const name of ['never', 'deadlock']) {
      const running = worker.begin({ ...at(name), deadlineMs: 50 })
      await Bun.sleep(60)
      expect(running.messages).toEqual([])
      running.cancel('deadline')
      expect((await running.result).messages.map(({ type }) => type)).toEqual(['done'])
    }
    expect((await worker.invoke(at('ok'))).text).toBe('ok')
  })
})

const HOGS: Record<string, string> = {
  arrays: '() => { const a = []; while (true) try { a.push(new Array(1e6)) } catch {} }',
  objects: '() => { const a = []; while (true) try { a.push({ a: 1 }) } catch {} }',
  strings:
    '() => { const a = []; while (true) try { a.push("ab".repeat(1e6) + a.length) } catch {} }',
  buffers: '() => { const a = []; while (true) try { a.push(new Uint8Array(1e6)) } catch {} }',
  closures: '() => { let f = () => {}; while (true) try { const g = f; f = () => g() } catch {} }',
  maps: '() => { const m = new Map(); let i = 0; while (true) try { m.set(i++, {}) } catch {} }',
  'in a promise':
    'async () => { const a = []; while (true) try { await null; a.push(new Array(1e5)) } catch {} }',
  once: '() => { try { const a = []; for (let i = 0; i < 1e7; i++) a.push({}) } catch (e) { return new Response("caught") } }',
  buffer: '() => { try { new Uint8Array(64 << 20) } catch {} ; return new Response("caught") }',
  urls: '() => { const a = []; while (true) try { a.push(new URL("http://x/" + "y".repeat(1000))) } catch {} }',
  headers:
    '() => { const h = new Headers(); while (true) try { h.append("x", "y".repeat(10000)) } catch {} }',
  bodies:
    '() => { const a = []; while (true) try { a.push(new Response("z".repeat(1e6))) } catch {} }',
}

describe('memory', () => {
  test.each(Object.keys(HOGS))(
    '%s without end is MEMORY_LIMIT, also where it is caught',
    async (name) => {
      const worker = await cases({
        ...HOGS,
        ok: 'async () => { await new Promise((r) => setTimeout(r, 1)); return new Response("ok") }',
      })
      const other = worker.begin(at('ok'))
      const result = await worker.invoke({ ...at(name), cpuMs: 30_000, deadlineMs: 30_000 })
      expect(result.error?.code).toBe('MEMORY_LIMIT')
      expect((await other.result).text).toBe('ok')
      expect((await worker.invoke(at('ok'))).text).toBe('ok')
      worker.close()
    },
    40_000,
  )

  // A worker with sanitizers has no limit on address space, so its engine refuses first.
  test.skipIf(SANITIZED)(
    'that the system itself refuses ends the worker, which says why',
    async () => {
      const worker = await cases({
        native: '() => { const p = new URLSearchParams("a&".repeat(2e6)); for (;;) p.getAll("a") }',
      })
      const running = worker.begin({ ...at('native'), cpuMs: 30_000, deadlineMs: 30_000 })
      await expect(running.result).rejects.toThrow('the worker is gone')
      expect(running.messages).toMatchObject([{ type: 'error', code: 'MEMORY_LIMIT' }])
    },
  )

  test('that is held by a global still lets the others finish', async () => {
    const worker = await cases(
      {
        hog: '() => { while (true) try { kept.push({ a: [1] }) } catch {} }',
        ok: 'async () => { await null; return new Response("ok") }',
      },
      'const kept = []',
    )
    expect((await worker.invoke({ ...at('hog'), cpuMs: 30_000 })).error?.code).toBe('MEMORY_LIMIT')
    expect((await worker.invoke(at('ok'))).text).toBe('ok')
  }, 40_000)

  test('that is garbage costs nothing, cycles and large ones included', async () => {
    const worker = await cases({
      garbage: `() => { for (let i = 0; i < 3e5; i++) { const a = {}; a.self = a; a.data = [i] }
        for (let i = 0; i < 50; i++) { const a = {}; a.self = a; a.data = new Uint8Array(10e6) }
        return new Response('ok') }`,
    })
    const result = await worker.invoke({ ...at('garbage'), cpuMs: 30_000, deadlineMs: 30_000 })
    expect([result.error, result.text]).toEqual([undefined, 'ok'])
  }, 40_000)
})

const DEEP: Record<string, string> = {
  functions: '() => { const f = () => f() + 1; return f() }',
  getters: '() => { const o = { get x() { return this.x } }; return o.x }',
  json: '() => JSON.stringify((() => { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a })())',
  'parsed json': '() => JSON.parse("[".repeat(1e6))',
  regexp: '() => new RegExp("(".repeat(1e5) + ")".repeat(1e5))',
  proxies: '() => { let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p.x.y }',
  'bound functions':
    '() => { let f = () => {}; for (let i = 0; i < 5e4; i++) f = Object.defineProperty(f.bind(), "name", { value: "" }); return f().x }',
  toString: '() => { const o = { toString() { return String(this) } }; return String(o) }',
  'array join':
    '() => { const a = []; let b = a; for (let i = 0; i < 1e5; i++) { const c = []; b.push(c); b = c } return a.join() || f() }',
  flat: '() => { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a.flat(Infinity).x.y }',
  'structured clone':
    '() => { let a = []; for (let i = 0; i < 1e4; i++) a = [a]; return structuredClone(a).x.y }',
}

describe('stack', () => {
  test.each(Object.keys(DEEP))(
    '%s too deep is an error that can be caught',
    async (name) => {
      const worker = await cases({
        ...DEEP,
        [`caught ${name}`]: `() => { try { (${DEEP[name]})() } catch (e) { return new Response(e.constructor.name) } return new Response("returned") }`,
      })
      const url = (path: string) => ({
        ...at(path),
        cpuMs: 20_000,
        deadlineMs: 20_000,
      })
      const result = await worker.invoke(url(name))
      expect(result.error?.code).toMatch(/^(HANDLER_ERROR|INVALID_RESPONSE)$/)
      expect((await worker.invoke(url(`caught ${name}`))).text).toMatch(/Error$/)
      worker.close()
    },
    30_000,
  )
})
