/** Node's modules and globals, bundled as a deployment does and run in the real worker. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash, createHmac } from 'node:crypto'
import { MISSING_GLOBALS } from '../../src/bundles/globals.ts'
import { bundleOf, startZygote, type TestZygote } from './node-harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

/** What a function of this source answers, as JSON. */
async function answer(source: string, env: Record<string, string> = {}): Promise<unknown> {
  const worker = await zygote.worker({ bundle: await bundleOf(source), env })
  try {
    return await worker.json()
  } finally {
    worker.close()
  }
}

describe('modules of Node', () => {
  test('path', async () => {
    const source = `import path, { join, posix } from 'node:path'
      import * as bare from 'path'
      export default () => Response.json([join('/a', '../b', 'c.txt'), path.extname('x.tar.gz'),
        posix.relative('/a/b', '/a/c'), bare.resolve('x'), path.parse('/d/e.f').name])`
    expect(await answer(source)).toEqual(['/b/c.txt', '.gz', '../c', '/x', 'e'])
  })

  test('events', async () => {
    const source = `import EventEmitter, { once, errorMonitor } from 'node:events'
      const Required = require('events')
      export default async () => {
        const said = []
        class Mine extends Required {}
        const emitter = new Mine()
        emitter.on('a', (x) => said.push(x)).once('a', (x) => said.push(-x))
        emitter.emit('a', 1); emitter.emit('a', 2)
        const waited = once(emitter, 'b'); emitter.emit('b', 3); said.push(...(await waited))
        emitter.on(errorMonitor, ({ message }) => said.push('seen ' + message))
        try { emitter.emit('error', new Error('bad')) } catch ({ message }) { said.push(message) }
        return Response.json([said, emitter instanceof EventEmitter, Required === EventEmitter])
      }`
    expect(await answer(source)).toEqual([[1, -1, 2, 3, 'seen bad', 'bad'], true, true])
  })

  test('buffer, and the global that a bundle names', async () => {
    const source = `import { Buffer as Imported, Blob as B, isUtf8 } from 'node:buffer'
      export default () => Response.json([Imported === Buffer, globalThis.Buffer === Buffer,
        Buffer.from('aGk=', 'base64').toString(), Buffer.from('hé').toString('hex'),
        Buffer.concat([Buffer.alloc(1, 65), Buffer.from([66])]).toString('latin1'),
        Buffer.from([1, 2]).readUInt16BE(0), Buffer.byteLength('é'), B === Blob,
        isUtf8(new Uint8Array([255]))])`
    expect(await answer(source)).toEqual([true, true, 'hi', '68c3a9', 'AB', 258, 2, true, false])
  })

  test('util, assert', async () => {
    const source = `import util, { inspect, promisify, isDeepStrictEqual } from 'util'
      import { isMap } from 'node:util/types'
      import assert, { AssertionError } from 'node:assert'
      import strict from 'node:assert/strict'
      export default async () => {
        const failed = []
        for (const check of [() => assert(0), () => strict.equal(1, '1'), () => assert.equal(1, '1'),
          () => assert.deepStrictEqual({ a: [1] }, { a: [1] }), () => assert.throws(() => {})]) {
          try { check(); failed.push(false) } catch (error) { failed.push(error instanceof AssertionError) }
        }
        const later = promisify((x, done) => done(null, x + 1))
        return Response.json([util.format('%s %d %j', 'a', 1, { b: 2 }), inspect({ a: [1, { b: 2 }] }),
          await later(1), isDeepStrictEqual({ a: 1 }, { a: 1 }), isDeepStrictEqual(1, 2),
          isMap(new Map()), util.stripVTControlCharacters('\\x1b[31mred\\x1b[0m'), failed])
      }`
    expect(await answer(source)).toEqual([
      'a 1 {"b":2}',
      '{ a: [ 1, { b: 2 } ] }',
      2,
      true,
      false,
      true,
      'red',
      [true, true, false, false, true],
    ])
  })

  test('url, querystring, string_decoder, stream', async () => {
    const source = `import url, { URL as U, fileURLToPath, domainToASCII } from 'node:url'
      import qs from 'node:querystring'
      import { StringDecoder } from 'node:string_decoder'
      import { Readable, Transform, pipeline } from 'node:stream'
      export default async () => {
        const decoder = new StringDecoder('utf8')
        const upper = new Transform({ transform(chunk, _, done) { done(null, String(chunk).toUpperCase()) } })
        const parts = []
        for await (const chunk of Readable.from(['a', 'b']).pipe(upper)) parts.push(String(chunk))
        return Response.json([U === URL, url.parse('http://a/b?c=d').query, fileURLToPath('file:///x/y'),
          domainToASCII('español.com'), qs.parse('a=1&a=2&b=%20'), qs.stringify({ c: ['x', 'y'] }),
          decoder.write(new Uint8Array([0xc3])) + decoder.write(new Uint8Array([0xa9])), parts.join('')])
      }`
    expect(await answer(source)).toEqual([
      true,
      'c=d',
      '/x/y',
      'xn--espaol-zwa.com',
      { a: ['1', '2'], b: ' ' },
      'c=x&c=y',
      'é',
      'AB',
    ])
  })

  test('crypto', async () => {
    const source = `import crypto, { createHash, createHmac, randomBytes, randomInt, randomUUID, timingSafeEqual } from 'node:crypto'
      export default () => {
        const hash = createHash('sha256').update('a').update(Buffer.from('b'))
        const copy = hash.copy().update('c')
        const failed = []
        for (const call of [() => hash.digest(), () => createHash('md4'), () => timingSafeEqual(Buffer.from('a'), Buffer.from('ab')),
          () => createHash('sha1').update({}), () => randomInt(5, 5)])
          try { call(); failed.push(null) } catch (error) { failed.push(error.code ?? error.name) }
        const numbers = Array.from({ length: 200 }, () => randomInt(-1, 2))
        return Response.json([copy.digest('hex'), createHash('SHA-512').update('é').digest('base64'),
          createHash('sha1').digest().length, createHmac('sha256', 'key').update('x', 'utf8').digest('base64url'),
          failed.slice(1), randomBytes(100000).length, new Set([randomUUID(), randomUUID()]).size,
          timingSafeEqual(Buffer.from('ab'), new Uint8Array([97, 98])), timingSafeEqual(Buffer.from('ab'), Buffer.from('ac')),
          [...new Set(numbers)].sort(), crypto.webcrypto === globalThis.crypto])
      }`
    expect(await answer(source)).toEqual([
      createHash('sha256').update('abc').digest('hex'),
      createHash('sha512').update('é').digest('base64'),
      20,
      createHmac('sha256', 'key').update('x').digest('base64url'),
      [
        'ERR_CRYPTO_INVALID_DIGEST',
        'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH',
        'ERR_INVALID_ARG_TYPE',
        'ERR_OUT_OF_RANGE',
      ],
      100_000,
      2,
      true,
      false,
      [-1, 0, 1],
      true,
    ])
  })

  test('require gives what Node gives', async () => {
    const source = `const { join } = require('node:path')
      const assert = require('assert')
      const util = require('util')
      export default async () => Response.json([join('a', 'b'), typeof assert, typeof util.inspect,
        typeof (await import('node:path')).sep])`
    expect(await answer(source)).toEqual(['a/b', 'function', 'function', 'string'])
  })
})

