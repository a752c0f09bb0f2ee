/**
 * What a request leaves behind to harm others of its worker: it burns CPU time in every way, refuses to end,
 * or reaches for what belongs to later requests. Each later request is answered and pays for itself alone.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { startZygote, type TestZygote } from '../worker/harness.ts'
import type { TestWorker } from '../worker/test-worker.ts'

/** A little more than a request of the victim's needs, on a busy machine too. */
const VICTIM_CPU_MS = 200
const VICTIMS = 5

/** Handlers; each answers at once. */
const ATTACKS: Record<string, string> = {
  'intervals without end':
    '() => { for (let i = 0; i < 1000; i++) setInterval(() => { for (;;); }, 0) }',
  'a timer that starts itself again, whatever happens to it': `() => {
    const again = () => { try { for (;;); } finally { setTimeout(again, 0); setTimeout(again, 0) } }
    setTimeout(again, 0) }`,
  'microtasks that make microtasks':
    '() => { setTimeout(() => { const f = () => queueMicrotask(f); f() }, 0) }',
  'promises that resolve each other': `() => {
    const spin = async () => { for (;;) await null }
    for (let i = 0; i < 100; i++) spin() }`,
  'ports that send to each other': `() => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => { for (let i = 0; i < 2; i++) port1.postMessage(1) }
    port2.onmessage = () => { port2.postMessage(1); port2.postMessage(1) }
    port1.postMessage(1) }`,
  'a regular expression': `() => { setInterval(() => /^(a+)+$/.test('a'.repeat(64) + 'b'), 0) }`,
  'a sort with a comparison that sorts': `() => {
    const list = Array.from({ length: 1e5 }, (_, i) => i)
    setInterval(() => list.sort(() => { list.toSorted(); return -1 }), 0) }`,
  'traps that never return': `() => {
    const trap = new Proxy({}, { get: () => { for (;;); }, ownKeys: () => { for (;;); } })
    setTimeout(() => JSON.stringify(trap), 0); Promise.resolve().then(() => structuredClone(trap)) }`,
  'listeners of signals': `() => {
    for (let i = 0; i < 100; i++) AbortSignal.timeout(1).addEventListener('abort', () => { for (;;); }) }`,
  'a stream that always has more': `() => {
    const stream = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(16)) } })
    const read = async () => { for await (const _ of stream); }
    read() }`,
  'cleanup of objects that are gone': `() => {
    const registry = new FinalizationRegistry(() => { for (;;); })
    setInterval(() => { for (let i = 0; i < 100; i++) registry.register({}, i) }, 0) }`,
  'lines for the log': `() => { setInterval(() => { for (;;) console.log('x'.repeat(1000)) }, 0) }`,
  'errors that nobody catches': `() => { setInterval(() => { Promise.reject(new Error('a')); throw new Error('b') }, 0) }`,
  'a replaced Promise.prototype.then': `() => {
    const then = Promise.prototype.then
    setTimeout(() => { Promise.prototype.then = function (...args) { for (let i = 0; i < 1e6; i++); return then.apply(this, args) } }, 0) }`,
  'timers set by the timers of others': `() => {
    const set = setTimeout
    globalThis.setTimeout = (f, ms) => set(() => { for (;;); }, ms)
    setTimeout(() => {}, 0) }`,
}

let zygote: TestZygote
beforeAll(async () => {
  zygote = await startZygote()
})
afterAll(() => zygote.close())

const at = (path: string) => ({ url: `http://localhost/${path}`, deadlineMs: 20_000 })

async function workerWith(attack: string, before = ''): Promise<TestWorker> {
  return await zygote.worker({
    bundle: `const SafeResponse = Response
      const pathOf = Function.prototype.call.bind(Object.getOwnPropertyDescriptor(Request.prototype, 'url').get)
      const attack = ${attack}
      ${before}
      export default async (request, ctx) => {
        if (pathOf(request).endsWith('attack')) { await attack(request, ctx); return new SafeResponse('left') }
        if (globalThis.serve) return await globalThis.serve(request, ctx)
        return new SafeResponse('alive')
      }`,
    limits: { background_ms: 60_000 },
  })
}

describe('a request that comes later is answered, and pays for itself alone, beside', () => {
  for (const [name, attack] of Object.entries(ATTACKS)) {
    test(name, async () => {
      const worker = await workerWith(attack)
      const left = await worker.invoke({ ...at('attack'), cpuMs: 2000 })
      expect(left.error?.code ?? left.text).toBe('left')
      for (let i = 0; i < VICTIMS; i++) {
        await Bun.sleep(20)
        const { text, error } = await worker.invoke({ ...at(''), cpuMs: VICTIM_CPU_MS })
        expect(error ?? text).toBe('alive')
      }
      worker.close()
    }, 60_000)
  }
})

describe('its worker ends within its grace', () => {
  for (const [name, attack] of Object.entries(ATTACKS)) {
    test(name, async () => {
      const worker = await workerWith(attack)
      await worker.invoke({ ...at('attack'), cpuMs: 2000 })
      worker.send({ type: 'shutdown', grace_ms: 300, reason: 'of a test' })
      expect(await zygote.exited(worker)).toMatchObject({ status: 0, signal: 0 })
    }, 60_000)
  }
})

describe('what belongs to a later request is out of reach', () => {
  test('its waitUntil takes no work after it ended, and its clock does not run for others', async () => {
    const worker = await workerWith(
      '() => { setInterval(() => { if (ctxOfOther) { try { ctxOfOther.waitUntil(new Promise(() => {})); said = "taken" } catch (e) { said = e.name } } }, 1) }',
      `let ctxOfOther, said = 'nothing'
       globalThis.serve = async (request, ctx) => {
         if (pathOf(request).endsWith('give')) { ctxOfOther = ctx; return new SafeResponse('given') }
         return new SafeResponse(said)
       }`,
    )
    await worker.invoke(at('attack'))
    const given = await worker.invoke(at('give'))
    // The request is over: nothing that came after it kept it.
    expect([given.text, given.messages.at(-1)?.type]).toEqual(['given', 'done'])
    let said = 'nothing'
    while (said === 'nothing') said = (await worker.invoke(at('said'))).text
    expect(said).not.toBe('taken')
    worker.close()
  })

  test('its response is not answered twice, nor with what another made', async () => {
    const worker = await workerWith(
      `() => { setInterval(() => { for (const resolve of waiting.splice(0)) resolve(new SafeResponse('forged')) }, 1) }`,
      `const waiting = []
       globalThis.serve = (request) => new Promise((resolve) => { waiting.push(resolve); resolve(new SafeResponse('own')) })`,
    )
    await worker.invoke(at('attack'))
    for (let i = 0; i < 20; i++) expect((await worker.invoke(at(String(i)))).text).toBe('own')
    worker.close()
  })

  test('memory that it takes in the background ends it, with a word in the log', async () => {
    const worker = await workerWith(
      '() => { const held = []; setInterval(() => { for (;;) held.push(new Uint8Array(1 << 20).fill(1)) }, 1) }',
    )
    await worker.invoke(at('attack'))
    expect(
      await worker.inbox.find((m) => m.type === 'background' && m.ended === true),
    ).toBeDefined()
    const lines = worker.inbox.all.filter((m) => m.type === 'log').map((m) => String(m.message))
    expect(lines.join('\n')).toContain('memory')
    worker.close()
  })
})
