/** The global scope of a quickjs-ng worker beyond ECMAScript itself: what `functions types` declares. */
export const WORKER_GLOBALS: readonly string[] = [
  ...[
    'AbortController',
    'AbortSignal',
    'Blob',
    'ByteLengthQueuingStrategy',
    'CountQueuingStrategy',
  ],
  ...['Crypto', 'CryptoKey', 'CustomEvent', 'DOMException', 'Event', 'EventTarget', 'File'],
  ...[
    'FormData',
    'Headers',
    'Performance',
    'QuotaExceededError',
    'ReadableByteStreamController',
    'ReadableStream',
  ],
  ...['ReadableStreamBYOBReader', 'ReadableStreamBYOBRequest', 'ReadableStreamDefaultController'],
  ...[
    'ReadableStreamDefaultReader',
    'Request',
    'Response',
    'SubtleCrypto',
    'TextDecoder',
    'TextEncoder',
  ],
  ...['TransformStream', 'TransformStreamDefaultController', 'URL', 'URLSearchParams'],
  ...['WritableStream', 'WritableStreamDefaultController', 'WritableStreamDefaultWriter'],
  ...['atob', 'btoa', 'clearInterval', 'clearTimeout', 'console', 'crypto', 'navigator'],
  ...['performance', 'queueMicrotask', 'reportError', 'self', 'setInterval', 'setTimeout'],
  'structuredClone',
]
