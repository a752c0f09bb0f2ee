/**
 * Bad input, one test for each row: the exception that the standard defines, and no growth of the
 * heap after 10,000 of them.
 */
import { describe, expect, test } from 'bun:test'
import { SANITIZED } from '../worker/harness.ts'
import type { TestWorker } from '../worker/test-worker.ts'
import { type Case, expectOk, PRELUDE, useTemplate } from './harness.ts'

const COUNT = SANITIZED ? 400 : 10_000
const WARM_UP = 200
/** Bytes that a collection may leave behind: far less than one small object for each repetition. */
const SLACK_BYTES = SANITIZED ? 8_000 : 48_000
const LONG = { deadlineMs: 120_000, cpuMs: 120_000 }

const template = useTemplate()

/** Waits for a full collection, which it detects by an object that only a collection can free. */
const SETTLE = `
  const { WeakRef } = globalThis
  const cycle = () => { const object = {}; object.self = object; return object }
  const settle = () => {
    const ref = new WeakRef(cycle())
    while (ref.deref() !== undefined) for (let i = 0; i < 50; i++) cycle()
  }`

/** Runs the cases in turn, as often as the path says. */
const bundleOf = (cases: Case[]) => `${PRELUDE}${SETTLE}
  const cases = [${cases.join(',\n')}]
  const { Response, String, URL } = globalThis
  const { setTimeout } = globalThis
  export default async (request) => {
    const count = Number(new URL(request.url).pathname.slice(1))
    try {
      for (let i = 0; i < count; i++) {
        await cases[i % cases.length]()
        if (i % 1000 === 0) await new Promise((resolve) => setTimeout(resolve, 0))
      }
    } catch (error) {
      return new Response(String(error?.message) + '\\n' + error?.stack, { status: 599 })
    }
    if (request.headers.has('settle')) settle()
    return new Response('ok')
  }`

async function start(bundle: string): Promise<TestWorker> {
  const worker = await template().worker({ bundle })
  template().send({ type: 'limit', worker: worker.number, cpu_ms: 240_000 })
  return worker
}

async function runTimes(worker: TestWorker, count: number): Promise<void> {
  expectOk(await worker.invoke({ ...LONG, url: `http://localhost/${count}` }))
}

/** Bytes of the heap after a collection. */
async function heapAtRest(worker: TestWorker): Promise<number> {
  const result = await worker.invoke({
    ...LONG,
    url: 'http://localhost/0',
    headers: [['settle', '1']],
  })
  expectOk(result)
  return result.messages.find(({ type }) => type === 'done')?.heap_bytes as number
}

/** The first round allocates what is allocated once. */
function leavesNothing(rows: Record<string, Case[]>): void {
  for (const [name, cases] of Object.entries(rows)) {
    test(name, async () => {
      const worker = await start(bundleOf(cases))
      await runTimes(worker, WARM_UP)
      const before = await heapAtRest(worker)
      await runTimes(worker, COUNT)
      expect((await heapAtRest(worker)) - before).toBeLessThan(SLACK_BYTES)
      worker.close()
    }, 240_000)
  }
}

