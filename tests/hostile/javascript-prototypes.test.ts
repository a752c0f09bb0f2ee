/** A function that pollutes the prototypes that the worker's JavaScript uses. The host still gets valid messages. */
import { rawAttempts } from './javascript.ts'

/** Makes `list` of objects throw at every method they have. */
const BREAK = `
  const { ownKeys, defineProperty, getOwnPropertyDescriptor } = Reflect
  const hijacked = () => { throw new SafeRangeError('hijacked') }
  const breakAll = (...objects) => {
    for (let i = 0; i < objects.length; i++) {
      const keys = ownKeys(objects[i])
      for (let k = 0; k < keys.length; k++) {
        const property = getOwnPropertyDescriptor(objects[i], keys[k])
        if (!property.configurable || keys[k] === 'constructor') continue
        const broken = typeof property.value === 'function' ? { value: hijacked } : { get: hijacked, set: hijacked }
        try { defineProperty(objects[i], keys[k], { __proto__: null, ...broken, configurable: true }) } catch {}
      }
    }
  }`

const GOOD = `new Response('body', { status: 201, headers: { 'x-a': 'b' } })`

rawAttempts({
  'every getter and method of Response': {
    before: BREAK,
    code: `() => { const good = ${GOOD}; breakAll(Response.prototype); return good }`,
    outcome: 'body',
  },
  'every method of Headers': {
    before: BREAK,
    code: `() => { breakAll(Headers.prototype); return ${GOOD} }`,
    outcome: 'body',
  },
  'every method of the streams': {
    before: BREAK,
    code: `() => {
      const stream = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array([120])); c.close() } })
      const good = new Response(stream)
      breakAll(ReadableStream.prototype, ReadableStreamDefaultReader.prototype)
      return good
    }`,
    outcome: 'x',
  },
  'every method of Request, before and after its body is read': {
    before: BREAK,
    code: `async (request) => {
      const { text } = Request.prototype
      breakAll(Request.prototype, Headers.prototype)
      return json([await text.call(request), typeof request])
    }`,
    outcome: ['', 'object'],
  },
  'promises: then, catch, finally, species, constructor': {
    before: BREAK,
    code: `async () => {
      breakAll(Promise.prototype, Promise)
      defineProperty(Promise.prototype, 'constructor', { get: hijacked, configurable: true })
      return ${GOOD}
    }`,
    outcome: 'body',
  },
  'arrays and their iterators': {
    before: BREAK,
    code: `() => {
      breakAll(Array.prototype, Array, Object.getPrototypeOf([][Symbol.iterator]()))
      return ${GOOD}
    }`,
    outcome: 'body',
  },
  'indices of Array.prototype and Object.prototype': {
    before: BREAK,
    code: `() => {
      for (let i = 0; i < 10; i++) for (const object of [Array.prototype, Object.prototype])
        defineProperty(object, i, { __proto__: null, get: hijacked, set: hijacked, configurable: true })
      const form = new FormData()
      form.append('a', new Blob(['xyz']))
      console.log([1, [2]], new Map([[1, 2]]))
      console.table({ a: { b: 1 } })
      structuredClone([1, { a: new Set([3]) }])
      new EventTarget().dispatchEvent(new Event('x'))
      return new Response(form.get('a').size)
    }`,
    outcome: 3,
  },
  'strings, numbers and symbols': {
    before: BREAK,
    code: `() => { breakAll(String.prototype, Number.prototype, Symbol.prototype, BigInt.prototype); return ${GOOD} }`,
    outcome: 'body',
  },
  'maps, sets and weak ones': {
    before: BREAK,
    code: `() => {
      breakAll(Map.prototype, Set.prototype, WeakMap.prototype, WeakSet.prototype, WeakRef.prototype, FinalizationRegistry.prototype)
      console.log({ a: 1 }); console.count('a'); console.time('b'); console.timeEnd('b')
      return new Response(structuredClone({ a: 'cloned' }).a)
    }`,
    outcome: 'cloned',
  },
  'typed arrays and buffers': {
    before: BREAK,
    code: `async () => {
      const bytes = new Uint8Array([97, 98])
      breakAll(Object.getPrototypeOf(Uint8Array.prototype), ArrayBuffer.prototype, DataView.prototype)
      return new Response(await new Response(bytes).text() + await new Blob([bytes]).text())
    }`,
    outcome: 'abab',
  },
  'functions: call, apply, bind, hasInstance': {
    before: BREAK,
    code: `async () => {
      breakAll(Function.prototype)
      return new Response(await new Response('x').text() + structuredClone({ a: 'y' }).a)
    }`,
    outcome: 'xy',
  },
  'regular expressions': {
    before: BREAK,
    code: `async () => {
      breakAll(RegExp.prototype, RegExp)
      const body = '--b\\r\\ncontent-disposition: form-data; name="a"\\r\\n\\r\\nx\\r\\n--b--'
      const form = await new Response(body, { headers: { 'content-type': 'multipart/form-data; boundary=b' } }).formData()
      return new Response(form.get('a') + new URLPattern({ pathname: '/:a' }).exec('http://x/y').pathname.groups.a)
    }`,
    outcome: 'xy',
  },
  'JSON, Math, Reflect and Object': {
    before: BREAK,
    code: `() => { breakAll(JSON, Math, Reflect, Object); return Response.json({ a: 1 }) }`,
    outcome: { a: 1 },
  },
  'errors: stack, message, toString, stackTraceLimit': {
    before: BREAK,
    code: `() => { breakAll(Error.prototype, TypeError.prototype, Error); return new URL('no url') }`,
    outcome: 'HANDLER_ERROR',
  },
  DOMException: {
    before: BREAK,
    code: `() => { breakAll(DOMException.prototype); return structuredClone(() => 1) }`,
    outcome: 'HANDLER_ERROR',
  },
  'dates and clocks': {
    before: BREAK,
    code: `() => { breakAll(Date.prototype, Date, Performance.prototype); console.log(1); new File([], 'a'); return ${GOOD} }`,
    outcome: 'body',
  },
  'events and signals': {
    before: BREAK,
    code: `(request) => { breakAll(EventTarget.prototype, Event.prototype, AbortSignal.prototype); request.signal; return ${GOOD} }`,
    outcome: 'body',
  },
  'URL and its parameters': {
    before: BREAK,
    code: `async () => {
      breakAll(URL.prototype, URL, URLSearchParams.prototype)
      const form = await new Response(new URLSearchParams('a=b')).formData()
      return new Response(form.get('a'))
    }`,
    outcome: 'b',
  },
  'then on Object.prototype': {
    code: `async () => {
      let calls = 0
      Object.defineProperty(Object.prototype, 'then', {
        configurable: true,
        value(resolve) { calls++; delete Object.prototype.then; resolve(new SafeResponse('mine' + calls)) },
      })
      return new SafeResponse('first')
    }`,
    outcome: 'mine1',
  },
  'then on Object.prototype, for ever': {
    code: `async () => {
      Object.defineProperty(Object.prototype, 'then', { value(resolve) { resolve(new SafeResponse('again')) } })
      return new SafeResponse('first')
    }`,
    cpuMs: 100,
    ruined: true,
    outcome: 'CPU_LIMIT',
  },
  'members of dictionaries on Object.prototype': {
    code: `() => {
      const names = ['status', 'headers', 'statusText', 'stream', 'bytes', 'type', 'body', 'cancel', 'pull', 'kind', 'value', 'done']
      for (const name of names) Object.defineProperty(Object.prototype, name, { __proto__: null, get() { throw new Error(name) }, configurable: true })
      return new Response('x')
    }`,
    outcome: 'x',
  },
  'all prototypes are frozen': {
    code: `async () => {
      const seen = new Set()
      const freeze = (object) => {
        if (object === null || !['object', 'function'].includes(typeof object) || seen.has(object)) return
        seen.add(object)
        Object.freeze(object)
        for (const key of Reflect.ownKeys(object)) {
          const { value } = Object.getOwnPropertyDescriptor(object, key)
          freeze(value)
        }
        freeze(Object.getPrototypeOf(object))
      }
      freeze(globalThis)
      const form = await new Response(new URLSearchParams('a=b')).formData()
      console.log(form, new Error('x'))
      return new Response(form.get('a') + (await new Response(new Blob(['x']).stream()).text()))
    }`,
    outcome: 'bx',
  },
  'all globals are gone': {
    code: `async () => {
      const good = new Response('y')
      for (const key of Reflect.ownKeys(globalThis)) { try { delete globalThis[key] } catch {} }
      return good
    }`,
    outcome: 'y',
  },
  'prototypes of prototypes are exchanged': {
    code: `() => {
      const good = new Response('still')
      for (const object of [Response.prototype, Headers.prototype, ReadableStream.prototype, Promise.prototype])
        Object.setPrototypeOf(object, new Proxy({}, { get() { throw new Error('asked') }, has() { throw new Error('asked') } }))
      Object.setPrototypeOf(good, null)
      return good
    }`,
    ruined: true,
    outcome: 'still',
  },
  'the console is broken': {
    code: `() => {
      const { log } = console
      for (const key of Object.keys(console)) Object.defineProperty(console, key, { get() { throw new Error('asked') } })
      log('%s', { toString() { throw new Error('asked') } })
      throw { toString() { for (;;); } }
    }`,
    outcome: 'HANDLER_ERROR',
  },
})
