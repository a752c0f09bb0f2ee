/**
 * Values whose conversions throw, shrink buffers or lie: each gets its exception, and the worker
 * survives.
 */
import { inWorker } from './harness.ts'

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
          // any exception will do: the worker must survive
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
