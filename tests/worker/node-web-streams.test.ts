/** `toWeb` and `fromWeb` of node:stream in the real worker. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { bundleOf, startZygote, type TestZygote } from './node-harness.ts'
import type { TestWorker } from './test-worker.ts'

setDefaultTimeout(120_000)

let zygote: TestZygote
let worker: TestWorker

const CASES: Record<string, string> = {
  readableToWeb: `
    const source = Readable.from([Buffer.from('one '), Buffer.from('two')], { objectMode: false })
    const web = Readable.toWeb(source)
    const first = (await web.getReader().read()).value
    const objects = await collect(Readable.toWeb(Readable.from([{ a: 1 }, 'text'])))
    const texts = await collect(Readable.toWeb(Readable.from([Buffer.from('\u00e4')], { objectMode: false }).setEncoding('utf8')))
    const ended = Readable.from([]); ended.resume(); await finished(ended)
    return [web instanceof ReadableStream, first.constructor.name, String(new TextDecoder().decode(first)),
      await new Response(Readable.toWeb(Readable.from([Buffer.from('body')], { objectMode: false }))).text(),
      objects, texts, await collect(Readable.toWeb(ended))]`,
  bytes: `
    const web = Readable.toWeb(Readable.from([Buffer.from('abcdef')], { objectMode: false }), { type: 'bytes' })
    const reader = web.getReader({ mode: 'byob' })
    const parts = []
    for (;;) {
      const { value, done } = await reader.read(new Uint8Array(4))
      if (done) return [...parts, value.length]
      parts.push(new TextDecoder().decode(value))
    }`,
  backpressure: `
    let reads = 0
    const source = new Readable({ highWaterMark: 10, read() { reads++; this.push(Buffer.alloc(10)) } })
    const web = Readable.toWeb(source)
    await pause(20)
    const before = reads
    const reader = web.getReader()
    for (let i = 0; i < 20; i++) await reader.read()
    await reader.cancel(new Error('enough'))
    await pause(1)
    const written = []
    let go
    const slow = new Writable({ highWaterMark: 1, write(chunk, _, done) { written.push(String(chunk)); go = done } })
    const writer = Writable.toWeb(slow).getWriter()
    const order = []
    const writes = ['a', 'b'].map((text) => writer.write(Buffer.from(text)).then(() => order.push(text)))
    await pause(5); order.push('still'); go(); await writes[0]; go(); await writes[1]
    return [before < 6, reads < 40, source.destroyed, source.errored.message, written, order]`,
  readableErrors: `
    const failed = new Readable({ read() {} })
    const reader = Readable.toWeb(failed).getReader()
    failed.destroy(new RangeError('broken'))
    const closed = new Readable({ read() {} })
    const other = Readable.toWeb(closed).getReader()
    closed.destroy()
    const gone = new Readable({ read() {} }).on('error', () => {}); gone.destroy(new Error('before'))
    await pause(1)
    return [await caught(reader.read()), await caught(other.read()), await caught(Readable.toWeb(gone).getReader().read()),
      await caught(async () => Readable.toWeb({})), await caught(async () => Readable.toWeb(gone, 1)),
      await caught(async () => Readable.toWeb(gone, { type: 'text' }))]`,
  readableFromWeb: `
    const of = (...chunks) => new ReadableStream({ start(c) { for (const chunk of chunks) c.enqueue(chunk); c.close() } })
    const bytes = await collect(Readable.fromWeb(new Response('h\u00e9').body))
    let cancelled
    const endless = Readable.fromWeb(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(5)) }, cancel(reason) { cancelled = reason } }))
    for await (const chunk of endless) break
    const failing = Readable.fromWeb(new ReadableStream({ pull(c) { c.error(new RangeError('theirs')) } }))
    const controller = new AbortController()
    const signalled = Readable.fromWeb(new ReadableStream(), { signal: controller.signal })
    const ended = finished(signalled).catch((e) => e.name)
    controller.abort()
    return [Buffer.isBuffer(bytes[0]), String(bytes[0]), await collect(Readable.fromWeb(of('ab'), { encoding: 'hex' })),
      await collect(Readable.fromWeb(of({ a: 1 }, 2), { objectMode: true })), endless.destroyed, cancelled === undefined || cancelled?.name,
      await caught(collect(failing)), await ended, await caught(async () => Readable.fromWeb({})),
      await caught(async () => Readable.fromWeb(of(), { encoding: 'none' })), await caught(async () => Readable.fromWeb(of(), { objectMode: 1 }))]`,
  writableToWeb: `
    const seen = []
    const sink = new Writable({ write(chunk, _, done) { seen.push(String(chunk)); done() }, final(done) { seen.push('final'); done() } })
    await new Response('from a body').body.pipeTo(Writable.toWeb(sink))
    const views = []
    const web = Writable.toWeb(new Writable({ write(chunk, _, done) { views.push([...chunk]); done() } }))
    const writer = web.getWriter()
    await writer.write(new Uint8Array([1, 2]).buffer); await writer.write(new DataView(new ArrayBuffer(3), 1)); await writer.write('AB')
    await writer.close()
    const aborted = new Writable({ write() {} }).on('error', () => {})
    const first = Writable.toWeb(aborted).getWriter()
    const waits = caught(first.write(Buffer.alloc(1 << 20)))
    await pause(1); await caught(first.abort(new RangeError('stop')))
    const failing = Writable.toWeb(new Writable({ write(chunk, _, done) { done(new RangeError('full')) } })).getWriter()
    failing.closed.catch(() => {})
    await caught(failing.write('x'))
    await pause(1)
    const destroyed = new Writable({ write() {} }); destroyed.destroy()
    const own = new Writable({ write() {} }); const late = Writable.toWeb(own).getWriter(); own.destroy()
    return [seen, views, await waits, aborted.destroyed, await caught(failing.write('y')), await caught(failing.closed),
      await caught(Writable.toWeb(destroyed).getWriter().closed), await caught(late.closed), await caught(async () => Writable.toWeb(1))]`,
  writableFromWeb: `
    const seen = []
    const writable = Writable.fromWeb(new WritableStream({ write(chunk) { seen.push(typeof chunk === 'string' ? chunk : [...chunk]) }, close() { seen.push('close') } }))
    await pipeline(Readable.from(['a', 'b']), writable)
    const strings = Writable.fromWeb(new WritableStream({ write(chunk) { seen.push(chunk) } }), { decodeStrings: false })
    strings.write('text'); strings.cork(); strings.write('c'); strings.write('d'); strings.uncork()
    await new Promise((resolve) => strings.end(resolve))
    let reason
    const destroyed = Writable.fromWeb(new WritableStream({ abort(why) { reason = why.message } })).on('error', () => {})
    destroyed.destroy(new Error('mine')); await new Promise((resolve) => destroyed.once('close', resolve))
    const failing = Writable.fromWeb(new WritableStream({ write() { throw new RangeError('theirs') } }))
    const failure = new Promise((resolve) => failing.on('error', (e) => resolve(e.message)))
    failing.write('x')
    return [seen, reason, await failure, await caught(async () => Writable.fromWeb({})), await caught(async () => Writable.fromWeb(new WritableStream(), { decodeStrings: 1 }))]`,
  duplex: `
    const upper = new Transform({ transform(chunk, _, done) { done(null, String(chunk).toUpperCase()) } })
    const through = await new Response(new Response('shout').body.pipeThrough(Duplex.toWeb(upper))).text()
    const { readable, writable } = new TransformStream({ transform(chunk, c) { c.enqueue(new TextEncoder().encode(new TextDecoder().decode(chunk) + '!')) } })
    const duplex = Duplex.fromWeb({ readable, writable })
    const parts = []
    await pipeline(Readable.from(['x', 'y']), duplex, async (from) => { for await (const each of from) parts.push(String(each)) })
    const zipped = await new Response(new Response('zip zip').body.pipeThrough(Duplex.toWeb(zlib.createGzip())).pipeThrough(new DecompressionStream('gzip'))).text()
    const half = Duplex.toWeb(Object.assign(new Duplex({ write() {}, readable: false })))
    const unzipped = caught(new Response(new Response('no gzip').body.pipeThrough(Duplex.toWeb(zlib.createGunzip()))).text())
    return [through, parts, zipped, (await half.readable.getReader().read()).done, await unzipped,
      await caught(async () => Duplex.toWeb(new Readable())), await caught(async () => Duplex.fromWeb({ readable: new ReadableStream() }))]`,
}

beforeAll(async () => {
  zygote = await startZygote()
  const cases = Object.entries(CASES).map(([name, body]) => `${name}: async () => { ${body} }`)
  const source = `import { Duplex, Readable, Transform, Writable } from 'node:stream'
    import { finished, pipeline } from 'node:stream/promises'
    import zlib from 'node:zlib'
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
    const caught = (work) => Promise.resolve().then(() => typeof work === 'function' ? work() : work)
      .then(() => 'none', (e) => e.code ?? e.message)
    const collect = async (from) => { const all = []; for await (const each of from) all.push(each); return all }
    const cases = { ${cases.join(',\n')} }
    export default async (request) => Response.json((await cases[new URL(request.url).pathname.slice(1)]()) ?? null)`
  worker = await zygote.worker({ bundle: await bundleOf(source) })
})

afterAll(() => zygote.close())

const answer = (name: string) => worker.json(`/${name}`, { deadlineMs: 100_000 })

test('a Readable as a ReadableStream, also of bytes', async () => {
  expect(await answer('readableToWeb')).toEqual([
    ...[true, 'Uint8Array', 'one ', 'body', [{ a: 1 }, 'text'], ['ä'], []],
  ])
  expect(await answer('bytes')).toEqual(['abcd', 'ef', 0])
})

test('a stream in front of a slow one waits, and is destroyed when that is cancelled', async () => {
  expect(await answer('backpressure')).toEqual([
    ...[true, true, true, 'enough', ['a', 'b'], ['still', 'a', 'b']],
  ])
})

test('errors of a Readable, and of its arguments', async () => {
  expect(await answer('readableErrors')).toEqual([
    ...['broken', 'ABORT_ERR', 'before'],
    ...['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE'],
  ])
})

test('a ReadableStream as a Readable', async () => {
  expect(await answer('readableFromWeb')).toEqual([
    ...[true, 'hé', ['6162'], [{ a: 1 }, 2], true, 'AbortError', 'theirs', 'AbortError'],
    ...['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE', 'ERR_INVALID_ARG_TYPE'],
  ])
})

test('a Writable as a WritableStream', async () => {
  expect(await answer('writableToWeb')).toEqual([
    ['from a body', 'final'],
    [
      [1, 2],
      [0, 0],
      [65, 66],
    ],
    ...['stop', true, 'full', 'full', 'none', 'ABORT_ERR', 'ERR_INVALID_ARG_TYPE'],
  ])
})

test('a WritableStream as a Writable', async () => {
  expect(await answer('writableFromWeb')).toEqual([
    [[97], [98], 'close', 'text', 'c', 'd'],
    ...['mine', 'theirs', 'ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE'],
  ])
})

test('a Duplex as a pair of web streams, and a pair as a Duplex', async () => {
  expect(await answer('duplex')).toEqual([
    ...['SHOUT', ['x!', 'y!'], 'zip zip', true, 'Z_DATA_ERROR'],
    ...['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE'],
  ])
})
