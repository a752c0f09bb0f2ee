/**
 * Everything in the "Common API Index" of ECMA-429 (Minimum common web API, 1st edition), except
 * WebAssembly. web-platform-tests cover the standards that the index refers to.
 */
import { describe } from 'bun:test'
import { inWorker } from './harness.ts'

describe('ECMA-429', () => {
  inWorker({
    'interfaces are exposed on the global object': () => {
      const names = [
        'AbortController',
        'AbortSignal',
        'Blob',
        'ByteLengthQueuingStrategy',
        'CompressionStream',
        'CountQueuingStrategy',
        'Crypto',
        'CryptoKey',
        'CustomEvent',
        'DecompressionStream',
        'DOMException',
        'ErrorEvent',
        'Event',
        'EventTarget',
        'File',
        'FormData',
        'Headers',
        'MessageChannel',
        'MessageEvent',
        'MessagePort',
        'Performance',
        'PromiseRejectionEvent',
        'ReadableByteStreamController',
        'ReadableStream',
        'ReadableStreamBYOBReader',
        'ReadableStreamBYOBRequest',
        'ReadableStreamDefaultController',
        'ReadableStreamDefaultReader',
        'Request',
        'Response',
        'SubtleCrypto',
        'TextDecoder',
        'TextDecoderStream',
        'TextEncoder',
        'TextEncoderStream',
        'TransformStream',
        'TransformStreamDefaultController',
        'URL',
        'URLPattern',
        'URLSearchParams',
        'WritableStream',
        'WritableStreamDefaultController',
        'WritableStreamDefaultWriter',
      ]
      const scope = globalThis as never as Record<string, { name: string; prototype: object }>
      for (const name of names) {
        same([typeof scope[name], scope[name]?.name], ['function', name], name)
        same(typeof scope[name]?.prototype, 'object', name)
      }
    },
    'methods are exposed on the global object': () => {
      const names = [
        'atob',
        'btoa',
        'clearTimeout',
        'clearInterval',
        'fetch',
        'queueMicrotask',
        'reportError',
        'setTimeout',
        'setInterval',
        'structuredClone',
      ]
      const scope = globalThis as never as Record<string, { name: string }>
      for (const name of names) same([typeof scope[name], scope[name]?.name], ['function', name])
    },
    'properties are exposed on the global object': () => {
      const scope = globalThis as never as Record<string, unknown>
      same([scope.globalThis === globalThis, scope.self === globalThis], [true, true])
      for (const name of ['onerror', 'onunhandledrejection', 'onrejectionhandled']) {
        same([name in globalThis, scope[name]], [true, null], name)
      }
      same(Object.prototype.toString.call(console), '[object console]')
      same([crypto instanceof Crypto, performance instanceof Performance], [true, true])
      same(crypto.subtle instanceof SubtleCrypto, true)
      same(globalThis instanceof EventTarget, true)
    },
    'the user agent is one product, without a comment': () => {
      same(/^[\w.-]+(\/[\w.-]+)?$/.test(navigator.userAgent), true, navigator.userAgent)
    },
  })
})
