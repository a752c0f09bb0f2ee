/** The engine's messages name what failed, in V8's words. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { at, startCases } from './cases.ts'
import { startZygote, type TestZygote } from './harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

const VALUES = `
  const x = { y: {}, list: [1], getName: () => ({}) }
  const nothing = undefined, none = null, key = 'kk', mark = Symbol('mark')
  class Base {}
  class Heir extends Base { #own; callSuper() { super.missing() } callPrivate() { this.#own() } callField() { this.field() } }
`

/** The message of what each statement throws. */
async function messages(statements: string[]): Promise<Record<string, string>> {
  const code = statements.map((statement) => [
    statement,
    `async (argument) => { try { ${statement} } catch (error) { return new Response(error.name + ': ' + error.message) }
      return new Response('nothing was thrown') }`,
  ])
  const worker = await startCases(zygote, Object.fromEntries(code), VALUES)
  const found: Record<string, string> = {}
  for (const statement of statements) {
    found[statement] = (await worker.invoke(at(statement))).text
  }
  return found
}

async function expectMessages(name: string, wanted: Record<string, string>): Promise<void> {
  const named = Object.entries(wanted).map(([statement, message]) => [
    statement,
    `${name}: ${message}`,
  ])
  expect(await messages(Object.keys(wanted))).toEqual(Object.fromEntries(named))
}

describe('a message', () => {
  test('names what is no function', async () => {
    await expectMessages('TypeError', {
      'x.y.z()': 'x.y.z is not a function',
      'nothing()': 'nothing is not a function',
      'x.y.z(1, 2, x ? key : none)': 'x.y.z is not a function',
      'x.y.z(...x.list)': 'x.y.z is not a function',
      'x.y?.z(nothing ?? 1)': 'x.y.z is not a function',
      'x.list[0]()': 'x.list[0] is not a function',
      'x[key]()': 'x[key] is not a function',
      'x[x.y.k]()': 'x[x.y.k] is not a function',
      "x['a b']()": 'x.a b is not a function',
      'x.getName()()': 'x.getName(...) is not a function',
      'x.getName().first()': 'x.getName(...).first is not a function',
      'x.y.toString().trim().fly()': 'x.y.toString(...).trim(...).fly is not a function',
      'new Base().fly()': '(intermediate value).fly is not a function',
      '(nothing || none)()': 'null is not a function',
      'x.y.tag`text`': 'x.y.tag is not a function',
      'new Heir().callSuper()': '(intermediate value).missing is not a function',
      'new Heir().callPrivate()': 'this.#own is not a function',
      'new Heir().callField()': 'this.field is not a function',
      'const local = {}; local.run()': 'local.run is not a function',
      'argument.fly()': 'argument.fly is not a function',
      'JSON.format(1)': 'JSON.format is not a function',
      'globalThis.absent()': 'globalThis.absent is not a function',
      '5()': '5 is not a function',
      '"text"()': '"text" is not a function',
      'const { a = x.y.z() } = {}': 'x.y.z is not a function',
      'await x.y.z()': 'x.y.z is not a function',
      'for (const v of [1]) x.each(v)': 'x.each is not a function',
    })
  })

  test('says it in the words of V8', async () => {
    await expectMessages('TypeError', {
      'mark + 1': 'Cannot convert a Symbol value to a number',
      'Math.max(mark)': 'Cannot convert a Symbol value to a number',
      '`${mark}`': 'Cannot convert a Symbol value to a string',
      '[mark].join()': 'Cannot convert a Symbol value to a string',
      '+1n': 'Cannot convert a BigInt value to a number',
      'Math.max(1n)': 'Cannot convert a BigInt value to a number',
      'key = 1': 'Assignment to constant variable.',
      'const local = 1; local++': 'Assignment to constant variable.',
      'Object.freeze({}).a = 1': 'Cannot add property a, object is not extensible',
      'Object.freeze({ a: 1 }).a = 2': "Cannot assign to read only property 'a' of object",
      '({ get a() { return 1 } }).a = 2':
        'Cannot set a property of #<Object> which has only a getter',
      'Base()': "Class constructor Base cannot be invoked without 'new'",
      'class Other extends nothing {}':
        'Class extends value undefined is not a constructor or null',
      'const a = {}; a.a = a; JSON.stringify(a)': 'Converting circular structure to JSON',
      'JSON.stringify([1n])': 'Do not know how to serialize a BigInt',
      '[].reduce((a) => a)': 'Reduce of empty array with no initial value',
      '`${Object.create(null)}`': 'Cannot convert object to primitive value',
      'const a = {}; Object.setPrototypeOf(a, Object.create(a))': 'Cyclic __proto__ value',
      'const { a } = undefined':
        "Cannot destructure property 'a' of 'undefined' as it is undefined.",
      'const { a: { b } } = x.list':
        "Cannot destructure property 'b' of 'x.list.a' as it is undefined.",
      '(({ a }) => a)(null)': "Cannot destructure property 'a' of 'null' as it is null.",
    })
    await expectMessages('RangeError', {
      'new Array(-1)': 'Invalid array length',
      'new Date(NaN).toISOString()': 'Invalid time value',
    })
  })

  test('names what a built-in could not call', async () => {
    await expectMessages('TypeError', {
      '[1].map(nothing)': 'undefined is not a function',
      '[1].forEach({})': '#<Object> is not a function',
      '[1].filter(new Base())': '#<Base> is not a function',
      '[1].some(mark)': 'Symbol(mark) is not a function',
      'new Promise(1)': '1 is not a function',
    })
  })

  test('names what is no constructor', async () => {
    await expectMessages('TypeError', {
      'new x()': 'x is not a constructor',
      'new x.y.z(1)': 'x.y.z is not a constructor',
      'new x.y.z(...x.list)': 'x.y.z is not a constructor',
      'new nothing': 'nothing is not a constructor',
      'new x.getName()': 'x.getName is not a constructor',
    })
  })

  test('names the property of undefined and null', async () => {
    await expectMessages('TypeError', {
      'nothing.foo': "Cannot read properties of undefined (reading 'foo')",
      'none.foo()': "Cannot read properties of null (reading 'foo')",
      'x.y.z.w': "Cannot read properties of undefined (reading 'w')",
      'nothing[key]': "Cannot read properties of undefined (reading 'kk')",
      'nothing[0]': "Cannot read properties of undefined (reading '0')",
      'nothing[mark]': "Cannot read properties of undefined (reading 'Symbol(mark)')",
      'nothing.foo = 1': "Cannot set properties of undefined (setting 'foo')",
      'none[key] = 1': "Cannot set properties of null (setting 'kk')",
    })
  })

  test('names what cannot be destructured or iterated', async () => {
    await expectMessages('TypeError', {
      'const { a } = nothing': "Cannot destructure property 'a' of 'nothing' as it is undefined.",
      'const { a } = x.y.z': "Cannot destructure property 'a' of 'x.y.z' as it is undefined.",
      'const {} = none': "Cannot destructure 'none' as it is null.",
      'const [a] = x.y': 'x.y is not iterable',
      'const [a] = nothing': 'nothing is not iterable',
      'for (const a of x.y.z);': 'x.y.z is not iterable',
      'for await (const a of x.y);': 'x.y is not iterable',
      '[...none]': 'none is not iterable',
      'new Set(5)': 'number 5 is not iterable',
    })
  })

  test('names the variable that is used too early', async () => {
    await expectMessages('ReferenceError', {
      'early; let early': "Cannot access 'early' before initialization",
      'new Late(); class Late {}': "Cannot access 'Late' before initialization",
      'const f = () => late; f(); const late = 1': "Cannot access 'late' before initialization",
    })
  })

  test('names the pattern of a regular expression', async () => {
    await expectMessages('SyntaxError', {
      "new RegExp('(')": "Invalid regular expression: /(/: expecting ')'",
      "new RegExp('(', 'u')": "Invalid regular expression: /(/u: expecting ')'",
      "RegExp('a**', 'gi')": 'Invalid regular expression: /a**/gi: nothing to repeat',
      "'a'.match('[b')": 'Invalid regular expression: /[b/: unexpected end',
      "new RegExp('é'.repeat(200) + '(')": `Invalid regular expression: /${'é'.repeat(75)}.../: expecting ')'`,
      "new RegExp('a', 'zz')": "Invalid flags supplied to RegExp constructor 'zz'",
    })
  })
})

