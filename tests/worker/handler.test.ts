/** What a handler receives, and what happens with what it returns, throws or leaves open. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { at, startCases } from './cases.ts'
import { startZygote, type TestZygote } from './harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

const env = { NAME: 'Alice', __proto__x: '1', 'odd key': '\ud800\0' }

const cases = (code: Record<string, string>) => startCases(zygote, code, '', { env })

describe('the answer', () => {
  const invalid = {
    undefined: '() => undefined',
    null: 'async () => null',
    string: '() => "text"',
    object: '() => ({ status: 200, headers: {}, body: "x" })',
    'used body': 'async () => { const r = new Response("x"); await r.text(); return r }',
    'locked body': '() => { const r = new Response("x"); r.body.getReader(); return r }',
    'forged prototype': '() => Object.create(Response.prototype)',
    proxy: '() => new Proxy(new Response("x"), {})',
    'error response': '() => Response.error()',
    'more than 2,000 headers':
      '() => { const r = new Response("x"); for (let i = 0; i < 2000; i++) r.headers.append("x-" + i, ""); return r }',
    'too many headers':
      '() => { const r = new Response("x"); for (let i = 0; i < 100; i++) r.headers.append("x-" + i, "y".repeat(1000)); return r }',
  }
  test('that is no Response is INVALID_RESPONSE, and says why', async () => {
    const worker = await cases(invalid)
    for (const name of Object.keys(invalid)) {
      const result = await worker.invoke(at(name))
      expect([name, result.error?.code]).toEqual([name, 'INVALID_RESPONSE'])
      expect(result.status).toBeUndefined()
      expect(result.error?.message.length).toBeGreaterThan(5)
    }
  })

  const valid = {
    sync: '() => new Response("ok")',
    promise: '() => Promise.resolve(new Response("ok"))',
    async: 'async () => { await null; return new Response("ok") }',
    timer: '() => new Promise((resolve) => setTimeout(() => resolve(new Response("ok")), 5))',
    thenable: '() => ({ then(resolve) { resolve(new Response("ok")) } })',
    'subclass of Promise': '() => (class P extends Promise {}).resolve(new Response("ok"))',
    'subclass of Response': '() => new (class extends Response {})("ok")',
  }
  test('comes by every road that leads to a Response', async () => {
    const worker = await cases(valid)
    for (const name of Object.keys(valid)) {
      const result = await worker.invoke(at(name))
      expect([name, result.status, result.text, result.ended]).toEqual([name, 200, 'ok', true])
    }
  })

  test('with a small body is one frame, then done', async () => {
    const worker = await cases(valid)
    const { messages } = await worker.invoke(at('sync'))
    expect(messages.map(({ type }) => type)).toEqual(['response', 'done'])
    expect(messages[0]).toMatchObject({ bytes: 2, end: true })
    expect(messages[1]?.cpu_us as number).toBeGreaterThan(0)
    expect(messages[1]?.heap_bytes as number).toBeGreaterThan(10_000)
  })
})

describe('a failure', () => {
  const thrown: Record<string, [code: string, message: string]> = {
    error: ['() => { throw new Error("broken") }', 'broken'],
    rejection: ['async () => { await null; throw new RangeError("late") }', 'late'],
    string: ['() => { throw "just text" }', 'just text'],
    undefined: ['() => { throw undefined }', 'undefined'],
    null: ['() => Promise.reject(null)', 'null'],
    symbol: ['() => { throw Symbol("sign") }', 'sign'],
    bigint: ['() => { throw 12345678901234567890n }', '12345678901234567890'],
    object: ['() => { throw { toString() { for (;;); }, get message() { for (;;); } } }', ''],
    proxy: [
      '() => { throw new Proxy(new Error("x"), { get() { for (;;); }, getOwnPropertyDescriptor() { for (;;); } }) }',
      '',
    ],
    'stack that is an object': [
      '() => { throw Object.defineProperty(new Error("odd"), "stack", { value: {} }) }',
      'odd',
    ],
    'a long message': ['() => { throw new Error("y".repeat(1e6)) }', 'yyy'],
    'lines and control characters': ['() => { throw new Error("a\\nb\\0c\\ud800") }', 'a'],
    'a null prototype': ['() => { throw Object.create(null) }', ''],
    'a getter that throws': ['() => { throw { get message() { throw new Error() } } }', ''],
    thenable: ['() => ({ get then() { throw new Error("then") } })', 'then'],
    'stack overflow': ['() => { const f = () => f() + 1; return f() }', 'stack'],
  }
  test('is HANDLER_ERROR, whatever is thrown, and costs no time', async () => {
    const worker = await cases(
      Object.fromEntries(Object.entries(thrown).map(([k, [code]]) => [k, code])),
    )
    for (const [name, [, message]] of Object.entries(thrown)) {
      const result = await worker.invoke({ ...at(name), cpuMs: 1000 })
      expect([name, result.error?.code]).toEqual([name, 'HANDLER_ERROR'])
      expect(result.error?.message).toContain(message)
      expect(result.error?.message).not.toMatch(/[\n\r]/)
      expect(result.error?.message.length).toBeLessThanOrEqual(8192)
    }
  })

  test('names function, line and column', async () => {
    const bundle = 'function inner() {\n  throw new Error("x")\n}\nexport default () => inner()'
    const worker = await zygote.worker({ bundle })
    const { error } = await worker.invoke()
    expect(error?.stack).toMatch(/inner \(bundle\.js:2:\d+\)/)
  })

  test('in the midst of a body breaks it', async () => {
    const worker = await cases({
      broken: `() => { let n = 0
        return new Response(new ReadableStream({ pull(c) { if (n++ === 2) throw new Error('spilt'); c.enqueue(new Uint8Array(10)) } })) }`,
    })
    const result = await worker.invoke(at('broken'))
    expect(result.status).toBe(200)
    expect(result.ended).toBe(false)
    expect(result.error).toMatchObject({
      code: 'HANDLER_ERROR',
      message: expect.stringContaining('spilt'),
    })
  })
})

describe('ctx', () => {
  test('says which function, version, project and request it is', async () => {
    const bundle = `export default (req, ctx) => Response.json({
      functionName: ctx.functionName, version: ctx.version, project: ctx.project, requestId: ctx.requestId,
      deadline: ctx.deadline - Date.now(), env: ctx.env })`
    const env = { NAME: 'Alice', 'odd key': 'é\ud83d\ude00\0', constructor: 'x', __proto__x: '' }
    const details = { function: 'shop', version: 'v12', project: 'acme' }
    const worker = await zygote.worker({ bundle, env, details })
    const said = (await worker.json('/', {
      deadlineMs: 3000,
      headers: [['x-request-id', 'abc-1']],
    })) as {
      deadline: number
    }
    expect(said.deadline).toBeGreaterThan(2000)
    expect(said.deadline).toBeLessThanOrEqual(3000)
    expect(said).toMatchObject({
      functionName: 'shop',
      version: 'v12',
      project: 'acme',
      requestId: 'abc-1',
      env,
    })
  })

  test('cannot be forged, and env cannot be changed', async () => {
    const worker = await cases({
      forge: `(req, ctx) => {
        'use strict'
        const said = []
        const attempt = (name, run) => { try { run(); said.push(name) } catch (e) { if (!(e instanceof TypeError)) said.push(name + e) } }
        attempt('env', () => { ctx.env.NAME = 'Bob' })
        attempt('add', () => { ctx.env.x = 'y' })
        attempt('delete', () => { delete ctx.env.NAME })
        attempt('deadline', () => { ctx.deadline = 1e15 })
        attempt('forged', () => Object.create(Object.getPrototypeOf(ctx)).waitUntil(null))
        attempt('getter', () => Object.getOwnPropertyDescriptor(Object.getPrototypeOf(ctx), 'requestId').get.call({}))
        attempt('constructor', () => new ctx.constructor(), said.push(typeof ctx.constructor))
        return Response.json(said) }`,
    })
    const result = await worker.invoke(at('forge'))
    expect(JSON.parse(result.text)).toEqual(['function', 'constructor'])
  })

  test('env is the same object for all, and made anew for each worker', async () => {
    const bundle = `let first; export default (req, ctx) => { first ??= ctx.env; return new Response(String(first === ctx.env)) }`
    const worker = await zygote.worker({ bundle, env: { A: '1' } })
    await worker.invoke()
    expect((await worker.invoke()).text).toBe('true')
  })
})
