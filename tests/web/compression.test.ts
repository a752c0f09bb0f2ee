/** CompressionStream and DecompressionStream against the zlib of the runtime that runs these tests. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateRawSync,
  inflateSync,
} from 'node:zlib'
import { SANITIZED, startZygote, type TestZygote } from '../worker/harness.ts'
import type { TestWorker } from '../worker/test-worker.ts'
import { inWorker } from './harness.ts'

const FORMATS = {
  gzip: { pack: gzipSync, unpack: gunzipSync },
  deflate: { pack: deflateSync, unpack: inflateSync },
  'deflate-raw': { pack: deflateRawSync, unpack: inflateRawSync },
}

/** Sends the request's body through the stream that its query names. */
const BUNDLE = `export default (request) => {
  const { searchParams } = new URL(request.url)
  const Stream = searchParams.get('way') === 'pack' ? CompressionStream : DecompressionStream
  return new Response(request.body.pipeThrough(new Stream(searchParams.get('format'))))
}`

const text = new TextEncoder().encode(
  Array.from({ length: 40_000 }, (_, i) => `${i} ${Math.imul(i, 2654435761) >>> 12}`).join('\n'),
)

describe('a body through a stream of', () => {
  let template: TestZygote
  let worker: TestWorker
  beforeAll(async () => {
    template = await startZygote()
    worker = await template.worker({ bundle: BUNDLE })
  })
  afterAll(() => template.close())

  const run = async (way: string, format: string, body: Uint8Array) => {
    const url = `http://localhost/?way=${way}&format=${format}`
    const result = await worker.invoke({ method: 'POST', url, body, deadlineMs: 60_000 })
    if (result.error !== undefined) throw new Error(result.error.message)
    return Buffer.from(result.body)
  }

  for (const [format, { pack, unpack }] of Object.entries(FORMATS)) {
    test(`${format}, both ways`, async () => {
      expect(unpack(await run('pack', format, text)).equals(text)).toBe(true)
      expect((await run('unpack', format, pack(text))).equals(text)).toBe(true)
      expect(unpack(await run('pack', format, new Uint8Array(1))).length).toBe(1)
    })
    test(`${format}, cut off, damaged or too long, breaks the response`, async () => {
      const packed = pack(text)
      const damaged = Buffer.from(packed)
      damaged[packed.length >> 1] = (damaged[packed.length >> 1] as number) ^ 0x55
      // Without a checksum, damage is not always detected.
      for (const body of [
        packed.subarray(0, -1),
        packed.subarray(0, 1),
        ...(format === 'deflate-raw' ? [] : [damaged]),
        Buffer.concat([packed, Buffer.alloc(1)]),
        Buffer.from('this is not compressed at all'),
      ]) {
        await expect(run('unpack', format, body)).rejects.toThrow()
      }
    })
  }
})