describe('bad input throws, and leaves nothing', () => {
  leavesNothing({
    'a body read twice': [
      async () => {
        const response = new Response('x')
        await response.text()
        await rejects(response.json(), 'TypeError')
        throws(() => response.clone(), 'TypeError')
      },
      async () => {
        const request = new Request('http://a/', { method: 'POST', body: 'x' })
        await request.arrayBuffer()
        await rejects(request.formData(), 'TypeError')
        throws(() => new Request(request), 'TypeError')
      },
      async () => {
        const streamed = new Response(new Blob(['x']).stream())
        await streamed.bytes()
        await rejects(streamed.blob(), 'TypeError')
      },
    ],
    'a locked stream': [
      async () => {
        const stream = new ReadableStream({ start: (controller) => controller.enqueue('x') })
        stream.getReader()
        throws(() => stream.getReader(), 'TypeError')
        throws(() => stream.tee(), 'TypeError')
        throws(() => new Response(stream), 'TypeError')
        await rejects(stream.cancel(), 'TypeError')
      },
      async () => {
        const stream = new ReadableStream()
        stream.getReader()
        throws(() => stream.pipeThrough(new TransformStream()), 'TypeError')
        await rejects(stream.pipeTo(new WritableStream()), 'TypeError')
      },
      async () => {
        const response = new Response('x')
        response.body?.getReader()
        await rejects(response.text(), 'TypeError')
      },
      async () => {
        const writable = new WritableStream()
        writable.getWriter()
        throws(() => writable.getWriter(), 'TypeError')
        await rejects(writable.abort(), 'TypeError')
      },
    ],
    'an invalid header name or value': [
      () => {
        for (const name of ['', 'a b', 'a:', 'ü', 'a\0', 'a\n']) {
          throws(() => new Headers([[name, 'x']]), 'TypeError')
          throws(() => new Headers().get(name), 'TypeError')
        }
      },
      () => {
        for (const value of ['a\0', 'a\nb', 'a\rb', '\u0100']) {
          throws(() => new Headers({ a: value }), 'TypeError')
          throws(() => new Response(null, { headers: { a: value } }), 'TypeError')
        }
      },
      () => {
        throws(() => new Headers([['a']] as never), 'TypeError')
        throws(() => new Response(null, { statusText: '\n' }), 'TypeError')
        throws(() => new Response(null, { status: 42 }), 'RangeError')
        throws(() => new Request('http://a/', { method: 'A B' }), 'TypeError')
      },
    ],
    'a URL with bad IDNA': [
      () => {
        for (const host of ['xn--', 'xn--a', 'xn--zn7c.com', '\u00ad', '\ud800', 'a%00b']) {
          const url = `https://${host}/`
          throws(() => new URL(url), 'TypeError')
          same([URL.canParse(url), URL.parse(url)], [false, null])
          throws(() => new Request(url), 'TypeError')
          const other = new URL('https://other.test/')
          other.hostname = host
          same(other.hostname, 'other.test')
        }
      },
      () => {
        throws(() => new URLPattern({ hostname: 'xn--a b' }), 'TypeError')
        throws(() => new URLPattern({ pathname: '/(' }), 'TypeError')
      },
    ],
    'a malformed multipart body': [
      async () => {
        const bodies = [
          '',
          '--b\r\n',
          '--b\r\n\r\nx\r\n--b--',
          '--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n--b--',
          '--b\r\ncontent-disposition: form-data; name="a\r\n\r\nx\r\n--b--',
          '--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nx',
          '--c\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n--c--',
        ]
        for (const body of bodies) {
          const headers = { 'content-type': 'multipart/form-data; boundary=b' }
          await rejects(new Response(body, { headers }).formData(), 'TypeError')
        }
      },
      async () => {
        const headers = { 'content-type': 'multipart/form-data' }
        await rejects(new Response('x', { headers }).formData(), 'TypeError')
        await rejects(new Response('x').formData(), 'TypeError')
      },
    ],
    'truncated gzip': [
      async () => {
        const gzip = new Response('hello '.repeat(50)).body?.pipeThrough(
          new CompressionStream('gzip'),
        )
        const whole = await new Response(gzip).bytes()
        for (const bytes of [whole.slice(0, 5), whole.slice(0, -9), whole.slice(0, -1)]) {
          const body = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
          await rejects(new Response(body).text(), 'TypeError')
        }
      },
      async () => {
        const body = new Blob(['no gzip']).stream().pipeThrough(new DecompressionStream('gzip'))
        await rejects(new Response(body).text(), 'TypeError')
        throws(() => new DecompressionStream('lzma' as never), 'TypeError')
      },
    ],
    'an invalid key': [
      async () => {
        const { subtle } = crypto
        const curve = { name: 'ECDSA', namedCurve: 'P-256' }
        const bytes = new Uint8Array([4, 1, 2, 3])
        await rejects(subtle.importKey('raw', bytes, curve, true, ['verify']), 'DataError')
        await rejects(subtle.importKey('pkcs8', bytes, curve, true, ['sign']), 'DataError')
        await rejects(subtle.importKey('spki', bytes, curve, true, ['verify']), 'DataError')
        const jwk = { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }
        await rejects(subtle.importKey('jwk', jwk, curve, true, ['verify']), 'DataError')
        await rejects(subtle.importKey('raw', bytes, 'AES-GCM', true, ['encrypt']), 'DataError')
      },
      async () => {
        const key = await crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', false, [
          'encrypt',
        ])
        await rejects(crypto.subtle.exportKey('raw', key), 'InvalidAccessError')
        const algorithm = { name: 'AES-GCM', iv: new Uint8Array(12) }
        await rejects(
          crypto.subtle.decrypt(algorithm, key, new Uint8Array(32)),
          'InvalidAccessError',
        )
      },
    ],
    'a detached buffer': [
      () => {
        const bytes = new Uint8Array(8)
        structuredClone(bytes, { transfer: [bytes.buffer] })
        throws(() => structuredClone(bytes), 'DataCloneError')
        throws(() => structuredClone(bytes.buffer), 'DataCloneError')
        throws(() => structuredClone(1, { transfer: [bytes.buffer] }), 'DataCloneError')
        throws(() => new DataView(bytes.buffer), 'TypeError')
      },
      async () => {
        const bytes = new Uint8Array(8)
        structuredClone(bytes, { transfer: [bytes.buffer] })
        same(await new Response(bytes).text(), '')
        same([new TextDecoder().decode(bytes), new Blob([bytes]).size], ['', 0])
      },
      async () => {
        const bytes = new Uint8Array(8)
        structuredClone(bytes, { transfer: [bytes.buffer] })
        const stream = new ReadableStream({ type: 'bytes', pull: () => undefined })
        await rejects(stream.getReader({ mode: 'byob' }).read(bytes), 'TypeError')
        const source = new ReadableStream({
          type: 'bytes',
          start: (controller) => {
            throws(() => controller.enqueue(bytes), 'TypeError')
          },
        })
        await source.cancel()
      },
    ],
    'a structuredClone of a function': [
      () => {
        const cyclic: Record<string, unknown> = { list: [new Map([[1, { deep: () => 1 }]])] }
        cyclic.self = cyclic
        throws(() => structuredClone(() => 1), 'DataCloneError')
        throws(() => structuredClone(cyclic), 'DataCloneError')
        throws(() => structuredClone(Symbol('x')), 'DataCloneError')
      },
      () => {
        throws(() => structuredClone(new WeakMap()), 'DataCloneError')
        throws(() => structuredClone(Promise.resolve()), 'DataCloneError')
        throws(() => structuredClone(new Proxy({}, {})), 'DataCloneError')
        throws(() => structuredClone(new Response()), 'DataCloneError')
      },
      () => {
        throws(() => structuredClone(new Error('x', { cause: () => 1 })), 'DataCloneError')
        const kept = new ArrayBuffer(8)
        throws(() => structuredClone(() => 1, { transfer: [kept] }), 'DataCloneError')
        same(kept.byteLength, 8)
      },
    ],
    'a stream that never ends': [
      async () => {
        const pull = (controller: ReadableStreamDefaultController) => controller.enqueue('x')
        await new ReadableStream({ pull }).getReader().read()
        const [left, right] = new ReadableStream({ pull }).tee()
        await left.getReader().read()
        right.cancel()
      },
      async () => {
        const pull = (controller: ReadableStreamDefaultController) =>
          controller.enqueue(new Uint8Array(64))
        const reader = new Response(new ReadableStream({ pull })).body?.getReader()
        await reader?.read()
        await reader?.cancel('enough')
        same((await reader?.read())?.done, true)
      },
      () => {
        const pull = () => new Promise<void>(() => undefined)
        new ReadableStream({ pull }).getReader().read()
        new Response(new ReadableStream({ pull })).text().catch(() => undefined)
      },
      async () => {
        const pull = (controller: ReadableStreamDefaultController) => controller.enqueue('x')
        const abort = new AbortController()
        const to = new WritableStream()
        const piping = new ReadableStream({ pull }).pipeTo(to, { signal: abort.signal })
        abort.abort()
        await rejects(piping, 'AbortError')
      },
    ],
  })
})

