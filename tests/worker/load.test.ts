/** How a bundle is loaded, and how loading fails. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { startZygote, type TestZygote } from './harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

describe('handler', () => {
  const forms: [string, string, string][] = [
    ['a function', 'default', 'export default (req, ctx) => new Response(typeof ctx.waitUntil)'],
    [
      'an async function',
      'default',
      'export default async function (req, ctx) { return new Response(typeof ctx.waitUntil) }',
    ],
    [
      'an object with fetch',
      'default',
      `export default { kind: 'function', fetch(req, env, ctx) {
        if (env.A !== 'b' || ctx.env !== env) throw new Error('env')
        return new Response(this.kind) } }`,
    ],
    [
      'an instance with fetch in its class',
      'default',
      `class App { #kind = 'function'; fetch() { return new Response(this.#kind) } }
       export default new App()`,
    ],
    ['a named export', 'handle', 'export const handle = () => new Response("function")'],
    [
      'a default made by a factory',
      'default',
      'export { x as default }; const x = () => new Response("function")',
    ],
  ]
  test.each(forms)('%s', async (_name, handler, bundle) => {
    const worker = await zygote.worker({ bundle, handler, env: { A: 'b' } })
    expect((await worker.invoke()).text).toBe('function')
    worker.close()
  })

  const missing: [string, string][] = [
    ['no export', 'const x = 1'],
    ['a number', 'export default 1'],
    ['null', 'export default null'],
    ['an object without fetch', 'export default { handle() {} }'],
    ['fetch that is no function', 'export default { fetch: 1 }'],
    ['another name', 'export const handler = () => new Response()'],
  ]
  test.each(missing)('is missing: %s', async (_name, bundle) => {
    const error = await zygote.loadError({ bundle })
    expect(error.code).toBe('BUNDLE_LOAD_ERROR')
    expect(error.message).toContain("no handler: its export 'default'")
  })

  test('is read with getters under the same limits', async () => {
    const bundle = 'export default { get fetch() { for (;;); } }'
    const error = await zygote.loadError({ bundle, limits: { load_cpu_ms: 100 } })
    expect(error.code).toBe('CPU_LIMIT')
  })
})

describe('loading', () => {
  test('says ready with the engine and the time it took', async () => {
    const worker = await zygote.worker({ bundle: 'export default () => new Response()' })
    const ready = await worker.ready()
    expect(ready).toMatchObject({ protocol: 2, engine: 'quickjs-ng/0.17.0' })
    expect(ready.init_us as number).toBeGreaterThan(0)
  })

  test('waits for top-level await, with jobs and timers', async () => {
    const bundle = `await null
      const x = await new Promise((resolve) => setTimeout(() => resolve('late'), 20))
      export default () => new Response(x)`
    const worker = await zygote.worker({ bundle })
    expect((await worker.invoke()).text).toBe('late')
  })

  test('an error names line, column and function, then the worker ends', async () => {
    const bundle = `function setUp() {\n  throw new TypeError('not configured')\n}\nsetUp()\nexport default 1`
    const worker = await zygote.connect()
    worker.start({ bundle })
    const error = await worker.inbox.find(({ type }) => type === 'error')
    expect(error).toMatchObject({ code: 'BUNDLE_LOAD_ERROR' })
    expect(error.id).toBeUndefined()
    expect(error.message).toContain('not configured')
    expect(error.stack).toMatch(/setUp.*bundle\.js:2:\d+/)
    expect(await zygote.exited(worker)).toMatchObject({ status: 1, signal: 0 })
  })

  test('a syntax error names its place', async () => {
    const error = await zygote.loadError({
      bundle: 'const a = 1\nconst b = = 2\nexport default 1',
    })
    expect(error.code).toBe('BUNDLE_LOAD_ERROR')
    expect(error.stack).toMatch(/bundle\.js:2:\d+/)
  })

  const throwing: [string, string][] = [
    ['undefined', 'throw undefined'],
    ['a proxy', 'throw new Proxy({}, { get() { for (;;); }, ownKeys() { for (;;); } })'],
    [
      'an error with hostile getters',
      `throw Object.defineProperty(new Error('x'), 'message', { get() { for (;;); } })`,
    ],
    ['a rejected top-level await', 'await Promise.reject(1)'],
    ['a module that never finished', 'await 1; throw new Error("after await")'],
    ['deep nesting', `${'('.repeat(100_000)}1${')'.repeat(100_000)}`],
    ['deep recursion', 'const f = () => f(); f()'],
    ['text that is not UTF-8', '\xff\xfe'],
    ['nothing but NUL', '\0'],
  ]
  test.each(throwing)('fails with %s', async (_name, bundle) => {
    const error = await zygote.loadError({ bundle: Buffer.from(bundle, 'latin1') })
    expect(error.code).toBe('BUNDLE_LOAD_ERROR')
    expect((error.message as string).length).toBeGreaterThan(0)
    expect(error.message).not.toContain('\n')
  })

  const hanging: [string, string, string][] = [
    ['a loop', 'for (;;);', 'CPU_LIMIT'],
    [
      'microtasks',
      'const f = () => queueMicrotask(f); f(); await new Promise(() => {})',
      'CPU_LIMIT',
    ],
    ['a promise that never settles', 'await new Promise(() => {})', 'TIMEOUT'],
    ['timers', 'const f = () => setTimeout(f, 10); f(); await new Promise(() => {})', 'TIMEOUT'],
    ['memory', 'const a = []; for (;;) try { a.push({}) } catch {}', 'MEMORY_LIMIT'],
  ]
  test.each(hanging)('ends that hangs in %s', async (_name, bundle, code) => {
    const worker = await zygote.connect()
    const limits = {
      load_ms: 1500,
      load_cpu_ms: code === 'CPU_LIMIT' ? 200 : 20_000,
      memory_bytes: 16 << 20,
    }
    const begin = performance.now()
    worker.start({ bundle, limits })
    const error = await worker.inbox.find(({ type }) => type === 'error')
    expect(error.code).toBe(code)
    expect(performance.now() - begin).toBeLessThan(3000)
    expect(await zygote.exited(worker)).toMatchObject({ status: 1 })
  })

  test('a bundle larger than the memory is refused with its name', async () => {
    const bundle = `export default () => new Response()\n//${'x'.repeat(48 << 20)}`
    const error = await zygote.loadError({ bundle, limits: { memory_bytes: 8 << 20 } })
    expect(error.code).toBe('MEMORY_LIMIT')
  }, 20_000)

  test('what runs on after loading has its own budget', async () => {
    const bundle = `let spun = 0
      setTimeout(() => { for (;;) spun++ }, 1)
      export default () => new Response(String(spun > 0))`
    const worker = await zygote.worker({ bundle, limits: { load_cpu_ms: 100 } })
    const log = await worker.inbox.find(({ type }) => type === 'log')
    expect(log).toMatchObject({ level: 'warn' })
    expect(log.message).toContain('was interrupted: it used up the CPU time for background work')
    expect((await worker.invoke()).text).toBe('true')
  })
})

describe('imports', () => {
  const unknown = [
    'left-pad',
    './x.js',
    'node:fs',
    'data:text/javascript,export%20default%201',
    'bundle.js',
    './bundle.js',
    'fn:streams',
  ]
  test.each(unknown)('import of %s fails with a clear message', async (name) => {
    const error = await zygote.loadError({
      bundle: `import x from '${name}'; export default () => x`,
    })
    expect(error).toMatchObject({ code: 'BUNDLE_LOAD_ERROR' })
    expect(error.message).toContain(`cannot import '${name}'`)
  })

  test('dynamic import of anything rejects', async () => {
    const bundle = `export default async () => {
      const said = []
      for (const name of ${JSON.stringify([...unknown, '/etc/passwd', ''])}) {
        try { await import(name); said.push('loaded ' + name) } catch (error) { said.push(error instanceof TypeError && error.code === 'MODULE_NOT_FOUND') }
      }
      return Response.json(said)
    }`
    for (const allowEval of [false, true]) {
      const worker = await zygote.worker({ bundle, capabilities: { allowEval } })
      expect(await worker.json()).toEqual([...unknown, 1, 2].map(() => true))
    }
  })
})

describe('eval', () => {
  const roads: [string, string][] = [
    ['eval', 'eval("1")'],
    ['indirect eval', '(0, eval)("1")'],
    ['new Function', 'new Function("return 1")()'],
    ['Function', 'Function("return 1")()'],
    ['the constructor of an arrow', '(() => {}).constructor("return 1")()'],
    ['the async constructor', '(async () => {}).constructor("return 1")()'],
    ['the generator constructor', '(function* () {}).constructor("return 1")()'],
    ['the async generator constructor', '(async function* () {}).constructor("return 1")()'],
    ['Reflect.construct', 'Reflect.construct(Function, ["return 1"])()'],
    ['a subclass', 'new (class extends Function {})("return 1")()'],
    ['a native function', 'Math.max.constructor("return 1")()'],
    ['a bound function', '(() => {}).bind().constructor("return 1")()'],
  ]
  const bundle = `export default (req) => {
    const tries = {${roads.map(([name, code]) => `${JSON.stringify(name)}: () => ${code}`).join(',')}}
    const said = {}
    for (const [name, run] of Object.entries(tries)) {
      try { run(); said[name] = 'ran' } catch (error) { said[name] = error.message }
    }
    return Response.json(said)
  }`

  test('is refused by every road', async () => {
    const worker = await zygote.worker({ bundle })
    const said = (await worker.json()) as Record<string, string>
    expect(Object.keys(said)).toHaveLength(roads.length)
    for (const message of Object.values(said)) expect(message).toContain('eval is not supported')
  })

  test('works by every road where it is allowed', async () => {
    const worker = await zygote.worker({ bundle, capabilities: { allowEval: true } })
    const said = (await worker.json()) as Record<string, string>
    for (const result of Object.values(said)) expect(result).toBe('ran')
  })

  test('setTimeout takes no string', async () => {
    const worker = await zygote.worker({
      bundle: `export default () => { try { setTimeout('globalThis.x = 1', 0); return new Response('took it') }
        catch (error) { return new Response(error.name) } }`,
    })
    expect((await worker.invoke()).text).toBe('TypeError')
  })
})
