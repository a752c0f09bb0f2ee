/** The global scope, and the rules of WebIDL for every interface. */
import { describe } from 'bun:test'
import { inWorker } from './harness.ts'

describe('interfaces', () => {
  inWorker({
    'are there, not enumerable, and constructors want new': () => {
      const names = [
        'AbortController',
        'AbortSignal',
        'Blob',
        'ByteLengthQueuingStrategy',
        'Crypto',
        'CryptoKey',
        'CustomEvent',
        'CountQueuingStrategy',
        'DOMException',
        'Event',
        'EventTarget',
        'File',
        'FormData',
        'Headers',
        'Navigator',
        'Performance',
        'QuotaExceededError',
        'ReadableStream',
        'ReadableStreamDefaultReader',
        'Request',
        'Response',
        'SubtleCrypto',
        'TextDecoder',
        'TextEncoder',
        'TransformStream',
        'URL',
        'URLSearchParams',
        'WritableStream',
      ]
      const scope = globalThis as never as Record<string, new () => unknown>
      for (const name of names) {
        const property = Object.getOwnPropertyDescriptor(globalThis, name)
        same(
          [property?.enumerable, property?.writable, property?.configurable],
          [false, true, true],
          name,
        )
        same(scope[name]?.name, name)
        const prototype = scope[name]?.prototype as object
        same(Object.getOwnPropertyDescriptor(scope[name], 'prototype')?.writable, false, name)
        const tag = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag)
        same(
          [tag?.value, tag?.writable, tag?.enumerable, tag?.configurable],
          [name, false, false, true],
        )
        throws(() => (scope[name] as never as () => void)(), 'TypeError')
      }
    },
    'members are enumerable, and check what they are called on': () => {
      for (const interface_ of [
        Headers,
        URL,
        URLSearchParams,
        Request,
        Response,
        TextEncoder,
        TextDecoder,
        Blob,
        File,
        FormData,
        Event,
        EventTarget,
        AbortSignal,
        AbortController,
      ]) {
        for (const key of Reflect.ownKeys(interface_.prototype)) {
          const property = Object.getOwnPropertyDescriptor(
            interface_.prototype,
            key,
          ) as PropertyDescriptor
          if (typeof key === 'symbol' || key === 'constructor') {
            same(property.enumerable, false, String(key))
            continue
          }
          same(property.enumerable, true, `${interface_.name}.${key}`)
          if (property.get !== undefined) {
            same(property.get.name, `get ${key}`)
            throws(() => property.get?.call({}), 'TypeError')
            throws(() => property.get?.call(interface_.prototype), 'TypeError')
          }
        }
      }
    },
    'functions have the names and lengths of the standards': () => {
      const lengths: [unknown, number][] = [
        [Headers, 0],
        [Request, 1],
        [Response, 0],
        [URL, 1],
        [URLSearchParams, 0],
        [Event, 1],
        [File, 2],
        [Blob, 0],
        [TextDecoder, 0],
        [Headers.prototype.append, 2],
        [Headers.prototype.forEach, 1],
        [URL.canParse, 1],
        [Response.json, 1],
        [EventTarget.prototype.addEventListener, 2],
        [AbortSignal.timeout, 1],
        [setTimeout, 1],
        [structuredClone, 1],
        [queueMicrotask, 1],
        [atob, 1],
        [TextEncoder.prototype.encodeInto, 2],
        [crypto.getRandomValues, 1],
        [console.log, 0],
      ]
      for (const [value, length] of lengths) {
        same((value as { length: number }).length, length, (value as { name: string }).name)
      }
    },
    DOMException: () => {
      const exception = new DOMException('text', 'NotFoundError')
      same([exception.name, exception.message, exception.code], ['NotFoundError', 'text', 8])
      same([exception instanceof Error, String(exception)], [true, 'NotFoundError: text'])
      same([DOMException.ABORT_ERR, exception.DATA_CLONE_ERR], [20, 25])
      same([new DOMException().name, new DOMException('', 'Other').code], ['Error', 0])
      same(typeof exception.stack, 'string')
    },
  })
})

