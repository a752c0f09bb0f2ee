/** Getters, proxies, species, iterators and thenables in every place that the host or the Web APIs read. */
import { rawAttempts } from './javascript.ts'

const NOT_A_RESPONSE = 'INVALID_RESPONSE'

rawAttempts({
  'a proxy of a Response': {
    code: `() => new Proxy(new Response('x'), { get(target, key) { if (key !== 'then') for (;;); } })`,
    outcome: NOT_A_RESPONSE,
  },
  'an object with the getters of a Response': {
    code: `() => ({ get status() { for (;;); }, get headers() { for (;;); }, get body() { for (;;); } })`,
    before: `{ const { Response: R } = globalThis; Object.defineProperty(R, Symbol.hasInstance, { value: () => true }) }`,
    outcome: NOT_A_RESPONSE,
  },
  'an heir of Response.prototype': {
    code: `() => Object.create(Response.prototype)`,
    outcome: NOT_A_RESPONSE,
  },
  'a Response with properties of its own': {
    code: `() => {
      const response = new Response('real', { status: 202 })
      for (const name of ['status', 'headers', 'body', 'then', 'constructor', 'bodyUsed'])
        Object.defineProperty(response, name, { get() { if (name !== 'then') for (;;); } })
      return response
    }`,
    outcome: 'real',
  },
  'a subclass that says otherwise': {
    code: `() => new (class extends Response { get status() { return 99 } get headers() { return 1 } get body() { throw 1 } })('real')`,
    outcome: 'real',
  },
  'an error whose stack and message are loops': {
    code: `() => {
      const error = new Error('x')
      for (const name of ['stack', 'message', 'name', 'cause', 'toString'])
        Object.defineProperty(error, name, { get() { for (;;); } })
      throw error
    }`,
    outcome: 'HANDLER_ERROR',
  },
  'a proxy as an error': {
    code: `() => { throw new Proxy(new Error('x'), { get() { for (;;); }, getPrototypeOf() { for (;;); } }) }`,
    outcome: 'HANDLER_ERROR',
  },
  'an error with a prototype that loops': {
    code: `() => { throw Object.setPrototypeOf(new Error('x'), new Proxy({}, { get() { for (;;); } })) }`,
    outcome: 'HANDLER_ERROR',
  },
  'nothing as an error': {
    code: `() => { throw undefined }`,
    outcome: 'HANDLER_ERROR',
  },
  'a symbol as an error': {
    code: `() => { throw Symbol('x'.repeat(1e6)) }`,
    outcome: 'HANDLER_ERROR',
  },
  'an error of 20 MB': {
    code: `() => { throw new Error('x'.repeat(2e7)) }`,
    outcome: 'HANDLER_ERROR',
  },
  'an error with a chain of 10,000 causes': {
    code: `() => { let error; for (let i = 0; i < 1e4; i++) error = new Error('x' + i, { cause: error }); error.cause.cause = error; console.log(error); throw error }`,
    outcome: 'HANDLER_ERROR',
  },
  'Error.prepareStackTrace that loops': {
    code: `() => { Error.prepareStackTrace = () => { for (;;); }; throw new Error('x') }`,
    cpuMs: 100,
    outcome: 'CPU_LIMIT',
  },
  'Error.prepareStackTrace gets at no function of the built-ins': {
    code: `() => {
      const found = []
      Error.prepareStackTrace = (error, sites) => { for (const site of sites) found.push(site.getFunction()); return 'x' }
      const looks = [() => new Blob({ [Symbol.iterator]() { throw new Error('a') } }), () => new FormData(1), () => console.table(1),
        () => structuredClone(() => 1), () => new Event(), () => new EventTarget().dispatchEvent(1)]
      for (const look of looks) { try { look() } catch (error) { error.stack } }
      return json(found.filter((value) => value !== undefined).length)
    }`,
    outcome: 0,
  },
  'a thenable for a response, which resolves again and again': {
    code: `() => ({ then(resolve, reject) { resolve(new Response('first')); resolve(new Response('second')); reject(1); throw 2 } })`,
    outcome: 'first',
  },
  'a thenable that resolves with itself': {
    code: `() => { const self = { then(resolve) { resolve(self) } }; return self }`,
    cpuMs: 100,
    outcome: 'CPU_LIMIT',
  },
  'a getter of then that throws': {
    code: `() => ({ get then() { throw new Error('x') } })`,
    outcome: 'HANDLER_ERROR',
  },
  'waitUntil with thenables of every kind': {
    code: `(request, ctx) => {
      ctx.waitUntil({ then(resolve) { resolve(); resolve(); throw 1 } })
      ctx.waitUntil({ get then() { throw 1 } })
      ctx.waitUntil(Object.setPrototypeOf(Promise.resolve(), null))
      ctx.waitUntil(Object.assign(Promise.resolve(), { then: 1, constructor: Object }))
      return new Response('done')
    }`,
    outcome: 'done',
  },
  'a context that is forged, borrowed or kept': {
    code: `(request, ctx) => {
      const { waitUntil } = Object.getPrototypeOf(ctx)
      const forged = [{}, Object.create(ctx), new Proxy(ctx, {}), Object.getPrototypeOf(ctx), undefined]
      const results = forged.map((value) => attempt(() => waitUntil.call(value, Promise.resolve())))
      try { ctx.deadline = 1 } catch {}
      return json([...new Set(results), typeof ctx.deadline])
    }`,
    outcome: ['TypeError', 'number'],
  },
  'headers from a proxy whose keys never end': {
    code: `() => new Response('', { headers: new Proxy({}, { ownKeys: () => Array.from({ length: 1e4 }, (_, i) => 'a' + i), getOwnPropertyDescriptor: () => ({ value: 'x', enumerable: true, configurable: true }) }) })`,
    cpuMs: 20_000,
    outcome: 'INVALID_RESPONSE',
  },
  'headers from an iterator without end': {
    code: `() => new Headers({ [Symbol.iterator]: () => ({ next: () => ({ value: ['a', 'b'], done: false }) }) })`,
    memory: 24,
    cpuMs: 20_000,
    outcome: 'MEMORY_LIMIT',
  },
  'an iterator that changes what it is read into': {
    code: `() => {
      const params = new URLSearchParams('a=1&b=2')
      const seen = []
      for (const [name] of params) { seen.push(name); if (seen.length < 50) params.append('c', seen.length); params.delete('a') }
      const headers = new Headers({ a: '1', b: '2' })
      for (const [name] of headers) { headers.delete(name); headers.append('z' + seen.length, 'x'); if (seen.push(name) > 200) break }
      return json(seen.length < 300)
    }`,
    outcome: true,
  },
  'species of arrays, buffers and promises': {
    code: `async () => {
      const hijack = () => { throw new Error('asked') }
      for (const constructor of [Array, ArrayBuffer, Promise, Map, Set, RegExp, Object.getPrototypeOf(Uint8Array)])
        Object.defineProperty(constructor, Symbol.species, { get: hijack })
      const blob = new Blob([new Uint8Array(4).buffer, 'x'])
      return new Response((await new Response(blob.slice(1)).bytes()).length)
    }`,
    outcome: 4,
  },
  'typed arrays that lie about their length': {
    code: `async () => {
      class Lying extends Uint8Array { get length() { return 1e9 } get byteLength() { return 1e9 } get buffer() { return new ArrayBuffer(1e3) } }
      const bytes = new Lying([104, 105])
      return new Response(await new Blob([bytes]).text() + await new Response(bytes).text() + new TextDecoder().decode(bytes))
    }`,
    outcome: 'hihihi',
  },
  'chunks that are no bytes': {
    code: `async () => {
      const results = []
      for (const chunk of [1, 'text', {}, null, new Proxy(new Uint8Array(1), {}), Symbol()])
        results.push(await new Response(new ReadableStream({ start(c) { c.enqueue(chunk); c.close() } })).text().catch((error) => error.name))
      return json([...new Set(results)])
    }`,
    outcome: ['TypeError'],
  },
  'chunks that go while they wait': {
    code: `() => new Response(new ReadableStream({
      start(controller) {
        const detached = new Uint8Array([120, 120])
        const shrunk = new Uint8Array(new ArrayBuffer(4, { maxByteLength: 8 }))
        controller.enqueue(new Uint8Array([97]))
        controller.enqueue(detached)
        controller.enqueue(shrunk)
        controller.close()
        structuredClone(detached, { transfer: [detached.buffer] })
        shrunk.buffer.resize(0)
      },
    }))`,
    outcome: 'a',
  },
  'a source whose methods take the stream apart': {
    code: `async () => {
      const stream = new ReadableStream({
        pull(controller) { controller.enqueue(new Uint8Array(1)); controller.close(); try { controller.close() } catch {} stream.cancel().catch(() => {}); throw 1 },
        get cancel() { return () => { throw 2 } },
      }, { highWaterMark: 0, get size() { return () => { throw 3 } } })
      return json(attempt(() => new Response(stream)) instanceof Response && (await new Response('x').text()))
    }`,
    outcome: 'x',
  },
  'AbortSignal listeners that throw and come back': {
    code: `async () => {
      const controller = new AbortController()
      let calls = 0
      controller.signal.addEventListener('abort', function again() { calls++; controller.abort(); controller.signal.addEventListener('abort', again); throw new Error('x') })
      controller.abort()
      await null
      return json(calls)
    }`,
    outcome: 1,
  },
  'structuredClone of getters, proxies and host objects': {
    code: `() => {
      const taken = structuredClone({ get a() { delete this.b; return 1 }, b: 2, [Symbol()]: 3 })
      const results = [new Proxy([], {}), new Response(), new Headers(), new URL('x:y'), request => 1, new WeakRef({}), Object.create(new Map())].map((value) => attempt(() => structuredClone(value)) )
      return json([taken, results.map((value) => typeof value === 'string' ? value : typeof value)])
    }`,
    outcome: [{ a: 1 }, [...Array(6).fill('DOMException'), 'object']],
  },
  'Symbol.toPrimitive and valueOf where numbers are wanted': {
    code: `() => {
      const bad = { [Symbol.toPrimitive]() { throw new SafeRangeError('x') } }
      return json([() => new Response('', { status: bad }), () => setTimeout(() => {}, bad), () => new Blob([]).slice(bad), () => new ArrayBuffer(bad),
        () => AbortSignal.timeout(bad), () => new File([], 'x', { lastModified: bad }), () => Response.redirect('http://x/', bad)].map(attempt))
    }`,
    outcome: Array(7).fill('RangeError'),
  },
})
