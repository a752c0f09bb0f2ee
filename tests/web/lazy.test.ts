/**
 * Globals that are created on first use: scripts cannot tell, cannot break it, and a failed load is
 * repeated.
 */
import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SANITIZED } from '../worker/harness.ts'
import { inOwnWorker, useTemplate } from './harness.ts'

const WEB = join(import.meta.dir, '../../guest/quickjs/web')

/** Every lazy global, read from the tables in the source. */
const NAMES = readdirSync(WEB, { encoding: 'utf8', recursive: true })
  .filter((name) => name.endsWith('.c'))
  .flatMap((name) => [
    ...readFileSync(join(WEB, name), 'utf8').matchAll(
      /^ {4}FN_LAZY_(?:INTERFACE|JS|C)\(\s*"(\w+)"/gm,
    ),
  ])
  .map(([, name]) => name as string)

const template = useTemplate()

/** The response of a bundle with one expression as its handler, in its own worker. */
async function answer(source: string): Promise<unknown> {
  const worker = await template().worker({ bundle: source })
  try {
    return await worker.json('/')
  } finally {
    worker.close()
  }
}

test('the tables name globals', () => {
  expect(NAMES).toContain('FormData')
  expect(NAMES).toContain('structuredClone')
})

describe('a lazy global cannot be distinguished from another', () => {
  for (const name of NAMES) {
    test(name, async () => {
      const found = await answer(`export default () => {
        const there = '${name}' in globalThis || Object.hasOwn(globalThis, '${name}')
        if (!there) return Response.json('not a global')
        const inKeys = Reflect.ownKeys(globalThis).includes('${name}')
        const first = Object.getOwnPropertyDescriptor(globalThis, '${name}')
        const second = Object.getOwnPropertyDescriptor(globalThis, '${name}')
        return Response.json({
          inKeys,
          data: 'value' in first && first.value !== undefined,
          writable: first.writable,
          configurable: first.configurable,
          same: first.value === second.value && first.value === globalThis.${name},
        })
      }`)
      if (found === 'not a global') return
      expect(found).toEqual({
        inKeys: true,
        data: true,
        writable: true,
        configurable: true,
        same: true,
      })
    })
  }
})

describe('no change by a script reaches its module', () => {
  for (const name of NAMES) {
    test(name, async () => {
      expect(await answer(poisoned(name))).toEqual({ seen: [], made: true })
    })
  }
})

/** Replaces every function of every built-in, and traps reads and writes that reach a prototype. */
function poisoned(name: string): string {
  return `
    const { ownKeys, defineProperty, getOwnPropertyDescriptor } = Reflect
    const { getPrototypeOf, setPrototypeOf } = Object
    const LAZY = new Set(${JSON.stringify(NAMES)})
    const has = Set.prototype.has
    const hasLazy = Function.prototype.call.bind(has, LAZY)
    const { Response, String } = globalThis
    const toJson = Response.json
    const seen = []
    let count = 0
    const note = (what) => { if (count < 20) defineProperty(seen, count++, { __proto__: null, value: what, enumerable: true, configurable: true, writable: true }) }
    const done = new WeakSet()
    const add = Function.prototype.call.bind(WeakSet.prototype.add, done)
    const known = Function.prototype.call.bind(WeakSet.prototype.has, done)
    let active = false
    function poison(object, path) {
      if (object === null || (typeof object !== 'object' && typeof object !== 'function')) return
      if (known(object) || object === seen) return
      add(object)
      const keys = ownKeys(object)
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i]
        if (object === globalThis && hasLazy(key)) continue
        const where = path + '.' + String(key)
        const property = getOwnPropertyDescriptor(object, key)
        const { value, get, set } = property
        if ('value' in property) poison(value, where)
        if (!property.configurable) continue
        if (typeof value === 'function') {
          const trap = function (...args) {
            if (active) { note('called ' + where) ; throw new Error('a trap') }
            return new.target ? Reflect.construct(value, args, new.target) : Reflect.apply(value, this, args)
          }
          defineProperty(object, key, { __proto__: null, get() { if (active) note('read ' + where); return active ? trap : value }, set() { if (active) note('wrote ' + where) }, configurable: true })
        } else if (get || set) {
          defineProperty(object, key, { __proto__: null, get() { if (active) note('read ' + where); return undefined }, set() { if (active) note('wrote ' + where) }, configurable: true })
        }
      }
      poison(getPrototypeOf(object), path + '.__proto__')
    }
    const names = ['value', 'writable', 'enumerable', 'configurable', 'get', 'set', 'then', 'global', 'name',
      'message', 'cause', 'index', 'kind', '0', '1', '2', 'raw', 'next', 'done', 'return', 'type', 'bytes', 'entries']
    export default () => {
      // A member of another object, whose name is not that of a global.
      if (!('${name}' in globalThis)) return Response.json({ seen, made: true })
      poison(globalThis, 'globalThis')
      for (let i = 0; i < names.length; i++) {
        for (const object of [Object.prototype, Function.prototype, Array.prototype]) {
          if (getOwnPropertyDescriptor(object, names[i]) !== undefined) continue
          defineProperty(object, names[i], {
            __proto__: null,
            get() { if (active) note('read ' + names[i]) },
            set(value) {
              if (active) note('wrote ' + names[i])
              defineProperty(this, names[i], { __proto__: null, value, writable: true, enumerable: true, configurable: true })
            },
            configurable: true,
          })
        }
      }
      let made
      active = true
      try { made = globalThis.${name} } catch (error) { note('threw ' + error.message + error.stack) }
      active = false
      const text = made === undefined ? 'false' : 'true'
      let list = ''
      for (let i = 0; i < count; i++) list += (i ? ',' : '') + JSON.stringify(seen[i])
      return new Response('{"seen":[' + list + '],"made":' + text + '}')
    }`
}

inOwnWorker({
  'is there before it is made, and can be deleted': () => {
    same('FormData' in globalThis, true)
    same(delete (globalThis as { FormData?: unknown }).FormData, true)
    same('FormData' in globalThis, false)
    same(typeof FormData, 'undefined')
  },
  'can be overwritten, without a trace of what would have been': () => {
    globalThis.FormData = 1 as never
    same(Object.getOwnPropertyDescriptor(globalThis, 'FormData'), {
      value: 1,
      writable: true,
      enumerable: false,
      configurable: true,
    })
  },
  'can be redefined': () => {
    Object.defineProperty(globalThis, 'FormData', { get: () => 7, configurable: true })
    same(FormData as unknown, 7)
    Object.defineProperty(globalThis, 'structuredClone', { enumerable: false })
    same(Object.getOwnPropertyDescriptor(globalThis, 'structuredClone')?.enumerable, false)
    same(structuredClone({ a: 1 }), { a: 1 })
  },
  'an heir of the global object inherits it, and may have its own': () => {
    const heir = Object.create(globalThis)
    heir.FormData = 2
    same(heir.FormData, 2)
    same(typeof FormData, 'function')
    same(Object.create(globalThis).FormData, FormData)
  },
  'a frozen global object has it': () => {
    Object.freeze(globalThis)
    same(typeof FormData, 'function')
    same(Object.getOwnPropertyDescriptor(globalThis, 'FormData')?.writable, false)
  },
  'what names it on the way to somewhere else is the same object': () => {
    const { FormData: taken } = globalThis
    same(taken, Reflect.get(globalThis, 'FormData'))
    same(new taken() instanceof FormData, true)
    same(taken.name, 'FormData')
  },
  'no module is within reach while one is made': () => {
    const names = ['primordials.js', './primordials.js', 'fn:web', 'formdata.js']
    const tried = names.map((name) =>
      import(name).then(
        () => name,
        () => 'refused',
      ),
    )
    same(typeof FormData, 'function')
    const late = names.map((name) =>
      import(name).then(
        () => name,
        () => 'refused',
      ),
    )
    return Promise.all([...tried, ...late]).then((list) => same([...new Set(list)], ['refused']))
  },
  'a script that inspects errors finds no way in': () => {
    const seen: string[] = []
    ;(Error as { prepareStackTrace?: unknown }).prepareStackTrace = () => {
      seen.push(typeof FormData)
      return 'mine'
    }
    const dive = (): string => {
      try {
        return dive()
      } catch {
        return typeof FormData
      }
    }
    same(dive(), 'function')
    same(new FormData() instanceof FormData, true)
  },
  'the body of a request uses a global that was never named': async () => {
    const request = new Request('http://a/', { method: 'POST', body: new URLSearchParams('a=1') })
    same((await request.formData()).get('a'), '1')
  },
})

test('a load that has no stack left throws, and the next one is whole', async () => {
  const worker = await template().worker({
    bundle: `
      const results = []
      // Recurses as deep as possible, then tries again one frame higher at each step back.
      function dive(depth) {
        let below
        try {
          below = dive(depth + 1)
        } catch (error) {
          return 0
        }
        if (below > 400) return below
        try {
          results.push(typeof FormData + typeof structuredClone)
        } catch (error) {
          results.push(error.constructor.name)
        }
        return below + 1
      }
      export default () => {
        dive(0)
        return Response.json({
          failures: results.filter((name) => name === 'RangeError').length,
          others: [...new Set(results)],
          works: new FormData() instanceof FormData && structuredClone([1])[0],
        })
      }`,
  })
  const { failures, others, works } = (await worker.json('/')) as {
    failures: number
    others: string[]
    works: unknown
  }
  expect(failures).toBeGreaterThan(0)
  expect(others.toSorted()).toEqual(['RangeError', 'functionfunction'])
  expect(works).toBe(1)
  worker.close()
})

// An invocation that exceeded its memory limit ends; others of the worker continue.
describe.skipIf(SANITIZED)('a load that has no memory left', () => {
  const BUNDLE = `
    let filled = false
    export default async (request) => {
      const { pathname, searchParams } = new URL(request.url)
      if (pathname === '/wait') {
        while (!filled) await new Promise((resolve) => setTimeout(resolve, 1))
        await new Promise((resolve) => setTimeout(resolve, 1))
        const form = new FormData()
        form.set('a', 'b')
        return Response.json([form.get('a'), structuredClone({ c: 1 }).c])
      }
      filled = true
      const size = Number(searchParams.get('size'))
      let list
      for (let i = 0; i < size; i++) list = [list]
      return new Response(searchParams.has('load') ? typeof FormData : 'full')
    }`
  const capabilities = { maxMemory: 16 * 1024 * 1024 }

  async function fits(size: number, load: string): Promise<boolean> {
    const worker = await template().worker({ capabilities, bundle: BUNDLE })
    const { error } = await worker.invoke({ url: `http://localhost/fill?size=${size}${load}` })
    worker.close()
    return error === undefined
  }

  test('ends its invocation only', async () => {
    let most = 0
    for (let step = 2 ** 17; step >= 1; step /= 2) {
      if (await fits(most + step, '')) most += step
    }
    expect(most).toBeGreaterThan(1000)
    let loads = 0
    for (const room of [0, 1, 5, 20, 50, 100, 200]) {
      if (await fits(most - room, '&load')) break
      loads++
      const worker = await template().worker({ capabilities, bundle: BUNDLE })
      const waiting = worker.begin({ url: 'http://localhost/wait' })
      const full = await worker.invoke({ url: `http://localhost/fill?size=${most - room}&load` })
      expect(full.error?.code).toBe('MEMORY_LIMIT')
      expect(JSON.parse((await waiting.result).text)).toEqual(['b', 1])
      worker.close()
    }
    expect(loads).toBeGreaterThan(0)
  })
})

test('a load that is stopped in the middle is begun again by the next one', async () => {
  const worker = await template().worker({
    bundle: `
      const hay = 'a'.repeat(2e4) + 'b'
      const needle = 'a'.repeat(1e4) + 'c'
      export default (request) => {
        if (request.url.endsWith('/again')) return Response.json(new FormData() instanceof FormData)
        // One call that uses up the budget without a check, so that the load makes the first check.
        hay.indexOf(needle)
        return Response.json(typeof FormData)
      }`,
  })
  for (let i = 0; i < 3; i++) {
    const stopped = await worker.invoke({ cpuMs: 20 })
    expect(stopped.error?.code).toBe('CPU_LIMIT')
  }
  expect(await worker.json('/again')).toBe(true)
  worker.close()
})