describe('bad input', () => {
  inWorker({
    'an unknown format': () => {
      for (const format of ['', 'GZIP', 'br', 'toString', '__proto__', undefined, null, {}]) {
        throws(() => new CompressionStream(format as never), 'TypeError')
        throws(() => new DecompressionStream(format as never), 'TypeError')
      }
      // @ts-expect-error no arguments
      throws(() => new CompressionStream(), 'TypeError')
      // @ts-expect-error no constructor
      throws(() => CompressionStream('gzip'), 'TypeError')
    },
    'a chunk that is not a BufferSource': async () => {
      for (const Stream of [CompressionStream, DecompressionStream]) {
        for (const chunk of [undefined, null, 'text', 1, [1], {}, new SharedArrayBuffer(1)]) {
          const stream = new Stream('gzip')
          const writer = stream.writable.getWriter()
          const reading = rejects(stream.readable.getReader().read(), 'TypeError')
          await rejects(writer.write(chunk as never), 'TypeError')
          await reading
          await rejects(writer.close(), 'TypeError')
        }
      }
    },
    'an empty stream': async () => {
      const read = (stream: ReadableStream) => new Response(stream).arrayBuffer()
      const empty = new CompressionStream('gzip')
      const closed = empty.writable.getWriter().close()
      same((await read(empty.readable)).byteLength, 20)
      await closed
      const cut = new DecompressionStream('gzip')
      cut.writable
        .getWriter()
        .close()
        .catch(() => {})
      await rejects(read(cut.readable), 'TypeError')
    },
    'a chunk that is detached or changed while it waits': async () => {
      const bytes = new Uint8Array(300_000)
      for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(i, 2654435761) >>> 13
      const copy = bytes.slice()
      const stream = new CompressionStream('deflate')
      const writer = stream.writable.getWriter()
      writer.write(bytes)
      writer.close()
      const reader = stream.readable.getReader()
      const parts: Uint8Array[] = []
      for (let first = true; ; first = false) {
        const { value, done } = await reader.read()
        if (done) break
        parts.push(value)
        if (first) bytes.fill(0)
        else if (bytes.length > 0) structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
      }
      const back = new Blob(parts as never).stream().pipeThrough(new DecompressionStream('deflate'))
      same(await new Response(back).bytes(), copy)
    },
    'the getters require an object of their interface': () => {
      const { readable } = Object.getOwnPropertyDescriptors(CompressionStream.prototype)
      for (const value of [
        {},
        null,
        new TransformStream(),
        Object.create(new CompressionStream('gzip')),
      ]) {
        throws(() => readable.get?.call(value), 'TypeError')
      }
      throws(() => structuredClone(new CompressionStream('gzip')), 'DataCloneError')
    },
  })
})

/** 64 MB of zeros, compressed twice: a few hundred bytes that grow to 64 kB and then to 64 MB. */
const BOMB = gzipSync(gzipSync(Buffer.alloc(64 << 20)))

test.skipIf(SANITIZED)(
  'a bomb grows a piece at a time, and only as fast as it is read',
  async () => {
    const template = await startZygote()
    const worker = await template.worker({
      capabilities: { maxMemory: 16 << 20 },
      bundle: `export default async (request) => {
      let size = 0
      const inner = request.body.pipeThrough(new DecompressionStream('gzip'))
      for await (const chunk of inner.pipeThrough(new DecompressionStream('gzip'))) {
        size += chunk.length
      }
      return new Response(String(size))
    }`,
    })
    const result = await worker.invoke({
      method: 'POST',
      body: BOMB,
      deadlineMs: 60_000,
      cpuMs: 60_000,
    })
    expect(result.error).toBeUndefined()
    expect(result.text).toBe(String(64 << 20))
    await template.close()
  },
)

test.skipIf(SANITIZED)('10,000 streams that fail leave nothing in the heap', async () => {
  const template = await startZygote()
  const worker = await template.worker({
    capabilities: { maxMemory: 32 << 20 },
    bundle: `
      async function fail(bytes, format) {
        const stream = new DecompressionStream(format)
        const writer = stream.writable.getWriter()
        writer.write(bytes).catch(() => {})
        writer.close().catch(() => {})
        try {
          for await (const _ of stream.readable);
        } catch {
          return 1
        }
        return 0
      }
      export default async (request) => {
        const bytes = new Uint8Array(await request.arrayBuffer())
        let failed = 0
        for (let i = 0; i < 1000; i++) failed += await fail(bytes, i % 2 === 0 ? 'gzip' : 'deflate')
        return new Response(String(failed))
      }`,
  })
  const heap = []
  for (let round = 0; round < 10; round++) {
    const body = gzipSync('x'.repeat(1000)).subarray(0, -4)
    const result = await worker.invoke({ method: 'POST', body, deadlineMs: 60_000, cpuMs: 60_000 })
    expect(result.text).toBe('1000')
    heap.push(result.messages.find(({ type }) => type === 'done')?.heap_bytes as number)
  }
  // Garbage that is not collected yet counts too; it must not grow from round to round.
  expect(Math.max(...heap.slice(5))).toBeLessThan((heap[1] as number) + (8 << 20))
  await template.close()
})
