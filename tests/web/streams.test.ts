/** The Streams standard with hostile scripts; web-platform-tests cover the rest. */
import { describe, expect, test } from 'bun:test'
import { startZygote } from '../worker/harness.ts'
import { inOwnWorker, inWorker, useTemplate } from './harness.ts'

describe('streams', () => {
  inWorker({
    'show nothing of their state': () => {
      const { readable, writable } = new TransformStream()
      const reader = readable.getReader()
      for (const object of [readable, writable, reader, writable.getWriter()]) {
        same(Reflect.ownKeys(object), [])
        same(Object.keys(structuredClone({ ...object })), [])
        throws(() => structuredClone(object), 'DataCloneError')
      }
      for (const name of ['ReadableStream', 'ReadableStreamDefaultController', 'WritableStream']) {
        const { prototype } = (globalThis as never)[name] as { prototype: object }
        const hidden = Reflect.ownKeys(prototype).filter((key) => String(key).includes('_'))
        same(hidden, [])
        same(Object.getOwnPropertySymbols(prototype).includes(Symbol.toStringTag), true)
      }
    },
    'refuse objects that only look like their own': () => {
      const stream = new ReadableStream()
      const { locked } = Object.getOwnPropertyDescriptors(ReadableStream.prototype)
      const lookalike = { _readableStreamController: {}, _reader: undefined, _state: 'readable' }
      for (const value of [lookalike, Object.create(stream), new Proxy(stream, {}), null, 1]) {
        throws(() => locked.get?.call(value), 'TypeError')
        throws(() => ReadableStream.prototype.getReader.call(value as never), 'TypeError')
      }
      let asked = 0
      const trap = new Proxy(
        {},
        {
          get: () => ++asked,
          getOwnPropertyDescriptor: () => {
            asked++
            return undefined
          },
        },
      )
      throws(() => ReadableStream.prototype.tee.call(trap as never), 'TypeError')
      same(asked, 0)
    },
    'work when they are frozen': async () => {
      const transform = Object.freeze(new TransformStream())
      const writer = Object.freeze(Object.freeze(transform.writable).getWriter())
      const reader = Object.freeze(Object.freeze(transform.readable).getReader())
      const written = writer.write('a')
      same(await reader.read(), { value: 'a', done: false })
      await written
      await writer.close()
      same((await reader.read()).done, true)
    },
    'from: a stream is read as the async iterable that it is': async () => {
      const source = new ReadableStream({
        start(controller) {
          controller.enqueue(1)
          controller.close()
        },
      })
      source.getReader = () => {
        throw new Error('not by a reader')
      }
      const chunks = []
      const { from } = ReadableStream as never as { from(chunks: unknown): ReadableStream }
      for await (const chunk of from(source)) chunks.push(chunk)
      same(chunks, [1])
    },
    'a long queue stays in order': async () => {
      let controller!: ReadableStreamDefaultController
      const stream = new ReadableStream({
        start: (given) => {
          controller = given
        },
      })
      const reader = stream.getReader()
      let next = 0
      for (let i = 0; i < 10_000; i++) {
        controller.enqueue(i)
        if (i % 3 === 0) same((await reader.read()).value, next++)
      }
      controller.close()
      for (; next < 10_000; next++) same((await reader.read()).value, next)
      same((await reader.read()).done, true)
    },
    'an owning stream takes over what it is given': async () => {
      const bytes = new Uint8Array([1, 2, 3])
      const stream = new ReadableStream({
        type: 'owning' as never,
        start(controller: ReadableStreamDefaultController) {
          const enqueue = controller.enqueue as (chunk: unknown, options: object) => void
          enqueue.call(controller, bytes, { transfer: [bytes.buffer] })
          controller.close()
        },
      })
      same(bytes.length, 0)
      const [first, second] = stream.tee()
      const one = await first.getReader().read()
      const two = await second.getReader().read()
      same(one.value, new Uint8Array([1, 2, 3]))
      same(two.value, one.value)
      same(two.value === one.value, false)
    },
    'the text streams': async () => {
      const encoder = new TextEncoderStream()
      same([encoder.encoding, Reflect.ownKeys(encoder).length], ['utf-8', 0])
      const decoder = new TextDecoderStream('shift_jis', { fatal: true, ignoreBOM: true })
      same([decoder.encoding, decoder.fatal, decoder.ignoreBOM], ['shift_jis', true, true])
      throws(() => new TextDecoderStream('no such' as never), 'RangeError')
      const { from } = ReadableStream as never as { from(chunks: unknown): ReadableStream }
      const text = from(['a\ud83d', '\ude00\ud800', 'b', '', '\udbff'])
      const bytes = await new Response(text.pipeThrough(new TextEncoderStream())).bytes()
      same(new TextDecoder().decode(bytes), 'a\u{1f600}\ufffdb\ufffd')
      const parts = from([...bytes].map((byte) => new Uint8Array([byte])))
      let back = ''
      for await (const part of parts.pipeThrough(new TextDecoderStream())) back += part
      same(back, 'a\u{1f600}\ufffdb\ufffd')
      const broken = from([new Uint8Array([0xff])])
      const fatal = broken.pipeThrough(new TextDecoderStream('utf-8', { fatal: true }))
      await rejects(fatal.getReader().read(), 'TypeError')
    },
  })
})

