/** node:zlib in the real worker: results that Node's own zlib reads and makes, its errors, and bombs. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import zlib from 'node:zlib'
import { bundleOf, startZygote, type TestZygote } from './node-harness.ts'
import type { TestWorker } from './test-worker.ts'

setDefaultTimeout(120_000)

const MB = 2 ** 20
let zygote: TestZygote
let worker: TestWorker
let bundle: Uint8Array

const COMMON = `import zlib from 'node:zlib'
  import { promisify } from 'node:util'
  import { Readable, Writable } from 'node:stream'
  import { pipeline } from 'node:stream/promises'
  const caught = (work) => { try { return work() } catch (e) { return { name: e.name, code: e.code, errno: e.errno, message: e.message } } }
  const failing = (start) => new Promise((resolve) => start((e) => resolve({ code: e?.code, errno: e?.errno, message: e?.message })))
  const text = 'hello '.repeat(5_000)
`
/** Bodies of functions by the path that runs them: one bundle and one worker for all of them. */
const CASES: Record<string, string> = {}

beforeAll(async () => {
  zygote = await startZygote()
  const cases = Object.entries(CASES).map(([name, body]) => `${name}: async () => { ${body} }`)
  bundle =
    await bundleOf(`${COMMON} const given = ${JSON.stringify(GIVEN)}; const cases = { ${cases.join(',\n')} }
    export default async (request) => Response.json((await cases[new URL(request.url).pathname.slice(1)]()) ?? null)`)
  worker = await zygote.worker({ bundle })
})

afterAll(() => zygote.close())

const DEADLINE = { deadlineMs: 100_000 }

function answer(name: string): Promise<unknown> {
  return worker.json(`/${name}`, DEADLINE)
}

const big = 'hello '.repeat(5_000)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const dictionary = 'hello hello'
const withDictionary = { dictionary: Buffer.from(dictionary) }
/** What Node's zlib made, for the worker to read. */
const GIVEN = {
  gzip: hex(zlib.gzipSync(big)),
  deflate: hex(zlib.deflateSync(big)),
  raw: hex(zlib.deflateRawSync(big)),
  cut: hex(zlib.gzipSync(big).subarray(0, 100)),
  dictionary,
  packed: hex(zlib.deflateSync('hello hello world', withDictionary)),
  rawPacked: hex(zlib.deflateRawSync('hello hello world', withDictionary)),
  bomb: hex(zlib.gzipSync(Buffer.alloc(64 * MB))),
}

CASES.sync = `
      const from = given
      const bytes = (name) => Buffer.from(from[name], 'hex')
      return {
        made: [zlib.gzipSync(text), zlib.deflateSync(text), zlib.deflateRawSync(text)].map((b) => b.toString('hex')),
        read: [zlib.gunzipSync(bytes('gzip')), zlib.inflateSync(bytes('deflate')), zlib.inflateRawSync(bytes('raw')),
          zlib.unzipSync(bytes('gzip')), zlib.unzipSync(bytes('deflate'))].map((b) => b.toString() === text),
        empty: zlib.gunzipSync(zlib.gzipSync('')).length,
        views: zlib.inflateSync(new DataView(zlib.deflateSync(new Uint16Array([1, 2])).slice().buffer)).length,
      }`
CASES.later = `
      const packed = await promisify(zlib.gzip)(text, { level: 9 })
      const back = await new Promise((resolve, reject) => zlib.gunzip(packed, (e, r) => e ? reject(e) : resolve(r)))
      const raw = await promisify(zlib.inflateRaw)(await promisify(zlib.deflateRaw)(text))
      const order = []
      await new Promise((resolve) => { zlib.deflate('x', () => { order.push('done'); resolve() }); order.push('called') })
      const { buffer, engine } = await promisify(zlib.unzip)(packed, { info: true })
      return [back.toString() === text, raw.toString() === text, order, buffer.length, engine.bytesWritten === packed.length,
        zlib.inflateSync(zlib.deflateSync('ab'), { info: true }).engine instanceof zlib.Inflate]`
