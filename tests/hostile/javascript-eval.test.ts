/** Every way to eval, and to code that was not deployed, is refused unless the profile allows it. */
import { attempts } from './javascript.ts'

const ROADS = `[
  () => eval('1'),
  () => (0, eval)('1'),
  () => globalThis['ev' + 'al']('1'),
  () => new Function('return 1')(),
  () => Function('return 1')(),
  () => (() => {}).constructor('return 1')(),
  () => (function () {}).constructor('return 1')(),
  () => (async () => {}).constructor('return 1')(),
  () => (function* () {}).constructor('yield 1')(),
  () => (async function* () {}).constructor('yield 1')(),
  () => (class {}).constructor('return 1')(),
  () => Reflect.construct((() => {}).constructor, ['return 1'])(),
  () => Reflect.apply((() => {}).constructor, null, ['return 1'])(),
  () => (() => {}).constructor.bind(null, 'return 1')()(),
  () => new (class extends (() => {}).constructor {})('return 1')(),
  () => new Proxy((() => {}).constructor, {})('return 1')(),
  () => Object.getPrototypeOf(async () => {}).constructor('return 1')(),
  () => [].map.constructor('return 1')(),
  () => 'constructor'.constructor.constructor('return 1')(),
  () => ({}).constructor.constructor('return 1')(),
  () => Response.constructor('return 1')(),
  () => FormData.constructor('return 1')(),
  () => console.log.constructor('return 1')(),
  () => Array.from(['return 1'], (() => {}).constructor)[0](),
  () => ['return 1'].map((() => {}).constructor)[0](),
  () => JSON.parse('"return 1"', (key, value) => (() => {}).constructor(value))(),
  () => 'return 1'.replace(/.*/, (() => {}).constructor),
  () => setTimeout('globalThis.ran = 1', 0),
  () => queueMicrotask('globalThis.ran = 1'),
  () => new ShadowRealm().evaluate('1'),
  () => new WebAssembly.Module(new Uint8Array(8)),
  () => new Worker('data:text/javascript,1'),
  () => importScripts('data:text/javascript,1'),
  () => require('fs'),
]`

attempts({
  'every constructor road': {
    code: `async () => {
      const results = ${ROADS}.map(attempt)
      await new Promise((resolve) => setTimeout(resolve, 5))
      return [results.filter((value) => !['EvalError', 'TypeError', 'ReferenceError', 'SyntaxError', 'Error'].includes(value)), globalThis.ran ?? 'nothing ran']
    }`,
    outcome: [[], 'nothing ran'],
  },
  'modules by every name': {
    code: `async () => {
      const names = ['data:text/javascript,export default 1', 'blob:x', 'fn:web', 'primordials.js', './primordials.js', 'web.js', 'clone.js', 'bundle.js',
        './bundle.js', 'node:fs', 'file:///etc/passwd', '', 'x'.repeat(1e5), '\\0', '__proto__']
      const results = await Promise.all(names.map((name) => import(name).then(() => name, (error) => error.name)))
      return [...new Set(results)]
    }`,
    outcome: ['TypeError'],
  },
  'names of modules that are not strings': {
    code: `async () => {
      const names = [{ toString() { throw new RangeError() } }, Symbol(), null, { [Symbol.toPrimitive]: () => 'fn:web' }]
      return Promise.all(names.map((name) => import(name).then(() => 'loaded', (error) => error.name)))
    }`,
    outcome: ['RangeError', 'TypeError', 'TypeError', 'TypeError'],
  },
  'import with attributes': {
    code: `async () => import('primordials.js', { with: { type: 'json' } }).then(() => 'loaded', (error) => error.name)`,
    outcome: 'TypeError',
  },
  'modules while a lazy one is loaded': {
    code: `async () => {
      const imports = []
      Error.prepareStackTrace = () => { imports.push(import('primordials.js')); return 'x' }
      const dive = () => { try { dive() } catch (error) { error.stack; try { new FormData(); structuredClone(1) } catch (inner) { inner.stack } } }
      dive()
      const results = await Promise.allSettled(imports)
      return results.filter(({ status }) => status !== 'rejected').length
    }`,
    outcome: 0,
  },
  'nothing of the host lies about': {
    code: `() => {
      const known = ['process', 'require', 'Deno', 'Bun', 'std', 'os', 'bjson', 'scriptArgs', 'print', 'load', 'gc', 'navigator.gpu', '__filename']
      return known.filter((name) => globalThis[name] !== undefined)
    }`,
    outcome: [],
  },
  'import.meta says nothing': {
    code: `() => Object.keys(import.meta)`,
    outcome: [],
  },
  'Atomics.wait does not block': {
    code: `() => typeof Atomics === 'undefined' ? 'none' : attempt(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))`,
    outcome: 'TypeError',
  },
  'where the profile allows it, it works': {
    code: `() => [eval('1+1'), new Function('return 2')()]`,
    allowEval: true,
    outcome: [2, 2],
  },
})