describe('the global scope', () => {
  inWorker({
    'self, navigator, reportError': () => {
      same((globalThis as never as { self: unknown }).self === globalThis, true)
      same(navigator.userAgent, 'Functions/1.0')
      throws(() => new (navigator.constructor as new () => unknown)(), 'TypeError')
      reportError(new Error('reported'))
      // @ts-expect-error no arguments
      throws(() => reportError(), 'TypeError')
    },
    'what a function must not have': () => {
      for (const name of [
        'require',
        'process',
        'Bun',
        'std',
        'os',
        'XMLHttpRequest',
        '__loadScript',
        'gc',
      ]) {
        same(name in globalThis, false, name)
      }
      throws(() => new Function('return 1'), 'TypeError')
      const { eval: evaluate } = globalThis
      throws(() => evaluate('1'), 'TypeError')
    },
    'host functions can be replaced': () => {
      const scope = globalThis as never as { atob: unknown; Headers: unknown }
      const { atob, Headers } = globalThis
      scope.atob = 1
      scope.Headers = 2
      same([scope.atob, scope.Headers], [1, 2])
      scope.atob = atob
      scope.Headers = Headers
      same(new Response('x').headers instanceof Headers, true)
    },
    performance: () => {
      const before = performance.now()
      same(before > 0 && before < 60_000, true)
      same(performance.now() >= before, true)
      same(Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 1000, true)
      same(performance.toJSON().timeOrigin, performance.timeOrigin)
    },
    crypto: () => {
      const bytes = crypto.getRandomValues(new Uint8Array(65536))
      same(new Set(bytes).size, 256)
      const words = new BigUint64Array(4)
      same(crypto.getRandomValues(words) === words, true)
      same(
        words.some((word) => word !== 0n),
        true,
      )
      same(
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(
          crypto.randomUUID(),
        ),
        true,
      )
      same(new Set(Array.from({ length: 100 }, () => crypto.randomUUID())).size, 100)
      throws(() => crypto.getRandomValues(new Uint8Array(65537)), 'QuotaExceededError')
      throws(() => crypto.getRandomValues(new Float64Array(1) as never), 'TypeMismatchError')
      throws(
        () => crypto.getRandomValues(new DataView(new ArrayBuffer(1)) as never),
        'TypeMismatchError',
      )
      throws(() => crypto.getRandomValues([] as never), 'TypeError')
      throws(() => crypto.getRandomValues.call({} as Crypto, bytes), 'TypeError')
      same(crypto.getRandomValues(new Uint8Array(0)).length, 0)
    },
  })
})

describe('streams', () => {
  inWorker({
    'from, async iteration, tee, pipeThrough, BYOB': async () => {
      const { from } = ReadableStream as never as { from(list: unknown[]): ReadableStream }
      const seen: unknown[] = []
      for await (const chunk of from([1, 2])) seen.push(chunk)
      same(seen, [1, 2])
      const [left, right] = from(['a']).tee()
      same(
        [(await left.getReader().read()).value, (await right.getReader().read()).value],
        ['a', 'a'],
      )
      const doubled = from([1, 2]).pipeThrough(
        new TransformStream({
          transform(chunk, controller) {
            controller.enqueue(chunk * 2)
          },
        }),
      )
      const results: unknown[] = []
      await doubled.pipeTo(
        new WritableStream({
          write(chunk) {
            results.push(chunk)
          },
        }),
      )
      same(results, [2, 4])
      const bytes = new ReadableStream({
        type: 'bytes',
        pull(controller: ReadableStreamDefaultController) {
          controller.enqueue(new Uint8Array([1, 2, 3]))
          controller.close()
        },
      } as never)
      const reader = bytes.getReader({ mode: 'byob' } as never) as never as {
        read(view: Uint8Array): Promise<{ value: Uint8Array; done: boolean }>
      }
      same([...(await reader.read(new Uint8Array(2))).value], [1, 2])
    },
    'an aborted pipe': async () => {
      const controller = new AbortController()
      const endless = new ReadableStream({
        pull: (c) => new Promise((resolve) => setTimeout(() => resolve(c.enqueue('x')), 1)),
      })
      setTimeout(() => controller.abort('enough'), 10)
      const error = await endless
        .pipeTo(new WritableStream(), { signal: controller.signal })
        .catch((reason) => reason)
      same(error, 'enough')
    },
  })
})
