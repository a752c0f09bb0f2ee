/** A function that changes the built-ins changes nothing of the Web APIs. */
import { describe } from 'bun:test'
import { inOwnWorker } from './harness.ts'

describe('changed prototypes', () => {
  inOwnWorker({
    'setters and getters on Object.prototype and Array.prototype': async () => {
      const bad = () => {
        throw new Error('hijacked')
      }
      const trap = { __proto__: null, get: bad, set: bad, configurable: true }
      const names = [
        'get',
        'set',
        'value',
        'enumerable',
        'configurable',
        'writable',
        'headers',
        'status',
        'stream',
        'bytes',
        'type',
        'signal',
        'done',
        'name',
        'pull',
        'start',
      ]
      for (let i = 0; i < names.length; i++) {
        Object.defineProperty(Object.prototype, names[i] as string, trap)
      }
      try {
        const headers = new Headers([['a', 'b']])
        if ([...headers].length !== 1) throw new Error('headers')
        const text = await new Response(
          new ReadableStream({
            __proto__: null,
            start(c: ReadableStreamDefaultController) {
              c.enqueue(new TextEncoder().encode('x'))
              c.close()
            },
          } as never),
        ).text()
        if (text !== 'x') throw new Error('body')
        structuredClone(new Map([[1, [2]]]))
        new EventTarget().dispatchEvent(new Event('x'))
        AbortSignal.abort()
        console.log({ a: [1, new Map([[1, 2]])] }, new Error('x'))
        new Blob(['a']).slice(0, 1)
      } finally {
        for (let i = 0; i < names.length; i++)
          Reflect.deleteProperty(Object.prototype, names[i] as string)
      }
    },
    'methods of the built-ins': async () => {
      const broken = () => {
        throw new Error('hijacked')
      }
      const targets: [object, PropertyKey[]][] = [
        [Array.prototype, ['push', 'pop', 'slice', 'splice', 'join', 'includes', 'map', 'forEach']],
        [
          String.prototype,
          [
            'slice',
            'indexOf',
            'replaceAll',
            'charCodeAt',
            'toLowerCase',
            'trim',
            'includes',
            'repeat',
          ],
        ],
        [Map.prototype, ['get', 'set', 'has', 'forEach', Symbol.iterator]],
        [Set.prototype, ['add', 'has', 'forEach', Symbol.iterator]],
        [
          Object.getPrototypeOf(Uint8Array.prototype),
          ['set', 'subarray', 'slice', Symbol.iterator],
        ],
        [Function.prototype, ['call', 'apply', 'bind']],
        [RegExp.prototype, ['exec', 'test', Symbol.replace]],
        [WeakMap.prototype, ['get', 'set']],
      ]
      const saved: [object, PropertyKey, unknown][] = []
      for (const [object, keys] of targets) {
        for (const key of keys) {
          saved.push([object, key, (object as never as Record<PropertyKey, unknown>)[key]])
        }
      }
      const { defineProperty } = Object
      for (let i = 0; i < saved.length; i++) {
        const entry = saved[i] as [object, PropertyKey, unknown]
        defineProperty(entry[0], entry[1], { value: broken, configurable: true, writable: true })
      }
      let failure: unknown
      try {
        const data = new FormData()
        data.append('a', new Blob(['xyz'], { __proto__: null, type: 'Text/Plain' } as never))
        const back = await new Response(data as never).formData()
        if ((back.get('a') as File).size !== 3) throw new Error('form')
        if ((await new Blob(['a', 'b']).text()) !== 'ab') throw new Error('blob')
        if (structuredClone({ a: 1 }).a !== 1) throw new Error('clone')
        const target = new EventTarget()
        let calls = 0 as number
        target.addEventListener('x', () => calls++)
        target.dispatchEvent(new Event('x'))
        if (calls !== 1) throw new Error('events')
        console.log('%s %o', 'a', { b: [1, 'two'], m: new Map() }, new Error('e'))
        console.table({ a: { b: 1 } })
        const controller = new AbortController()
        controller.signal.onabort = () => calls++
        controller.abort()
        if ((calls as number) !== 2) throw new Error('abort')
      } catch (error) {
        failure = error
      }
      for (let i = 0; i < saved.length; i++) {
        const entry = saved[i] as [object, PropertyKey, unknown]
        defineProperty(entry[0], entry[1], { value: entry[2], configurable: true, writable: true })
      }
      if (failure !== undefined) throw failure
    },
    'Promise.prototype.then and Object.prototype.then': async () => {
      const stream = () =>
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode('real'))
            controller.close()
          },
        })
      const { then } = Promise.prototype
      const response = new Response(stream())
      const scope = Object.prototype as { then?: unknown }
      let promise: Promise<string>
      try {
        // biome-ignore lint/suspicious/noThenProperty: what is tested
        Promise.prototype.then = (() => {
          throw new Error('hijacked')
        }) as never
        // biome-ignore lint/suspicious/noThenProperty: what is tested
        scope.then = (resolve: (value: unknown) => void) => {
          delete scope.then
          resolve({ done: false, value: new Uint8Array(3) })
        }
        promise = response.text()
      } finally {
        // biome-ignore lint/suspicious/noThenProperty: what is tested
        Promise.prototype.then = then
        delete scope.then
      }
      same(await promise, 'real')
    },
    'globals that are gone': async () => {
      const scope = globalThis as never as Record<string, unknown>
      const { Response, URLSearchParams, FormData } = globalThis
      const names = ['Headers', 'ReadableStream', 'Blob', 'File', 'URL', 'AbortSignal']
      for (const name of [...names, 'queueMicrotask', 'setTimeout', 'WeakMap']) {
        delete scope[name]
      }
      same(await new Response(new Response('x').body).text(), 'x')
      const form = await new Response(new URLSearchParams('a=b')).formData()
      form.append('f', 'g')
      same((await new Response(form as never as string).formData()).get('f'), 'g')
      same(form instanceof FormData, true)
      same(structuredClone({ a: [1] }), { a: [1] })
      console.log({ still: 'here' })
    },
    'Error.prepareStackTrace that throws, loops back or returns oddities': () => {
      const Errors = Error as never as { prepareStackTrace: unknown }
      for (const prepare of [
        () => {
          throw new RangeError('prepared')
        },
        () => new URL('http://'),
        () => ({}),
        () => undefined,
      ]) {
        Errors.prepareStackTrace = prepare
        for (const run of [
          () => new URL('x'),
          () => new Headers([['a']] as never),
          () => atob('='),
          () => structuredClone(() => {}),
        ]) {
          let thrown = false
          try {
            run()
          } catch {
            thrown = true
          }
          same(thrown, true)
        }
        console.log(new Error('x'))
      }
      Errors.prepareStackTrace = undefined
    },
  })
})