CASES.streams = `
      const parts = []
      await pipeline(Readable.from(['a', text, 'b'], { objectMode: false }), zlib.createGzip({ chunkSize: 64 }), zlib.createGunzip(),
        new Writable({ highWaterMark: 1, write(chunk, _, done) { parts.push(chunk); setTimeout(done, 0) } }))
      const flushed = await new Promise((resolve) => {
        const engine = zlib.createDeflate()
        const seen = []
        engine.on('data', (chunk) => seen.push(chunk))
        engine.write('first')
        engine.flush(() => resolve(zlib.inflateSync(Buffer.concat(seen), { finishFlush: zlib.constants.Z_SYNC_FLUSH }).toString()))
      })
      const changed = await new Promise((resolve, reject) => {
        const engine = zlib.createDeflate({ level: 0 })
        const seen = []
        engine.on('data', (chunk) => seen.push(chunk)).on('error', reject)
        engine.on('end', () => resolve(zlib.inflateSync(Buffer.concat(seen)).toString() === text + text))
        engine.write(text, () => engine.params(9, zlib.constants.Z_DEFAULT_STRATEGY, () => engine.end(text)))
      })
      let bytewise = ''
      const slow = zlib.createUnzip()
      slow.on('data', (chunk) => { bytewise += chunk })
      for (const byte of zlib.gzipSync('one by one')) slow.write(Buffer.from([byte]))
      slow.end()
      await new Promise((resolve) => slow.on('end', resolve))
      return [Buffer.concat(parts).toString() === 'a' + text + 'b', flushed, changed, bytewise]`
CASES.options = `
      const dictionary = Buffer.from(given.dictionary)
      const sizes = [0, 1, 9].map((level) => zlib.deflateSync(text, { level }).length)
      return {
        sizes,
        header: [9, 12, 15].map((windowBits) => zlib.deflateSync('x', { windowBits })[0] >> 4),
        strategy: zlib.deflateSync(text, { strategy: zlib.constants.Z_HUFFMAN_ONLY }).length,
        memLevel: zlib.inflateSync(zlib.deflateSync(text, { memLevel: 1 })).length,
        read: zlib.inflateSync(Buffer.from(given.packed, 'hex'), { dictionary }).toString(),
        raw: zlib.inflateRawSync(Buffer.from(given.rawPacked, 'hex'), { dictionary }).toString(),
        made: zlib.deflateSync('hello hello world', { dictionary }).toString('hex'),
        chunks: await new Promise((resolve) => {
          let n = 0
          zlib.createInflate({ chunkSize: 10_000 }).on('data', () => n++).on('end', () => resolve(n)).end(zlib.deflateSync(text))
        }),
      }`
CASES.members = `
      const two = Buffer.concat([zlib.gzipSync('one'), zlib.gzipSync('two')])
      const long = Buffer.concat(Array(40_000).fill(zlib.gzipSync('abc')))
      const padded = Buffer.concat([zlib.gzipSync('one'), Buffer.alloc(10)])
      const garbage = Buffer.concat([zlib.gzipSync('one'), Buffer.alloc(10, 7)])
      return [zlib.gunzipSync(two).toString(), zlib.unzipSync(two).toString(), zlib.gunzipSync(long).length,
        zlib.gunzipSync(padded).toString(), caught(() => zlib.gunzipSync(garbage)).code,
        zlib.inflateSync(Buffer.concat([zlib.deflateSync('x'), Buffer.from('rest')])).toString(),
        (await promisify(zlib.gunzip)(two)).toString()]`
CASES.sums = `
      return [zlib.crc32('hello'), zlib.crc32(Buffer.from('llo'), zlib.crc32('he')), zlib.crc32(''),
        zlib.constants.Z_BEST_COMPRESSION, zlib.Z_BEST_SPEED, zlib.codes.Z_DATA_ERROR, zlib.codes['-5'],
        zlib.constants.BROTLI_PARAM_QUALITY, Object.isFrozen(zlib.constants)]`
