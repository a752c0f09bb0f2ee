/** Every way to use up time ends the invocation at its budget, or ends the worker if the engine is not interrupted. */
import { describe } from 'bun:test'
import { type Attempt, attempts } from './javascript.ts'

/** Runs without end, with 100 ms of CPU. */
const runs = (code: string): Attempt => ({ code, cpuMs: 100, outcome: 'CPU_LIMIT' })

describe('ends at its budget', () =>
  attempts({
    'sort with a comparison that lies': runs(
      `() => { const list = Array.from({ length: 1e5 }, (_, i) => i); for (;;) list.sort(() => Math.random() - 0.5) }`,
    ),
    'sort of strings': runs(
      `() => { const list = Array.from({ length: 2e4 }, (_, i) => 'x'.repeat(50) + i); for (;;) list.toSorted() }`,
    ),
    'a regular expression that backtracks': runs(`() => /^(a+)+$/.test('a'.repeat(64) + 'b')`),
    'replace with a function': runs(
      `() => { const text = 'ab'.repeat(1e5); for (;;) text.replace(/a/g, () => 'b') }`,
    ),
    'split and join': runs(
      `() => { const text = 'ab'.repeat(1e5); for (;;) text.split('a').join('c') }`,
    ),
    'JSON, both ways': runs(
      `() => { const value = Array.from({ length: 1e4 }, (_, i) => ({ i })); for (;;) JSON.parse(JSON.stringify(value)) }`,
    ),
    'powers of a BigInt': runs(
      `() => { for (;;) { let n = 3n; for (let i = 0; i < 12; i++) n = n * n } }`,
    ),
    'a BigInt as text': runs(`() => { const n = 7n ** 20000n; for (;;) BigInt(n.toString()) }`),
    'typed arrays, filled, sorted and copied': runs(
      `() => { const list = new Float64Array(1e5); for (;;) list.fill(Math.random()).sort().slice().reverse() }`,
    ),
    'a typed array sorted by a function': runs(
      `() => { new Uint8Array(1e6).map((_, i) => i * 7).sort((a, b) => { for (;;); }) }`,
    ),
    'traps of a proxy': runs(
      `() => { const proxy = new Proxy({}, { ownKeys: () => ['a', 'b'], getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }) }); for (;;) Object.keys(proxy) }`,
    ),
    'a trap that never returns, under structuredClone': runs(
      `() => structuredClone({ get x() { for (;;); } })`,
    ),
    'a trap that never returns, under the console': runs(
      `() => { console.log('%s', 'x'); Object.keys(new Proxy({}, { ownKeys() { for (;;); } })) }`,
    ),
    'iterators that give nothing': runs(
      `() => new Map({ [Symbol.iterator]: () => ({ next: () => ({ get done() { return false }, get value() { return [] } }) }) }) && (() => { for (;;); })()`,
    ),
    'listeners that are added': runs(
      `() => { const target = new EventTarget(); for (;;) target.addEventListener('x', () => {}) }`,
    ),
    'promises for waitUntil': runs(
      `(request, ctx) => { for (;;) ctx.waitUntil(new Promise(() => {})) }`,
    ),
    'generators that give on': runs(
      `() => { function* one() { for (;;) yield 1 } let n = 0; for (const x of one()) n += x }`,
    ),
    'Array.prototype methods on what is long': runs(
      `() => Array.prototype.forEach.call({ length: 2 ** 53 - 1 }, () => {})`,
    ),
    'getters in a chain': runs(
      `() => { const object = { get a() { return object.b }, get b() { return 1 } }; for (;;) object.a }`,
    ),
    'with caught interrupts': runs(
      `() => { for (;;) { try { for (;;) ; } catch { } finally { continue } } }`,
    ),
    microtasks: runs(
      `() => { const again = () => Promise.resolve().then(again); again(); return new Promise(() => {}) }`,
    ),
    'a stream that pulls itself': runs(
      `() => new Response(new ReadableStream({ async pull(c) { for (;;) await null } })).text()`,
    ),
    'a pipe in a circle': runs(
      `async () => { const { readable, writable } = new TransformStream(); const writer = writable.getWriter(); writer.write(1); const reader = readable.getReader(); for (;;) { const { value } = await reader.read(); writer.write(value) } }`,
    ),
    events: runs(
      `() => { const target = new EventTarget(); target.addEventListener('x', () => {}); for (;;) target.dispatchEvent(new Event('x')) }`,
    ),
    URLs: runs(
      `() => { for (let i = 0; ; i++) new URL('https://例え.テスト/' + i).searchParams.sort() }`,
    ),
    'URL patterns': runs(
      `() => { for (let i = 0; ; i++) new URLPattern({ pathname: '/:a' + i + '/(x+)' }).exec('https://x/a/x') }`,
    ),
    'text, encoded and decoded': runs(
      `() => { const text = 'é'.repeat(1e5); for (;;) new TextDecoder().decode(new TextEncoder().encode(text)) }`,
    ),
    'multipart bodies': runs(
      `async () => { const form = new FormData(); for (let i = 0; i < 500; i++) form.append('a' + i, 'x'); for (;;) await new Response(form).formData() }`,
    ),
  }))

describe('what runs when nobody is there', () =>
  attempts({
    'a finalizer that loops is paid by the request that registered it': {
      before: `const registry = new FinalizationRegistry(() => { for (;;); })`,
      code: `async () => { for (let i = 0; i < 10; i++) { const object = {}; object.self = object; registry.register(object) } const ref = new WeakRef((() => { const o = {}; o.o = o; return o })()); while (ref.deref()) for (let i = 0; i < 50; i++) { const o = {}; o.o = o } return 'collected' }`,
      cpuMs: 100,
      outcome: 'CPU_LIMIT',
    },
  }))