describe('an endless body whose client disconnects leaves nothing behind', () => {
  const BUNDLE = `${SETTLE}
    const pull = (controller) => controller.enqueue(new Uint8Array(65536))
    export default async (request) => {
      if (request.headers.has('settle')) { settle(); return new Response('ok') }
      if (request.method === 'POST') await request.body.getReader().read()
      return new Response(new ReadableStream({ pull }))
    }`

  async function round(worker: TestWorker, method: string, count: number): Promise<void> {
    for (let done = 0; done < count; done += 20) {
      const running = Array.from({ length: 20 }, () =>
        worker.begin({ ...LONG, method, open: method === 'POST', withholdCredit: true }),
      )
      await Promise.all(
        running.map(async (one) => {
          if (method === 'POST') one.write(new Uint8Array(1000))
          await one.find(({ type }) => type === 'response')
          one.cancel('client')
          await one.result
        }),
      )
    }
  }

  for (const method of ['GET', 'POST']) {
    test(method, async () => {
      const worker = await start(BUNDLE)
      await round(worker, method, 40)
      const before = await heapAtRest(worker)
      await round(worker, method, COUNT / 25)
      expect((await heapAtRest(worker)) - before).toBeLessThan(SLACK_BYTES)
      worker.close()
    }, 240_000)
  }
})