CASES.classes = `
      function Mine(options) { if (!(this instanceof Mine)) return new Mine(options); zlib.Inflate.call(this, options) }
      Object.setPrototypeOf(Mine.prototype, zlib.Inflate.prototype)
      const mine = Mine()
      const packed = zlib.deflateSync('inherited')
      const engine = zlib.Deflate()
      const out = Buffer.alloc(100)
      engine._handle.writeSync(zlib.constants.Z_FINISH, Buffer.from('raw handle'), 0, 10, out, 0, 100)
      const [left, input] = engine._writeState
      return [mine._processChunk(packed, zlib.constants.Z_FINISH).toString(), mine instanceof zlib.Inflate,
        engine instanceof zlib.Deflate, input, zlib.inflateSync(out.subarray(0, 100 - left)).toString()]`
CASES.codes = `
      const of = (work) => { const { code, errno, message } = caught(work); return { code, errno, message } }
      const cut = Buffer.from(given.cut, 'hex')
      const dict = zlib.deflateSync('x', { dictionary: Buffer.from('abc') })
      return [of(() => zlib.inflateSync('garbage')), of(() => zlib.gunzipSync(cut)), of(() => zlib.inflateRawSync('garbage')),
        of(() => zlib.inflateSync(dict)), of(() => zlib.inflateSync(dict, { dictionary: Buffer.from('other') })),
        of(() => zlib.inflateSync(''))]`
CASES.arguments_ = `
      return [() => zlib.gzipSync(5), () => zlib.gzipSync(), () => zlib.createGzip({ level: 10 }), () => zlib.createGzip({ level: 'a' }),
        () => zlib.createGzip({ windowBits: 8 }), () => zlib.createDeflate({ memLevel: 0 }), () => zlib.createGzip({ chunkSize: 10 }),
        () => zlib.createGzip({ strategy: 9 }), () => zlib.createInflate({ dictionary: 'text' }), () => zlib.gzip('x'),
        () => zlib.createGzip({ flush: Infinity }), () => zlib.createGzip({ maxOutputLength: 0 }), () => zlib.crc32(1),
        () => zlib.crc32('x', -1)].map((work) => caught(work).code)`
CASES.reports = `
      let events = 0
      const stream = zlib.createGunzip().on('error', () => events++)
      const closed = new Promise((resolve) => stream.on('close', resolve))
      stream.end('not gzip'); await closed
      const afterClose = zlib.createGzip(); afterClose.close()
      return [await failing((done) => zlib.gunzip('garbage', done)), events, stream.destroyed, afterClose._closed,
        await failing((done) => zlib.createInflate().on('error', done).end(zlib.deflateSync(text).subarray(0, 50)))]`
CASES.brotli = `return [caught(() => zlib.brotliCompressSync('x')), caught(() => zlib.createBrotliDecompress())]
      .map(({ code, message }) => code + ': ' + message)`
CASES.bombs = `
      const packed = Buffer.from(given.bomb, 'hex')
      const message = (e) => e.code + ': ' + e.message
      return [message(caught(() => zlib.gunzipSync(packed, { maxOutputLength: 1_000_000 }))),
        message(await failing((done) => zlib.unzip(packed, { maxOutputLength: 10 }, done))),
        zlib.gunzipSync(zlib.gzipSync('12345'), { maxOutputLength: 5 }).length]`
CASES.reader = `
      const engine = zlib.createGunzip()
      engine.end(Buffer.from(given.bomb, 'hex'))
      await new Promise((resolve) => engine.once('readable', resolve))
      await new Promise((resolve) => setTimeout(resolve, 50))
      return engine.readableLength <= 64 * 1024`
