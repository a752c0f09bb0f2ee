/** AsyncLocalStorage of node:async_hooks, on the engine's own async context. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { bundleOf, startZygote, type TestZygote } from './node-harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

describe('AsyncLocalStorage', () => {
  test('keeps its store through all that is asynchronous, apart for each request', async () => {
    const source = `import { AsyncLocalStorage } from 'node:async_hooks'
      const one = new AsyncLocalStorage(), two = new AsyncLocalStorage()
      const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
      export default (req) => one.run(new URL(req.url).pathname, async () => {
        const seen = [one.getStore(), two.getStore() ?? null]
        await sleep(2)
        seen.push(one.getStore())
        await two.run('two', async () => {
          await null
          seen.push(one.getStore() + two.getStore())
          queueMicrotask(() => seen.push('microtask ' + two.getStore()))
          await Promise.all([sleep(1), sleep(3)])
          setTimeout(() => seen.push('timer ' + two.getStore()), 1)
          seen.push(one.exit(() => one.getStore() ?? null))
        })
        seen.push(two.getStore() ?? null)
        await sleep(5)
        return Response.json(seen)
      })`
    const worker = await zygote.worker({ bundle: await bundleOf(source) })
    const all = await Promise.all(['/a', '/b', '/c', '/d'].map((path) => worker.json(path)))
    for (const [i, path] of ['/a', '/b', '/c', '/d'].entries()) {
      expect(all[i]).toEqual([
        path,
        null,
        path,
        `${path}two`,
        'microtask two',
        null,
        null,
        'timer two',
      ])
    }
  })

  test('binds, snapshots, enters, and has a default', async () => {
    const source = `import { AsyncLocalStorage, AsyncResource } from 'async_hooks'
      const als = new AsyncLocalStorage({ defaultValue: 'none' })
      const get = () => als.getStore()
      export default async () => {
        const bound = als.run('bound', () => AsyncLocalStorage.bind(get))
        const snapshot = als.run('snapshot', () => AsyncLocalStorage.snapshot())
        const resource = als.run('resource', () => new AsyncResource('x'))
        const before = get()
        const inner = await (async () => { als.enterWith('entered'); await null; return get() })()
        const thrown = (() => { try { als.run('x', () => { throw new Error() }) } catch { return get() } })()
        return Response.json([before, bound(), snapshot(get), resource.runInAsyncScope(get), inner, thrown])
      }`
    const worker = await zygote.worker({ bundle: await bundleOf(source) })
    expect(await worker.json()).toEqual([
      'none',
      'bound',
      'snapshot',
      'resource',
      'entered',
      'entered',
    ])
  })

  test('a snapshot of one request runs for the request that calls it', async () => {
    const source = `import { AsyncLocalStorage } from 'node:async_hooks'
      const als = new AsyncLocalStorage()
      let kept
      export default (req) => {
        const path = new URL(req.url).pathname
        if (path === '/keep') return als.run('kept', () => { kept = AsyncLocalStorage.snapshot(); return new Response() })
        return kept(() => { console.log(als.getStore() + ' in ' + path); return new Response() })
      }`
    const worker = await zygote.worker({ bundle: await bundleOf(source) })
    await worker.invoke({ url: 'http://localhost/keep' })
    const { logs } = await worker.invoke({ url: 'http://localhost/use' })
    expect(logs.map(({ message }) => message)).toEqual(['kept in /use'])
  })
})
