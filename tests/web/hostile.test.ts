/** A function that changes the built-ins changes nothing of the Web APIs, and cannot confuse C. */
import { describe } from 'bun:test'
import { inOwnWorker, inWorker } from './harness.ts'

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

describe('values that fight back', () => {
  inWorker({
    'toString that throws, everywhere': () => {
      const bad = {
        toString() {
          throw new RangeError('no')
        },
      } as never
      for (const run of [
        () => new URL(bad),
        () => new URL('http://x', bad),
        () => new Headers().append(bad, 'x'),
        () => new Headers().append('x', bad),
        () => new Headers({ x: bad }),
        () => new URLSearchParams(bad as never as string).append(bad, bad),
        () => new URLSearchParams().append('a', bad),
        () => new Request(bad),
        () => new Request('http://x/', { method: bad }),
        () => new Response(bad),
        () => new Response('', { statusText: bad }),
        () => Response.redirect(bad),
        () => new TextEncoder().encode(bad),
        () => new TextDecoder(bad),
        () => atob(bad),
        () => btoa(bad),
        () => new Blob([bad]),
        () => new File([], bad),
        () => new FormData().append('a', bad),
        () => new Event(bad),
        () =>
          setTimeout(() => {}, {
            valueOf() {
              throw new RangeError('no')
            },
          } as never),
      ]) {
        throws(run, 'RangeError')
      }
    },
    'iterators that never keep their word': () => {
      const iterable = (next: unknown) => ({ [Symbol.iterator]: () => ({ next }) }) as never
      for (const init of [
        iterable(undefined),
        iterable(() => 1),
        { [Symbol.iterator]: 1 } as never,
        { [Symbol.iterator]: () => 1 } as never,
      ]) {
        throws(() => new Headers(init), 'TypeError')
        throws(() => new URLSearchParams(init), 'TypeError')
        throws(() => new Blob(init), 'TypeError')
      }
      throws(
        () =>
          new Headers(
            new Proxy(
              {},
              {
                ownKeys: () => {
                  throw new RangeError()
                },
              },
            ),
          ),
        'RangeError',
      )
    },
    'proxies of platform objects are none': () => {
      const trap = new Proxy(
        {},
        {
          get: () => {
            throw new RangeError('asked')
          },
        },
      )
      throws(() => Headers.prototype.get.call(new Proxy(new Headers(), trap), 'a'), 'TypeError')
      throws(() => URL.prototype.toString.call(new Proxy(new URL('x:y'), trap)), 'TypeError')
      throws(() => new EventTarget().dispatchEvent(new Proxy(new Event('x'), trap)), 'TypeError')
      throws(() => AbortSignal.any([new Proxy(new AbortController().signal, trap)]), 'TypeError')
    },
    'prototypes that are given away': () => {
      for (const make of [
        () => Reflect.construct(Headers, [], Object),
        () => Reflect.construct(URL, ['http://x/'], class {}),
        () => Reflect.construct(Response, [], Map),
        () => Reflect.construct(Request, ['http://x/'], Array),
      ]) {
        same(typeof make(), 'object')
      }
      const newTarget = new Proxy(class {}, {
        get() {
          throw new RangeError('prototype')
        },
      })
      throws(() => Reflect.construct(Headers, [], newTarget), 'RangeError')
    },
    'buffers that shrink, grow or go while they are used': async () => {
      const buffer = new ArrayBuffer(1 << 16, { maxByteLength: 1 << 17 })
      const view = new Uint8Array(buffer)
      same((await new Response(view).bytes()).length, 1 << 16)
      buffer.resize(1 << 17)
      same((await new Response(view).bytes()).length, 1 << 17)
      buffer.resize(10)
      same((await new Response(view).bytes()).length, 10)
      same(new TextDecoder().decode(view).length, 10)
      const fixed = new Uint8Array(buffer, 0, 8)
      buffer.resize(4)
      same((await new Response(fixed).bytes()).length, 0)
      same((await new Blob([fixed, view, buffer]).bytes()).length, 8)
      structuredClone(buffer, { transfer: [buffer] })
      same((await new Response(view).bytes()).length, 0)
      same(new TextEncoder().encodeInto('x', view).written, 0)
      same(crypto.getRandomValues(view).length, 0)
      same(new TextDecoder().decode(new DataView(new ArrayBuffer(8), 2)).length, 6)
    },
    'a body whose stream is tampered with': async () => {
      for (const slot of [
        '_reader',
        '_state',
        '_disturbed',
        '_readableStreamController',
        '_storedError',
      ]) {
        for (const value of [undefined, null, 1, {}, 'closed']) {
          const stream = new ReadableStream({ start: (c) => c.close() })
          const response = new Response(stream)
          try {
            ;(stream as never as Record<string, unknown>)[slot] = value
            response.clone()
          } catch {
            // whatever it throws: the worker lives on
          }
          await Promise.race([
            response.text().catch(() => ''),
            new Promise((resolve) => setTimeout(resolve, 2)),
          ])
        }
      }
    },
    'huge inputs': async () => {
      const long = 'x'.repeat(1 << 20)
      same(new URL(`http://x/${long}`).pathname.length, (1 << 20) + 1)
      throws(() => new URL(long), 'TypeError')
      same(new Headers({ a: long }).get('a')?.length, 1 << 20)
      same((await new Response(`${long}\u00e9`).bytes()).length, (1 << 20) + 2)
      same(atob(btoa(long)).length, 1 << 20)
      same([...new URLSearchParams(`a=${long}`)].length, 1)
      const headers = new Headers()
      for (let i = 0; i < 10; i++) headers.append(long, 'x')
      same(headers.get(long)?.length, 28)
      const target = new EventTarget()
      for (let i = 0; i < 2000; i++) target.addEventListener('x', () => {})
      target.dispatchEvent(new Event('x'))
      same(structuredClone(new Array(1e5).fill(0)).length, 1e5)
    },
  })
})