CASES.lies = `
      const handle = zlib.createDeflate()._handle
      const same = Buffer.alloc(100)
      const evil = { get level() { delete this.level; return this.reads = (this.reads ?? 0) + 1 }, get chunkSize() { return { valueOf() { throw new RangeError('mine') } } } }
      const gone = new ArrayBuffer(100)
      const view = new Uint8Array(gone)
      structuredClone(gone, { transfer: [gone] })
      const closed = zlib.createInflate()
      const kept = closed._handle
      closed.close()
      await new Promise((resolve) => closed.on('close', resolve))
      Object.prototype.level = 99
      const polluted = caught(() => zlib.gzipSync('x')).code
      delete Object.prototype.level
      return [() => handle.writeSync(0, same, 0, 100, same, 0, 100), () => handle.writeSync(0, same, 90, 100, Buffer.alloc(10), 0, 10),
        () => handle.writeSync(0, same, 0, 10, Buffer.alloc(10), 5, 2 ** 32 - 1), () => handle.writeSync(0, view, 0, 100, same, 0, 100),
        () => handle.writeSync(0, same, -1, 5, Buffer.alloc(10), 0, 10), () => zlib.createGzip(evil),
        () => kept.writeSync(0, same, 0, 1, Buffer.alloc(10), 0, 10), () => kept.close(), () => closed.reset(),
        () => zlib.gzipSync(view).length]
        .map((work) => { const found = caught(work); return found?.name ?? found ?? 'nothing' }).concat(polluted ?? 'unharmed')`
CASES.explode = `return zlib.gunzipSync(Buffer.from(given.bomb, 'hex')).length`
CASES.endlessSync = `const packed = zlib.gzipSync(Buffer.alloc(4_000_000))
  for (;;) zlib.deflateSync(zlib.gunzipSync(packed, { chunkSize: 1_000_000 }), { level: 9, chunkSize: 1e6 })`
CASES.endlessStream = `for (;;) await new Promise((resolve) =>
  zlib.createGunzip().on('data', () => {}).on('end', resolve).end(Buffer.from(given.bomb, 'hex')))`

describe('results', () => {
  test('the synchronous forms make and read what Node makes and reads', async () => {
    const result = (await answer('sync')) as {
      made: string[]
      read: boolean[]
      empty: number
      views: number
    }
    const [gzip, deflate, raw] = result.made.map((each) => Buffer.from(each, 'hex'))
    expect(zlib.gunzipSync(gzip as Buffer).toString()).toBe(big)
    expect(zlib.inflateSync(deflate as Buffer).toString()).toBe(big)
    expect(zlib.inflateRawSync(raw as Buffer).toString()).toBe(big)
    expect(result.read).toEqual([true, true, true, true, true])
    expect([result.empty, result.views]).toEqual([0, 4])
  })

  test('the forms with callbacks and promises', async () => {
    const result = await answer('later')
    expect(result).toEqual([true, true, ['called', 'done'], big.length, true, true])
  })

  test('streams: in pieces, with flush, params, reset and a slow reader', async () => {
    const result = await answer('streams')
    expect(result).toEqual([true, 'first', true, 'one by one'])
  })

  test('options change the result as in Node', async () => {
    const result = (await answer('options')) as Record<string, unknown>
    expect(result).toMatchObject({
      header: [1, 4, 7],
      memLevel: big.length,
      read: 'hello hello world',
      raw: 'hello hello world',
      chunks: 3,
    })
    const [none, fast, best] = result.sizes as number[]
    expect(none as number).toBeGreaterThan(big.length)
    expect(best as number).toBeLessThanOrEqual(fast as number)
    const made = Buffer.from(result.made as string, 'hex')
    expect(zlib.inflateSync(made, withDictionary).toString()).toBe('hello hello world')
    expect(result.strategy as number).toBe(
      zlib.deflateSync(big, { strategy: zlib.constants.Z_HUFFMAN_ONLY }).length,
    )
  })

  test('several members, padding and garbage after gzip', async () => {
    const result = await answer('members')
    expect(result).toEqual(['onetwo', 'onetwo', 120_000, 'one', 'Z_DATA_ERROR', 'x', 'onetwo'])
  })

  test('crc32, constants and codes', async () => {
    const result = await answer('sums')
    const crc = zlib.crc32('hello')
    expect(result).toEqual([crc, crc, 0, 9, 1, -3, 'Z_BUF_ERROR', 1, true])
  })

  test('classes without new, inherited, and with a handle as packages use it', async () => {
    const result = await answer('classes')
    expect(result).toEqual(['inherited', true, true, 0, 'raw handle'])
  })
})