describe('globals of Node', () => {
  test('process has the function’s env, and is no Node', async () => {
    const source = `import imported from 'node:process'
      export default async () => {
        const order = []
        process.nextTick((x) => order.push(x), 'tick')
        setImmediate((x) => order.push(x), 'immediate')
        order.push('sync')
        await new Promise((resolve) => setTimeout(resolve, 5))
        process.env.MORE = 'x'
        process.env.NUMBER = 5
        process.env.GONE = 'x'; delete process.env.GONE
        const chain = process.on('x', () => order.push('on')).once('x', () => {}).setMaxListeners(3) === process
        process.emit('x')
        let code
        try { process.nextTick(5) } catch (error) { code = error.code }
        order.push(code, chain, process.removeAllListeners('x') === process)
        return Response.json([process.env, imported === process, process.versions.node ?? null, order,
          process.cwd(), typeof process.hrtime.bigint(), global === globalThis, process.env.NODE_ENV])
      }`
    expect(await answer(source, { TOKEN: 't' })).toEqual([
      { TOKEN: 't', MORE: 'x', NUMBER: '5' },
      true,
      null,
      ['sync', 'tick', 'immediate', 'on', 'ERR_INVALID_ARG_TYPE', true, true],
      '/',
      'bigint',
      true,
      'production',
    ])
  })

  test('are not there for a bundle that names none of them', async () => {
    const source = `export default () => Response.json(['Buffer', 'process', 'global', 'setImmediate']
      .filter((name) => name in globalThis))`
    expect(await answer(source)).toEqual([])
  })
})

describe('what is not there', () => {
  test('is undefined to who asks, and named to who uses it', async () => {
    const names = JSON.stringify(MISSING_GLOBALS)
    const uses = MISSING_GLOBALS.map((name) => `() => ${name}`)
    const bundle = `const uses = [${uses}], names = ${names}
      export default () => Response.json(names.map((name, i) => {
        try { uses[i](); return name + ' is there' } catch (error) { return error.name + ': ' + error.message }
      }))`
    const worker = await zygote.worker({ bundle })
    expect(await worker.json()).toEqual(
      MISSING_GLOBALS.map(
        (name) => `ReferenceError: ${name} is not defined: quickjs-ng functions do not have it`,
      ),
    )
    const probes = MISSING_GLOBALS.map((name) => `typeof ${name}`)
    const asking = await zygote.worker({
      bundle: `export default () => Response.json([${probes}, typeof nothing])`,
    })
    const all = (await asking.json()) as string[]
    expect(new Set(all)).toEqual(new Set(['undefined']))
  })

  test('is eval, in words that name the profile', async () => {
    const bundle = `const uses = [() => eval('1'), () => (0, eval)('1'), () => new Function('1')]
      export default () => Response.json(uses.map((use) => { try { use() } catch (e) { return e.message } }))`
    const worker = await zygote.worker({ bundle })
    expect(await worker.json()).toEqual(
      Array(3).fill("eval is not supported: the function's profile does not allow it"),
    )
  })

  test('a name of the tenant’s own stays as the engine says it', async () => {
    const worker = await zygote.worker({
      bundle:
        'export default () => { try { nothing } catch (e) { return new Response(e.message) } }',
    })
    expect((await worker.invoke()).text).toBe('nothing is not defined')
  })
})

describe('native modules', () => {
  test('are no way past the capabilities', async () => {
    const bundle = `export default async () => {
      const said = []
      for (const name of ['fn:web', 'fn:nothing', 'web.js', './primordials.js'])
        try { await import(name); said.push(name) } catch (error) { said.push(error.message) }
      return Response.json(said)
    }`
    const worker = await zygote.worker({ bundle })
    const why = 'a bundle must contain everything that it imports'
    expect(await worker.json()).toEqual(
      ['fn:web', 'fn:nothing', 'web.js', './primordials.js'].map(
        (name) => `cannot import '${name}': ${why}`,
      ),
    )
  })
})
