import { describe, expect, test } from 'bun:test'
import { useTemplate } from './harness.ts'

const template = useTemplate()

type Run = () => unknown

/** What the worker logs when it runs this: a list of [level, message]. */
async function logged(run: Run): Promise<[string, string][]> {
  const worker = await template().worker({
    bundle: `export default async () => { await (${run})(); return new Response() }`,
  })
  const { logs, error } = await worker.invoke()
  worker.close()
  expect(error).toBeUndefined()
  return logs.map(({ level, message }) => [level, message])
}

const messages = async (run: Run) => (await logged(run)).map(([, message]) => message)

describe('console', () => {
  test('levels', async () => {
    const levels = await logged(() => {
      console.debug(1)
      console.log(2)
      console.info(3)
      console.warn(4)
      console.error(5)
      console.assert(true, 'not shown')
      console.assert(false, 'wrong %d', 6)
      console.assert(false)
    })
    expect(levels).toEqual([
      ['debug', '1'],
      ['info', '2'],
      ['info', '3'],
      ['warn', '4'],
      ['error', '5'],
      ['error', 'Assertion failed: wrong 6'],
      ['error', 'Assertion failed'],
    ])
  })

  test('format strings', async () => {
    expect(
      await messages(() => {
        console.log('%s is %d years and %i, %f', 'Al', 42, 3.9, '1.5x')
        console.log('%o %O %j %%', { a: 1 }, [1], { b: 2 })
        console.log('%cstyled%c', 'color: red', '', 'rest')
        console.log('100% %x %s')
        console.log('a', 'b', 1, null, undefined, true, 10n, -0, Symbol('s'))
        console.log()
        console.log('%s', Symbol('x'), '%s')
        console.log({ first: 1 }, '%s', 'x')
      }),
    ).toEqual([
      'Al is 42 years and 3, 1.5',
      '{ a: 1 } [ 1 ] {"b":2} %',
      'styled rest',
      '100% %x %s',
      'a b 1 null undefined true 10n -0 Symbol(s)',
      '',
      'Symbol(x) %s',
      '{ first: 1 } %s x',
    ])
  })

  test('objects of the language', async () => {
    expect(
      await messages(() => {
        class Point {
          x = 1
          #hidden = 2
          get sum() {
            return this.#hidden
          }
        }
        const cycle: Record<string, unknown> = { name: 'c' }
        cycle.self = cycle
        console.log({
          a: 'x',
          'b-c': [1, 'two'],
          [Symbol('k')]: null,
          f() {},
          get g() {
            return 1
          },
        })
        console.log(
          new Point(),
          Point,
          class extends Point {},
          () => {},
          function named() {},
        )
        console.log(new Map<unknown, unknown>([['k', { v: 1 }]]), new Set([1]), new WeakMap())
        console.log(
          Object.assign(new Array(4), { 0: 1, 3: 4 }),
          Object.assign([1], { extra: 2 }),
          new Uint8Array(3),
          new ArrayBuffer(2),
        )
        console.log(cycle)
        console.log(new Date(0), new Date(NaN), /a/g, Object(1), Object('s'))
        console.log(
          Promise.resolve(5),
          Promise.reject(new Error('x').name).catch(() => {}),
          Object.create(null),
        )
        console.log({ a: { b: { c: { d: { e: { f: 1 } } } } } })
        console.log([`it's`, 'say "hi"', 'new\nline'])
      }),
    ).toEqual([
      "{\n  a: 'x',\n  'b-c': [ 1, 'two' ],\n  f: [Function: f],\n  g: [Getter],\n  [Symbol(k)]: null\n}",
      'Point { x: 1 } [class Point] [class (anonymous) extends Point] [Function (anonymous)] [Function: named]',
      "Map(1) { 'k' => { v: 1 } } Set(1) { 1 } WeakMap { <items unknown> }",
      '[ 1, <2 empty items>, 4 ] [ 1, extra: 2 ] Uint8Array(3) [ 0, 0, 0 ] ArrayBuffer { byteLength: 2 }',
      "<ref *1> { name: 'c', self: [Circular *1] }",
      "1970-01-01T00:00:00.000Z Invalid Date /a/g [Number: 1] [String: 's']",
      'Promise { 5 } Promise { <pending> } [Object: null prototype] {}',
      '{ a: { b: { c: { d: { e: [Object] } } } } }',
      `[ "it's", 'say "hi"', 'new\\nline' ]`,
    ])
  })

  test('errors show their stack, cause and own properties', async () => {
    const [plain, nested, exception, aggregate] = await messages(() => {
      class HttpError extends Error {
        status = 404
      }
      console.log(new HttpError('gone', { cause: new TypeError('why') }))
      console.log({ error: new RangeError('in') })
      console.log(new DOMException('m', 'AbortError'))
      console.log(new AggregateError([new Error('one')], 'many'))
    })
    expect(plain).toMatch(/^HttpError: gone\n {4}at .*bundle\.js:\d+:\d+/)
    expect(plain).toContain('[cause]: TypeError: why')
    expect(plain).toContain('status: 404')
    expect(nested).toMatch(/^\{\n {2}error: RangeError: in\n/)
    expect(exception).toMatch(/^DOMException \[AbortError\]: m/)
    expect(aggregate).toContain('[errors]: [')
  })

  test('objects of the web', async () => {
    expect(
      await messages(() => {
        console.log(new Headers({ a: 'b' }), new URLSearchParams('c=d'))
        console.log(new Response('x', { status: 201 }))
        console.log(new Blob(['x'], { type: 'a/b' }), new AbortController().signal)
      }),
    ).toEqual([
      "Headers { 'a' => 'b' } URLSearchParams { 'c' => 'd' }",
      "Response {\n  status: 201,\n  statusText: '',\n  ok: true,\n  headers: Headers { 'content-type' => 'text/plain;charset=UTF-8' },\n  bodyUsed: false\n}",
      "Blob { type: 'a/b' } AbortSignal {}",
    ])
  })

  test('a CryptoKey shows what it is, and no secret', async () => {
    expect(
      await messages(async () => {
        const algorithm = { name: 'HMAC', hash: 'SHA-1' }
        const key = await crypto.subtle.importKey('raw', new Uint8Array([77]), algorithm, true, [
          'sign',
        ])
        console.log(key)
      }),
    ).toEqual([
      "CryptoKey {\n  type: 'secret',\n  extractable: true,\n  algorithm: { name: 'HMAC', hash: { name: 'SHA-1' }, length: 8 },\n  usages: [ 'sign' ]\n}",
    ])
  })

  test('no code of the bundle runs', async () => {
    expect(
      await messages(() => {
        const trap = () => {
          throw new Error('ran')
        }
        const handler = new Proxy({}, { get: trap })
        console.log(new Proxy({ a: 1 }, handler), [new Proxy([2], handler)])
        console.log({
          get a() {
            return trap()
          },
          toString: trap,
          toJSON: trap,
          inspect: trap,
        })
        console.log(
          Object.create({
            get constructor() {
              return trap()
            },
          }),
        )
        console.log(Object.setPrototypeOf({ b: 1 }, new Proxy({}, handler)))
        console.log({
          get [Symbol.toStringTag]() {
            return trap()
          },
        })
        const error = new Error('x')
        Object.defineProperty(error, 'message', { get: trap })
        Object.defineProperty(error, 'name', { get: trap })
        console.log(String(error instanceof Error), [error].length)
        const { proxy, revoke } = Proxy.revocable({}, {})
        revoke()
        console.log(proxy)
        console.table(new Proxy([{ a: 1 }], handler))
      }),
    ).toEqual([
      '{ a: 1 } [ [ 2 ] ]',
      '{\n  a: [Getter],\n  toString: [Function: trap],\n  toJSON: [Function: trap],\n  inspect: [Function: trap]\n}',
      '{}',
      '{ b: 1 }',
      '{ [Symbol(Symbol.toStringTag)]: [Getter] }',
      'true 1',
      '<Revoked Proxy>',
      '[ { a: 1 } ]',
    ])
  })

  test('long things end', async () => {
    const [array, text, wide, , million] = await messages(() => {
      console.log(Array.from({ length: 500 }, (_, i) => i))
      console.log(['x'.repeat(20000)])
      console.log(new Array(1e9))
      let deep: unknown = 1
      for (let i = 0; i < 1e5; i++) deep = { deep }
      console.log(deep)
      console.log(new Uint8Array(1e6))
      console.table(new Array(1e6).fill({ a: 1 }))
    })
    expect(array).toContain('... 400 more items')
    expect(text).toContain('... 10000 more characters')
    expect(wide).toContain('more items')
    expect(million).toContain('... 999900 more items')
  })

  test('groups, counts, timers, tables and traces', async () => {
    const lines = await messages(() => {
      console.group('outer')
      console.log('a\nb')
      console.groupCollapsed()
      console.log('c')
      console.groupEnd()
      console.groupEnd()
      console.groupEnd()
      console.log('d')
      console.count()
      console.count('x')
      console.count('x')
      console.countReset('x')
      console.count('x')
      console.countReset('none')
      console.time('t')
      console.time('t')
      console.timeLog('t', 'at', { a: 1 })
      console.timeEnd('t')
      console.timeEnd('t')
      console.table([{ a: 1, b: 'x' }, { a: 2 }])
      console.table(5)
      console.dir({ a: 1 })
      console.trace('here')
    })
    expect(lines.slice(0, 4)).toEqual(['outer', '  a\n  b', '    c', 'd'])
    expect(lines.slice(4, 9)).toEqual([
      'default: 1',
      'x: 1',
      'x: 2',
      'x: 1',
      "Count for 'none' does not exist",
    ])
    expect(lines[9]).toBe("Timer 't' already exists")
    expect(lines[10]).toMatch(/^t: \d+\.\d{3} ms at \{ a: 1 \}$/)
    expect(lines[11]).toMatch(/^t: \d+\.\d{3} ms$/)
    expect(lines[12]).toBe("Timer 't' does not exist")
    expect(lines[13]).toBe(
      [
        '┌─────────┬───┬─────┐',
        '│ (index) │ a │ b   │',
        '├─────────┼───┼─────┤',
        "│ 0       │ 1 │ 'x' │",
        '│ 1       │ 2 │     │',
        '└─────────┴───┴─────┘',
      ].join('\n'),
    )
    expect(lines.slice(14, 16)).toEqual(['5', '{ a: 1 }'])
    expect(lines[16]).toMatch(/^Trace: here\n {4}at .*bundle\.js/)
  })

  test('dir shows as many levels as its options ask for', async () => {
    const shown = await messages(() => {
      const deep = { a: { b: { c: { d: { e: { f: { g: 1 } } } } } } }
      console.dir(deep, { depth: 0 })
      console.dir(deep, { depth: 1, colors: true })
      console.dir(deep, { depth: null })
      console.dir(deep, { depth: Number.POSITIVE_INFINITY })
      console.dir({ a: { b: 1 } }, { depth: -1 })
      console.dir({ a: { b: 1 } }, null)
      const hostile = {
        get depth() {
          throw new Error('ran')
        },
      }
      console.dir({ a: 1 }, hostile)
      console.dir(
        { a: 1 },
        new Proxy({}, { getOwnPropertyDescriptor: () => undefined, get: () => hostile.depth }),
      )
      let endless: object = {}
      for (let i = 0; i < 5000; i++) endless = { endless }
      console.dir(endless, { depth: null })
    })
    expect(shown.slice(0, 2)).toEqual(['{ a: [Object] }', '{ a: { b: [Object] } }'])
    expect(shown[2]?.replace(/\s+/g, ' ')).toBe(
      '{ a: { b: { c: { d: { e: { f: { g: 1 } } } } } } }',
    )
    expect(shown[3]).toBe(shown[2] as string)
    expect(shown.slice(4, 8)).toEqual([
      '{ a: { b: 1 } }',
      '{ a: { b: 1 } }',
      '{ a: 1 }',
      '{ a: 1 }',
    ])
    expect(shown[8]).toContain('[Object]')
  })
})