describe('errors', () => {
  test('codes and messages are those of Node', async () => {
    const node = (work: () => unknown) => {
      try {
        work()
        return undefined
      } catch (error) {
        const { code, errno, message } = error as Error & { code: string; errno: number }
        return { code, errno, message }
      }
    }
    const result = await answer('codes')
    const dictionary = { code: 'Z_NEED_DICT', errno: 2 }
    expect(result).toEqual([
      node(() => zlib.inflateSync('garbage')),
      { code: 'Z_BUF_ERROR', errno: -5, message: 'unexpected end of file' },
      node(() => zlib.inflateRawSync('garbage')),
      { ...dictionary, message: 'Missing dictionary' },
      { ...dictionary, message: 'Bad dictionary' },
      { code: 'Z_BUF_ERROR', errno: -5, message: 'unexpected end of file' },
    ])
  })

  test('wrong arguments and options', async () => {
    const result = await answer('arguments_')
    const [type, range] = ['ERR_INVALID_ARG_TYPE', 'ERR_OUT_OF_RANGE']
    expect(result).toEqual([
      ...[type, type, range, type, range, range, range, range, type, type, range, range, type],
      range,
    ])
  })

  test('streams and callbacks report them, once', async () => {
    const result = await answer('reports')
    expect(result).toEqual([
      { code: 'Z_DATA_ERROR', errno: -3, message: 'incorrect header check' },
      1,
      true,
      true,
      { code: 'Z_BUF_ERROR', errno: -5, message: 'unexpected end of file' },
    ])
  })

  test('Brotli says that it is not available', async () => {
    const result = await answer('brotli')
    expect(result).toEqual([
      'ERR_METHOD_NOT_IMPLEMENTED: zlib.brotliCompressSync is not available in quickjs-ng functions',
      'ERR_METHOD_NOT_IMPLEMENTED: zlib.createBrotliDecompress is not available in quickjs-ng functions',
    ])
  })
})

describe('hostile data', () => {
  test('a bomb ends at maxOutputLength', async () => {
    const result = await answer('bombs')
    expect(result).toEqual([
      'ERR_BUFFER_TOO_LARGE: Cannot create a Buffer larger than 1000000 bytes',
      'ERR_BUFFER_TOO_LARGE: Cannot create a Buffer larger than 10 bytes',
      5,
    ])
  })

  test('a bomb without it ends at the memory limit of the function', async () => {
    const small = await zygote.worker({ bundle, limits: { memory_bytes: 32 * MB } })
    const { error } = await small.invoke({ url: 'http://localhost/explode', ...DEADLINE })
    expect(error?.code).toBe('MEMORY_LIMIT')
  })

  test('endless work ends at the CPU limit', async () => {
    for (const name of ['endlessSync', 'endlessStream']) {
      const slow = await zygote.worker({ bundle })
      const { error } = await slow.invoke({
        url: `http://localhost/${name}`,
        cpuMs: 300,
        ...DEADLINE,
      })
      expect(error?.code).toBe('CPU_LIMIT')
    }
  })

  test('a reader that stops, stops the work', async () => {
    const result = await answer('reader')
    expect(result).toBe(true)
  })

  test('handles, buffers and options that lie', async () => {
    const result = await answer('lies')
    expect(result).toEqual([
      ...['TypeError', 'RangeError', 'RangeError', 'RangeError', 'RangeError', 'TypeError'],
      ...['TypeError', 'nothing', 'TypeError', 'TypeError', 'unharmed'],
    ])
  })
})
