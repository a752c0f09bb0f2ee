/** Every way to use up memory ends the invocation with MEMORY_LIMIT, or the call is refused. The worker keeps running. */
import { describe } from 'bun:test'
import { SANITIZED } from '../worker/harness.ts'
import { type Attempt, attempts } from './javascript.ts'

/** Grows without end, in 24 MB. */
const grows = (code: string): Attempt => ({
  code,
  memory: 24,
  cpuMs: 20_000,
  outcome: 'MEMORY_LIMIT',
})

describe.skipIf(SANITIZED)('grows until it is stopped', () =>
  attempts({
    strings: grows(
      `() => { let text = 'ab'; const all = []; for (;;) { all.push(text + all.length); text += all.length } }`,
    ),
    'a string that doubles': grows(
      `() => { let text = 'ab'.repeat(1000); for (;;) { text += text; text.charCodeAt(5) } }`,
    ),
    ArrayBuffers: grows(`() => { const all = []; for (;;) all.push(new ArrayBuffer(1e5)) }`),
    'one buffer that is resized': grows(
      `() => { const buffer = new ArrayBuffer(1, { maxByteLength: 2 ** 27 }); for (let n = 1; ; n *= 2) buffer.resize(n) }`,
    ),
    'a Map': grows(`() => { const map = new Map(); for (let i = 0; ; i++) map.set(i, { i }) }`),
    'a Set of a Set': grows(`() => { let set = new Set(); for (;;) set = new Set([set, {}, []]) }`),
    'regular expressions': grows(
      `() => { const all = []; for (let i = 0; ; i++) all.push(new RegExp(('([a-z' + i + ']+)|x').repeat(9))) }`,
    ),
    'a regular expression that matches much': grows(
      `() => { const text = 'ab'.repeat(1e6); const all = []; for (;;) all.push(text.match(/[ab]/g)) }`,
    ),
    closures: grows(`() => { let f = () => 1; for (;;) { const g = f; f = () => g } }`),
    promises: grows(
      `async () => { const all = []; for (;;) all.push(new Promise(() => {}).then(() => {})) }`,
    ),
    'promise jobs': grows(`() => { for (;;) Promise.resolve().then(() => {}) }`),
    timers: grows(`() => { for (;;) setTimeout(() => {}, 1e6) }`),
    symbols: grows(
      `() => { const all = []; for (;;) all.push(Symbol('x'.repeat(20) + all.length)) }`,
    ),
    'property names': grows(
      `() => { const object = {}; for (let i = 0; ; i++) object['name' + i] = i }`,
    ),
    shapes: grows(
      `() => { const all = []; for (let i = 0; ; i++) all.push({ ['a' + i]: 1, ['b' + i]: 2 }) }`,
    ),
    BigInts: grows(`() => { const all = []; for (;;) all.push(3n ** BigInt(1000 + all.length)) }`),
    'an array of arrays': grows(
      `() => { const all = []; for (;;) all.push(new Array(1000).fill(0)) }`,
    ),
    'spread and concat': grows(
      `() => { let all = [1]; for (;;) all = [...all, ...all].concat(all) }`,
    ),
    'JSON of what is shared': grows(
      `() => { let value = { a: 'x'.repeat(100) }; for (let i = 0; i < 40; i++) value = [value, value]; return JSON.stringify(value) }`,
    ),
    'JSON.parse': grows(
      `() => { const text = JSON.stringify(Array(1e5).fill({ a: [1] })); const all = []; for (;;) all.push(JSON.parse(text)) }`,
    ),
    structuredClone: grows(
      `() => { const value = Array.from({ length: 1e4 }, () => ({})); const all = []; for (;;) all.push(structuredClone(value)) }`,
    ),
    headers: grows(
      `() => { const headers = new Headers(); for (let i = 0; ; i++) headers.append('a' + i, 'x'.repeat(100)) }`,
    ),
    'parameters of a URL': grows(
      `() => { const params = new URLSearchParams(); for (let i = 0; ; i++) params.append('a' + i, 'x'.repeat(100)) }`,
    ),
    'form data': grows(
      `() => { const form = new FormData(); for (let i = 0; ; i++) form.append('a' + i, 'x'.repeat(100)) }`,
    ),
    blobs: grows(
      `() => { let blob = new Blob(['x'.repeat(1000)]); for (;;) blob = new Blob([blob, blob]) }`,
    ),
    'a stream that is never read': grows(
      `() => { new ReadableStream({ start(controller) { for (;;) controller.enqueue({}) } }) }`,
    ),
    'a body that never ends': grows(
      `() => new Response(new ReadableStream({ pull(controller) { controller.enqueue(new Uint8Array(1e4)) } })).text()`,
    ),
    'tee, read on one side only': grows(
      `async () => { const [left] = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1e4).fill(1)) } }).tee(); const reader = left.getReader(); const all = []; for (;;) all.push(await reader.read()) }`,
    ),
    'an iterator without end': grows(
      `() => Array.from({ [Symbol.iterator]: () => ({ next: () => ({ value: {}, done: false }) }) })`,
    ),
    'errors with their stacks': grows(
      `() => { const all = []; const dive = (n) => n === 0 ? new Error('x') : dive(n - 1); for (;;) all.push(dive(50)) }`,
    ),
    generators: grows(
      `() => { const all = []; for (;;) { const g = (function* () { yield 1 })(); g.next(); all.push(g) } }`,
    ),
    'weak references and finalizers': grows(
      `() => { const all = []; const registry = new FinalizationRegistry(() => {}); for (;;) { const object = {}; registry.register(object, object.x); all.push(object, new WeakRef(object)) } }`,
    ),
  }),
)

describe('is refused at once', () =>
  attempts({
    'what no memory could hold': {
      code: `() => [
        () => 'x'.repeat(2 ** 30), () => 'x'.padEnd(2 ** 31), () => new ArrayBuffer(2 ** 53), () => new Array(-1),
        () => new Uint8Array(2 ** 40), () => 1n << (1n << 62n), () => new Array(2 ** 32),
      ].map(attempt)`,
      outcome: Array(7).fill('RangeError'),
    },
    'a sparse array of four thousand million': {
      code: `() => { const list = []; list[2 ** 32 - 2] = 1; return [list.length, new Array(2 ** 32 - 1).length] }`,
      outcome: [4_294_967_295, 4_294_967_295],
    },
    'a log line of 10 MB': {
      code: `() => { console.log('x'.repeat(1e7), Array(1e5).fill({ a: 1 })); return 'logged' }`,
      outcome: 'logged',
    },
  }))
