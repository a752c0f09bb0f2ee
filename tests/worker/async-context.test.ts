/** Budgets and logs follow an invocation through everything that is asynchronous. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { startZygote, type TestZygote } from './harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

const sleep = 'const sleep = (ms) => new Promise((r) => setTimeout(r, ms))'

describe('a log line', () => {
  test('goes to the invocation that wrote it, however it got there', async () => {
    const bundle = `${sleep}
      async function* generate(id) { for (let i = 0; i < 3; i++) { await sleep(1); yield id } }
      export default async (req) => {
        const id = new URL(req.url).pathname.slice(1)
        const said = (how) => console.log(id + ' ' + how)
        said('sync')
        queueMicrotask(() => said('microtask'))
        setTimeout(() => said('timer'), 5)
        Promise.resolve().then(() => sleep(1)).then(() => said('then')).finally(() => said('finally'))
        new Promise((_, reject) => setTimeout(reject, 2)).catch(() => said('catch'))
        ;({ then(resolve) { said('thenable'); resolve() } }).then(() => {})
        for await (const x of generate(id)) said('generator ' + x)
        await Promise.all([sleep(3), sleep(4)]); said('all')
        await Promise.race([sleep(3), sleep(9)]); said('race')
        await Array.fromAsync(generate(id)); said('fromAsync')
        new Response(new ReadableStream({ pull(c) { said('pull'); c.close() } })).text()
        await req.text(); said('body')
        await sleep(10); said('end')
        return new Response('ok')
      }`
    const worker = await zygote.worker({ bundle })
    const all = Array.from({ length: 16 }, (_, i) =>
      worker.invoke({ url: `http://localhost/i${i}`, method: 'POST', body: 'x' }),
    )
    const results = await Promise.all(all)
    for (const [i, { logs }] of results.entries()) {
      expect(logs.length).toBeGreaterThan(14)
      expect(logs.filter(({ message }) => !message.startsWith(`i${i} `))).toEqual([])
    }
  })

  test('follows who waits for a shared promise, not who settles it', async () => {
    const bundle = `let release; const shared = new Promise((r) => { release = r })
      export default async (req) => {
        const id = new URL(req.url).pathname
        if (id === '/release') { release(); console.log(id) } else { await shared; console.log(id) }
        return new Response()
      }`
    const worker = await zygote.worker({ bundle })
    const waiting = worker.begin({ url: 'http://localhost/wait' })
    const releasing = worker.begin({ url: 'http://localhost/release' })
    expect((await waiting.result).logs.map(({ message }) => message)).toEqual(['/wait'])
    expect((await releasing.result).logs.map(({ message }) => message)).toEqual(['/release'])
  })

  test('of the bundle itself belongs to none', async () => {
    const bundle = `console.log('loading'); setTimeout(() => console.log('later'), 5)
      export default async () => { await new Promise((r) => setTimeout(r, 20)); return new Response() }`
    const worker = await zygote.worker({ bundle })
    const result = await worker.invoke()
    expect(result.logs).toEqual([])
    const lines = worker.inbox.all.filter(({ type }) => type === 'log')
    expect(lines.map(({ id, message }) => [id, message])).toEqual([
      [undefined, 'loading'],
      [undefined, 'later'],
    ])
  })
})

describe('a budget', () => {
  test('is charged to the invocation whose callback runs', async () => {
    const bundle = `let callback
      export default async (req) => {
        const path = new URL(req.url).pathname
        if (path === '/give') { callback = () => { for (let i = 0; i < 5e5; i++); } ; await new Promise((r) => setTimeout(r, 100)) }
        if (path === '/use') for (let i = 0; i < 20; i++) { callback(); await null }
        return new Response('ok')
      }`
    const worker = await zygote.worker({ bundle })
    const give = worker.begin({ url: 'http://localhost/give' })
    const use = worker.begin({ url: 'http://localhost/use' })
    const [given, used] = await Promise.all([give.result, use.result])
    expect(used.cpuUs).toBeGreaterThan(10 * given.cpuUs)
  })

  test('ends one of 16 that run together, and no other', async () => {
    const bundle = `${sleep}
      export default async (req) => {
        const bad = req.url.endsWith('/7')
        for (let i = 0; i < 20; i++) { await sleep(1); if (bad && i === 10) (async () => { for (;;) await null })() }
        if (bad) await new Promise(() => {})
        return new Response('ok')
      }`
    const worker = await zygote.worker({ bundle })
    const results = await Promise.all(
      Array.from({ length: 16 }, (_, i) =>
        worker.invoke({ url: `http://localhost/${i}`, cpuMs: 300 }),
      ),
    )
    expect(results.map(({ error, text }) => error?.code ?? text)).toEqual(
      Array.from({ length: 16 }, (_, i) => (i === 7 ? 'CPU_LIMIT' : 'ok')),
    )
  })
})

describe('finalization callbacks', () => {
  test('run for the invocation that registered the object', async () => {
    const bundle = `const registry = new FinalizationRegistry((what) => console.log('gone ' + what))
      export default async () => { for (let i = 0; i < 5; i++) registry.register({}, i); await null; return new Response('ok') }`
    const worker = await zygote.worker({ bundle })
    const result = await worker.invoke()
    const lines = result.logs.map(({ message }) => message)
    expect([result.text, lines]).toEqual(['ok', [0, 1, 2, 3, 4].map((i) => `gone ${i}`)])
  })
})
