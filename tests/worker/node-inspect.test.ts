/** util.inspect shows what only the engine knows: promises, iterators, proxies, classes. */
import { expect, test } from 'bun:test'
import { useAnswers } from './node-answers.ts'

const answer = useAnswers()

const inspected = (source: string) =>
  answer(`import util, { inspect } from 'node:util'
    ${source}`)

test('promises, with their values and reasons', async () => {
  const source = `const failed = Promise.reject(new RangeError('no'))
    failed.catch(() => {})
    export default () => Response.json([
      inspect(Promise.resolve({ a: [1] })), inspect(new Promise(() => {})),
      inspect(failed).split('\\n')[0], inspect({ list: [Promise.resolve('x')] }),
      util.format('%o', Promise.resolve(1)).split('{')[0]])`
  expect(await inspected(source)).toEqual([
    'Promise { { a: [ 1 ] } }',
    'Promise { <pending> }',
    'Promise {',
    "{ list: [ Promise { 'x' } ] }",
    'Promise ',
  ])
})

test('iterators of Map and Set, which stay where they are', async () => {
  const source = `const map = new Map([['a', 1], ['b', { c: 2 }], ['d', 3]]), set = new Set([1, 'x'])
    const entries = map.entries(), done = set.values()
    entries.next(); map.delete('d')
    ;[...done]
    const gone = map.keys(); gone.next(); map.delete('a')
    export default () => Response.json([
      inspect(entries), inspect(map.keys()), inspect(map.values()), inspect(set.values()),
      inspect(set.entries()), inspect(done), inspect(gone), [...entries], [...gone]])`
  expect(await inspected(source)).toEqual([
    "[Map Entries] { [ 'b', { c: 2 } ] }",
    "[Map Iterator] { 'b' }",
    '[Map Iterator] { { c: 2 } }',
    "[Set Iterator] { 1, 'x' }",
    "[Set Entries] { [ 1, 1 ], [ 'x', 'x' ] }",
    '[Set Iterator] {  }',
    "[Map Iterator] { 'b' }",
    [['b', { c: 2 }]],
    ['b'],
  ])
})

test('proxies, without running their traps', async () => {
  const source = `let traps = 0
    const handler = new Proxy({}, { get() { traps++ } })
    const proxy = new Proxy({ a: 1 }, handler)
    const revoked = Proxy.revocable({}, {}); revoked.revoke()
    export default () => Response.json([inspect(proxy), inspect(new Proxy([1], {}), { showProxy: true }),
      inspect(revoked.proxy), inspect(new Proxy(class A {}, {})), traps])`
  expect(await inspected(source)).toEqual([
    'Proxy({ a: 1 })',
    'Proxy [ [ 1 ], {} ]',
    '<Revoked Proxy>',
    'Proxy([class A])',
    0,
  ])
})

test('classes and functions', async () => {
  const source = `class Base { static level = 1 }
    class Heir extends Base {}
    export default () => Response.json([Base, Heir, class {}, class extends Map {}, Map, Array, Object, Symbol,
      function named() {}, () => {}, async () => {}, function* () {}].map((one) => inspect(one)).concat(
      inspect(new Heir()), inspect({ Heir }), inspect(Object.getPrototypeOf(Uint8Array)), inspect(Promise)))`
  expect(await inspected(source)).toEqual([
    '[class Base] { level: 1 }',
    '[class Heir extends Base]',
    '[class (anonymous)]',
    '[class (anonymous) extends Map]',
    '[Function: Map]',
    '[Function: Array]',
    '[Function: Object]',
    '[Function: Symbol]',
    '[Function: named]',
    '[Function (anonymous)]',
    '[AsyncFunction (anonymous)]',
    '[GeneratorFunction (anonymous)]',
    'Heir {}',
    '{ Heir: [class Heir extends Base] }',
    '[Function: TypedArray]',
    '[Function: Promise]',
  ])
})
