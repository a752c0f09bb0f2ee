/** Every kind of recursion to the end of the stack is an exception, never a crash. */
import { attempts } from './javascript.ts'

const DEEP = 'let deep = []; for (let i = 0; i < 2e5; i++) deep = [deep];'

attempts({
  functions: {
    code: `() => { const dive = () => dive(); return attempt(dive) }`,
    outcome: 'RangeError',
  },
  'functions that catch and go on': {
    code: `() => { let n = 0; const dive = () => { try { dive() } catch { n++ } }; dive(); return n > 0 }`,
    outcome: true,
  },
  'getters, proxies and coercions': {
    code: `() => {
      const getter = { get a() { return this.a } }
      const proxy = new Proxy({}, { get(target, key, self) { return self[key] } })
      const text = { toString() { return '' + this } }
      const call = new Proxy(() => {}, { apply(target, self, args) { return call(...args) } })
      return [() => getter.a, () => proxy.a, () => '' + text, () => call(), () => new (class A { constructor() { new A() } })()].map(attempt)
    }`,
    outcome: Array(5).fill('RangeError'),
  },
  'a chain of 200,000 proxies': {
    code: `() => { let proxy = {}; for (let i = 0; i < 2e5; i++) proxy = new Proxy(proxy, {}); return [attempt(() => proxy.x), attempt(() => 'x' in proxy), attempt(() => Object.keys(proxy))].map((v) => v ?? 'none') }`,
    outcome: ['RangeError', 'RangeError', 'RangeError'],
  },
  'a chain of 200,000 bound functions': {
    code: `() => { let f = () => 1; for (let i = 0; i < 2e5; i++) f = Object.defineProperty(f.bind(null), 'name', { value: '' }); return [attempt(() => f()), attempt(() => ({}) instanceof f)] }`,
    outcome: ['RangeError', 'RangeError'],
  },
  'a chain of 200,000 prototypes': {
    code: `() => { let object = {}; for (let i = 0; i < 2e5; i++) object = Object.create(object); return [typeof object.x, 'x' in object, typeof object.toString] }`,
    outcome: ['undefined', false, 'function'],
  },
  'JSON, both ways': {
    code: `() => { ${DEEP} return [attempt(() => JSON.parse('['.repeat(2e5))), attempt(() => JSON.parse('{"a":'.repeat(2e5))), attempt(() => JSON.stringify(deep))] }`,
    outcome: ['RangeError', 'RangeError', 'RangeError'],
  },
  structuredClone: {
    memory: 512,
    code: `() => { ${DEEP} let map = new Map(); for (let i = 0; i < 2e5; i++) map = new Map([[map, 1]]); return [deep, map].map((value) => attempt(() => structuredClone(value))) }`,
    outcome: ['RangeError', 'RangeError'],
  },
  'regular expressions': {
    cpuMs: 20_000,
    code: `() => [
      () => new RegExp('('.repeat(1e4) + ')'.repeat(1e4)),
      () => new RegExp('(?:'.repeat(1e4) + ')'.repeat(1e4)),
      () => new RegExp('['.repeat(1e4) + ']'.repeat(1e4), 'v'),
      () => /^(?:a|b)*c/.test('ab'.repeat(1e4)) || new RegExp('x'),
    ].map(attempt).map((value) => value === 'SyntaxError' || value instanceof RegExp)`,
    outcome: [true, true, true, true],
  },
  'arrays that are flattened, joined and compared': {
    code: `() => { ${DEEP} return [() => deep.flat(Infinity), () => String(deep), () => deep.toString()].map(attempt) }`,
    outcome: ['RangeError', 'RangeError', 'RangeError'],
  },
  'what is printed': {
    code: `() => { ${DEEP} let object = {}; for (let i = 0; i < 2e5; i++) object = { object }; console.log(deep, object, '%o', deep); console.table(deep); console.dir(object, { depth: Infinity }); return 'printed' }`,
    outcome: 'printed',
  },
  'a list of 300,000 objects is freed': {
    memory: 512,
    code: `() => { let list = null; for (let i = 0; i < 3e5; i++) list = { list }; list = null; let promise = Promise.resolve(); for (let i = 0; i < 1e5; i++) promise = promise.then(() => {}); return 'freed' }`,
    outcome: 'freed',
  },
  'a rope of a million strings is made flat': {
    code: `() => { let text = ''; for (let i = 0; i < 1e6; i++) text = text + 'ab'; let other = ''; for (let i = 0; i < 1e6; i++) other = 'ab' + other; return text === other && text.length }`,
    outcome: 2_000_000,
  },
  'generators and async functions in each other': {
    code: `async () => {
      function* dive() { yield* dive() }
      const fall = async () => await fall()
      const generator = attempt(() => [...dive()])
      return [generator, await fall().catch((error) => error.name)]
    }`,
    outcome: ['RangeError', 'RangeError'],
  },
  'comparison, replacement and reviving functions that call what called them': {
    code: `() => {
      const sort = () => [2, 1].sort(sort)
      const replace = () => 'a'.replace(/a/, replace)
      const revive = () => JSON.parse('[1]', revive)
      const stringify = () => JSON.stringify({ toJSON: stringify })
      const map = () => Array.from([1], map)
      return [sort, replace, revive, stringify, map].map(attempt)
    }`,
    outcome: Array(5).fill('RangeError'),
  },
  'events that dispatch themselves': {
    code: `() => { const target = new EventTarget(); let n = 0; target.addEventListener('x', () => { n++; target.dispatchEvent(new Event('x')) }); attempt(() => target.dispatchEvent(new Event('x'))); return n > 10 }`,
    outcome: true,
  },
  'classes that extend each other 100,000 deep': {
    code: `() => { let A = class {}; for (let i = 0; i < 1e5; i++) A = class extends A {}; return attempt(() => new A()) }`,
    outcome: 'RangeError',
  },
  'lazy globals, named at the end of the stack': {
    code: `() => {
      const names = ['FormData', 'URLPattern', 'structuredClone']
      let errors = 0
      const dive = () => { try { dive() } catch { for (const name of names) { try { globalThis[name] } catch { errors++ } } } }
      dive()
      return names.map((name) => typeof globalThis[name])
    }`,
    outcome: ['function', 'function', 'function'],
  },
})