describe('hostile calls', () => {
  test('give a message, and none takes long', async () => {
    const wide = `x.${'property'.repeat(40)}()`
    const deep = `x${'.y'.repeat(3)}.getName${'()'.repeat(200)}.z()`
    const long = `x.y.z(${Array.from({ length: 2000 }, (_, i) => `x.y && ${i}`).join(', ')})`
    const statements = [
      wide,
      deep,
      long,
      `${'x.y;'.repeat(20_000)} x.y.z()`,
      `new Proxy({}, { get() { for (;;); } })()`,
      `Object.defineProperty(() => {}, 'name', { get() { for (;;); } }).x()`,
      `new (Object.defineProperty(() => {}, 'name', { value: 'n'.repeat(1e6) }))()`,
      `[1].map({ constructor: { get name() { for (;;); } } })`,
      `[1].map({ constructor: Object.defineProperty(() => {}, 'name', { value: 'n'.repeat(1e6) }) })`,
      `[1].map('s'.repeat(1e6))`,
      `const o = {}; o['\\ud800']()`,
      `let n = 0; for (let i = 0; i < 1e4; i++) try { x.y.z() } catch { n++ }; x.y.z(n)`,
    ]
    for (const [statement, message] of Object.entries(await messages(statements))) {
      expect([statement, message.slice(0, 10)]).toEqual([statement, 'TypeError:'])
      expect(message.length).toBeLessThan(300)
    }
  })
})