describe('streams after a script changed the built-ins', () => {
  inOwnWorker({
    'methods, getters and globals': async () => {
      const { defineProperty, getOwnPropertyNames, getPrototypeOf } = Object
      const bad = () => {
        throw new Error('hijacked')
      }
      const mine = [
        Promise.prototype,
        Promise,
        Array.prototype,
        Function.prototype,
        ArrayBuffer.prototype,
        ArrayBuffer,
        getPrototypeOf(Uint8Array.prototype),
        getPrototypeOf(Uint8Array),
        DataView.prototype,
        AbortController.prototype,
        AbortSignal.prototype,
        EventTarget.prototype,
        Reflect,
        Math,
        Number,
      ]
      const source = new ReadableStream({
        type: 'bytes',
        pull(controller) {
          const request = controller.byobRequest
          if (request === null) controller.enqueue(new Uint8Array([1, 2]))
          else request.respond(2)
        },
      })
      const gzip = new CompressionStream('gzip')
      const text = new TextEncoderStream()
      const state = { done: 0, error: undefined as unknown }
      const kept = ['prototype', 'length', 'name', 'constructor', 'indexOf']
      const names = mine.map((object) => getOwnPropertyNames(object))
      for (let i = 0; i < mine.length; i++) {
        for (let k = 0; k < (names[i]?.length as number); k++) {
          const name = names[i]?.[k] as string
          // `await` itself reads a promise's constructor.
          if (kept.indexOf(name) >= 0) continue
          try {
            defineProperty(mine[i], name, { get: bad, set: bad, configurable: true })
          } catch {
            // not configurable
          }
        }
      }
      defineProperty(Object.prototype, '0', { get: bad, set: bad, configurable: true })
      defineProperty(Object.prototype, 'highWaterMark', { get: bad, configurable: true })
      defineProperty(Object.prototype, 'transform', { get: bad, configurable: true })
      const [one, two] = source.tee()
      const reader = one.getReader()
      state.done += (await reader.read()).value === undefined ? 0 : 1
      const other = two.getReader({ mode: 'byob' })
      state.done += (await other.read(new Uint8Array(4))).done ? 0 : 1
      const writer = text.writable.getWriter()
      writer.write('abc')
      writer.close()
      text.readable.pipeTo(gzip.writable)
      const packed = gzip.readable.pipeThrough(new DecompressionStream('gzip')).getReader()
      const { value } = await packed.read()
      if (state.done !== 2 || value?.[2] !== 0x63) throw new Error('the streams do not work')
    },
  })
})

describe('a body larger than the memory of its worker', () => {
  const template = useTemplate()
  const READERS = {
    'counted by for await': `let size = 0
      for await (const chunk of request.body) size += chunk.length
      return new Response(String(size))`,
    'counted behind a TransformStream': `let size = 0
      const transform = (chunk, controller) => controller.enqueue(chunk)
      for await (const chunk of request.body.pipeThrough(new TransformStream({ transform }))) {
        size += chunk.length
      }
      return new Response(String(size))`,
    'read into its own buffers': `let size = 0
      const reader = request.body.getReader({ mode: 'byob' })
      let buffer = new ArrayBuffer(50_000)
      for (;;) {
        const { value, done } = await reader.read(new Uint8Array(buffer))
        if (done) return new Response(String(size))
        size += value.length
        buffer = value.buffer
      }`,
    'passed on unchanged': 'return new Response(request.body)',
    'passed on through a TransformStream':
      'return new Response(request.body.pipeThrough(new TransformStream()))',
    'passed on by one of two branches': `const [one, two] = request.body.tee()
      two.cancel()
      return new Response(one)`,
  }
  for (const [name, read] of Object.entries(READERS)) {
    test(name, async () => {
      const worker = await template().worker({
        capabilities: { maxMemory: 4 << 20 },
        bundle: `export default async (request) => { ${read} }`,
      })
      const body = new Uint8Array(24 << 20)
      for (let i = 0; i < body.length; i += 997) body[i] = i
      const result = await worker.invoke({
        method: 'POST',
        body,
        deadlineMs: 60_000,
        cpuMs: 60_000,
      })
      expect(result.error).toBeUndefined()
      if (name.startsWith('passed')) expect(Buffer.from(result.body).equals(body)).toBe(true)
      else expect(result.text).toBe(String(body.length))
      worker.close()
    })
  }
})

test('a body that is passed on arrives in pieces, and ends with its client', async () => {
  const template = await startZygote()
  const worker = await template.worker({
    bundle: 'export default (request) => new Response(request.body)',
  })
  const piece = new Uint8Array(1000).fill(7)
  const gone = worker.begin({ method: 'POST', open: true })
  for (let received = 1000; received <= 3000; received += 1000) {
    gone.write(piece)
    while (gone.received < received) await gone.find(() => gone.received >= received)
  }
  gone.cancel()
  await gone.result
  const empty = worker.begin({ method: 'POST', open: true })
  empty.end()
  expect(await empty.result).toMatchObject({ status: 200, text: '', ended: true })
  const whole = await worker.invoke({ method: 'POST', body: new Uint8Array(300_000).fill(9) })
  expect(whole.body.length).toBe(300_000)
  await template.close()
})
