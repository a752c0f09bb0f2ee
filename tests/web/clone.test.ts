import { inWorker } from './harness.ts'

inWorker({
  'primitives and their boxes': () => {
    for (const value of [undefined, null, true, 0, -0, NaN, Infinity, 10n ** 30n, '', '\ud800']) {
      same(structuredClone(value), value)
    }
    for (const value of [true, 3, 's', 4n]) {
      const box = structuredClone(Object(value))
      same([typeof box, box.valueOf()], ['object', value])
    }
    throws(() => structuredClone(Object(Symbol('s'))), 'DataCloneError')
  },
  'objects, arrays, and what they share': () => {
    const shared = { x: 1 }
    const value = {
      a: Object.assign(new Array(3), { 0: 1, 2: 3 }) as unknown[],
      b: shared,
      c: shared,
      'd e': null,
      5: undefined,
    }
    const clone = structuredClone(value) as typeof value
    same(clone, value)
    same(
      [clone.b === clone.c, clone.b === shared, 1 in clone.a, clone.a.length],
      [true, false, false, 3],
    )
    const cycle: Record<string, unknown> = { list: [] }
    ;(cycle.list as unknown[]).push(cycle)
    const copy = structuredClone(cycle) as { list: unknown[] }
    same(copy.list[0] === copy, true)
    const array = Object.assign([1], { extra: 2 })
    same((structuredClone(array) as typeof array).extra, 2)
  },
  'Map, Set, Date, RegExp': () => {
    const map = new Map<unknown, unknown>([[{ k: 1 }, new Set([1, [2]])]])
    map.set('self', map)
    const clone = structuredClone(map) as typeof map
    same([...clone.keys()][0], { k: 1 })
    same([...([...clone.values()][0] as Set<unknown>)], [1, [2]])
    same(clone.get('self') === clone, true)
    same(structuredClone(new Date(5)).getTime(), 5)
    same(structuredClone(new Date(NaN)).getTime(), NaN)
    const regexp = /a.b/giu
    regexp.lastIndex = 3
    const copy = structuredClone(regexp)
    same([copy.source, copy.flags, copy.lastIndex], ['a.b', 'giu', 0])
  },
  errors: () => {
    class Mine extends RangeError {}
    const error = structuredClone(Object.assign(new Mine('text', { cause: [1] }), { extra: 1 }))
    same([error.constructor === RangeError, error.message, error.cause], [true, 'text', [1]])
    same('extra' in error, false)
    const odd = new Error('x')
    odd.name = 'Odd'
    same(structuredClone(odd).name, 'Error')
    const exception = structuredClone(new DOMException('m', 'AbortError'))
    same([exception instanceof DOMException, exception.code, exception.message], [true, 20, 'm'])
  },
  'buffers and views': () => {
    const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer
    const value = {
      bytes: new Uint8Array(buffer, 1, 3),
      floats: new Float32Array(buffer),
      view: new DataView(buffer, 2, 4),
      buffer,
    }
    const clone = structuredClone(value)
    same([...clone.bytes], [2, 3, 4])
    same([clone.bytes.buffer === clone.buffer, clone.floats.buffer === clone.buffer], [true, true])
    same([clone.view.byteOffset, clone.view.byteLength, clone.buffer === buffer], [2, 4, false])
    const resizable = new ArrayBuffer(4, { maxByteLength: 16 })
    same(structuredClone(resizable).maxByteLength, 16)
    same(structuredClone(new Uint8Array(resizable)).length, 4)
  },
  'transfer moves a buffer': () => {
    const buffer = new Uint8Array([1, 2, 3]).buffer
    const view = new Uint8Array(buffer, 1)
    const moved = structuredClone({ view, buffer }, { transfer: [buffer] })
    same([buffer.byteLength, view.length], [0, 0])
    same([[...moved.view], moved.view.buffer === moved.buffer], [[2, 3], true])
    throws(() => structuredClone(buffer), 'DataCloneError')
    throws(() => structuredClone(1, { transfer: [buffer] }), 'DataCloneError')
    throws(() => structuredClone(view), 'DataCloneError')
    const other = new ArrayBuffer(1)
    throws(() => structuredClone(1, { transfer: [other, other] }), 'DataCloneError')
    throws(() => structuredClone(1, { transfer: [{} as never] }), 'DataCloneError')
    throws(() => structuredClone(() => {}, { transfer: [other] }), 'DataCloneError')
    same(other.byteLength, 1)
  },
  'blobs and files': async () => {
    const { blob, file } = structuredClone({
      blob: new Blob(['x'], { type: 'a/b' }),
      file: new File(['y'], 'n', { lastModified: 3 }),
    })
    same([blob instanceof Blob, blob.type, await blob.text()], [true, 'a/b', 'x'])
    same([file instanceof File, file.name, file.lastModified], [true, 'n', 3])
  },
  'what cannot be cloned': () => {
    const bad = [
      () => {},
      Symbol('s'),
      new WeakMap(),
      new WeakRef({}),
      Promise.resolve(),
      new Proxy({}, {}),
      new Headers(),
      new URL('http://x/'),
      new Request('http://x/'),
      new Response(),
      new Event('x'),
      new AbortController().signal,
      new FormData(),
      new ReadableStream(),
      [][Symbol.iterator](),
      (function* () {})(),
      globalThis.crypto,
    ]
    for (const value of bad) {
      const error = throws(() => structuredClone(value), 'DataCloneError')
      same([error.code, error instanceof DOMException], [25, true])
      throws(() => structuredClone({ deep: [value] }), 'DataCloneError')
    }
    // @ts-expect-error no arguments
    throws(() => structuredClone(), 'TypeError')
  },
  'prototypes, accessors and hidden properties': () => {
    class Point {
      x = 1
      get y() {
        return 2
      }
    }
    const clone = structuredClone(new Point())
    same([Object.getPrototypeOf(clone) === Object.prototype, { ...clone }], [true, { x: 1 }])
    const own = Object.defineProperty(
      {
        get seen() {
          return 3
        },
      },
      'hidden',
      { value: 4 },
    )
    const copy = Object.getOwnPropertyDescriptors(structuredClone(own))
    same([copy.seen?.value, 'hidden' in copy], [3, false])
    throws(
      () =>
        structuredClone({
          get bad() {
            throw new RangeError()
          },
        }),
      'RangeError',
    )
    const proto = structuredClone(JSON.parse('{"__proto__": {"polluted": 1}}'))
    same([Object.hasOwn(proto, '__proto__'), proto.polluted], [true, undefined])
  },
  depth: () => {
    let deep: unknown[] = []
    for (let i = 0; i < 10_000; i++) deep = [deep]
    let depth = 0
    for (let at = structuredClone(deep); at.length > 0; at = at[0] as unknown[]) depth++
    same(depth, 10_000)
    for (let i = 0; i < 20_000; i++) deep = [deep]
    throws(() => structuredClone(deep), 'RangeError')
  },
})
