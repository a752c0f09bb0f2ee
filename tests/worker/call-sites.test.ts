/** Error.prepareStackTrace and the call sites that it gets. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { at, startCases } from './cases.ts'
import { startZygote, type TestZygote } from './harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

const PRELUDE = `
  const GETTERS = ['getTypeName', 'getFunctionName', 'getMethodName', 'getFileName', 'getEvalOrigin', 'getThis',
    'getFunction', 'isToplevel', 'isEval', 'isNative', 'isConstructor', 'isAsync', 'isPromiseAll', 'getPromiseIndex']
  const sites = (make) => {
    Error.prepareStackTrace = (error, sites) => sites
    try { return make().stack } finally { Error.prepareStackTrace = undefined }
  }
  const first = (make) => {
    const site = sites(make)[0]
    const found = { text: site.toString() }
    for (const getter of GETTERS) { const value = site[getter](); if (value !== undefined) found[getter] = value }
    return found
  }
  const made = () => new Error('x')
  const object = { method() { return new Error('x') }, renamed: function inner() { return new Error('x') },
    get value() { return new Error('x') } }
  class Shape { constructor() { this.error = new Error('x') } area() { return new Error('x') }
    static make() { return new Error('x') } #secret() { return new Error('x') } open() { return this.#secret() } }
  class Square extends Shape {}
`

async function run(code: Record<string, string>, allowEval = false) {
  const cases = Object.entries(code).map(([name, body]) => [
    name,
    `async () => Response.json({ value: await (${body})() })`,
  ])
  const options = { capabilities: { allowEval } }
  const worker = await startCases(zygote, Object.fromEntries(cases), PRELUDE, options)
  const found: Record<string, unknown> = {}
  for (const name of Object.keys(code)) {
    const { text, error } = await worker.invoke(at(name))
    expect([name, error]).toEqual([name, undefined])
    found[name] = (JSON.parse(text) as { value?: unknown }).value
  }
  return found
}

const PLACE = expect.stringMatching(/^bundle\.js:\d+:\d+$/)
const named = (text: string) =>
  expect.stringMatching(new RegExp(`^${text} \\(bundle\\.js:\\d+:\\d+\\)$`))
const plain = {
  getFileName: 'bundle.js',
  isToplevel: false,
  isEval: false,
  isNative: false,
  isConstructor: false,
  isAsync: false,
  isPromiseAll: false,
  getPromiseIndex: null,
}
const method = (type: string, name: string | null, property: string | null, text: string) => ({
  ...plain,
  text: named(text),
  getTypeName: type,
  getFunctionName: name,
  getMethodName: property,
})

describe('call sites', () => {
  test('say what V8 documents', async () => {
    const found = await run({
      function: `() => first(made)`,
      anonymous: `() => first((() => () => new Error('x'))())`,
      method: `() => first(() => object.method())`,
      renamed: `() => first(() => object.renamed())`,
      getter: `() => first(() => object.value)`,
      constructor: `() => first(() => new Shape().error)`,
      static: `() => first(() => Shape.make())`,
      inherited: `() => first(() => new Square().area())`,
      private: `() => first(() => new Shape().open())`,
      borrowed: `() => first(() => object.method.call('text'))`,
      'of a proxy': `() => first(() => object.method.call(new Proxy({}, { get() { for (;;); } })))`,
    })
    expect(found).toEqual({
      function: { ...method(null as never, 'made', null, 'made'), isToplevel: true },
      anonymous: { ...method(null as never, null, null, ''), isToplevel: true, text: PLACE },
      method: method('Object', 'method', 'method', 'Object\\.method'),
      renamed: method('Object', 'inner', 'renamed', 'Object\\.inner \\[as renamed\\]'),
      getter: method('Object', 'get value', 'value', 'Object\\.get value'),
      constructor: { ...method('Shape', 'Shape', null, 'new Shape'), isConstructor: true },
      static: method('Shape', 'make', 'make', 'Shape\\.make'),
      inherited: method('Square', 'area', 'area', 'Square\\.area'),
      private: method('Shape', '#secret', null, 'Shape\\.#secret'),
      borrowed: method('String', 'method', null, 'String\\.method'),
      'of a proxy': method('Proxy', 'method', null, 'Proxy\\.method'),
    })
  })

  test('have positions, and native functions have none', async () => {
    const found = await run({
      lines: `() => { const site = sites(made)[0]; return [site.getLineNumber() > 1, site.getColumnNumber() > 1, site.getEnclosingLineNumber() === site.getLineNumber()] }`,
      native: `() => { const site = sites(() => [1].map(() => new Error('x'))[0])[1]
        return [String(site), site.isNative(), site.getFileName(), site.getLineNumber(), site.getTypeName()] }`,
      hash: `() => sites(made)[0].getScriptHash()`,
      tag: `() => Object.prototype.toString.call(sites(made)[0])`,
    })
    expect(found).toEqual({
      lines: [true, true, true],
      native: ['Array.map (native)', true, null, null, 'Array'],
      hash: '',
      tag: '[object CallSite]',
    })
  })

  test('of code that was compiled at run time name its place', async () => {
    const { evaluated, nested, compiled, stack } = await run(
      {
        evaluated: `() => first(() => eval('(function inEval() { return new Error(1) })()'))`,
        nested: `() => first(() => eval('eval("new Error(1)")'))`,
        compiled: `() => first(new Function('return new Error(1)'))`,
        stack: `() => eval('new Error(1)').stack`,
      },
      true,
    )
    const origin = expect.stringMatching(/^eval at .+ \(bundle\.js:\d+:\d+\)$/)
    expect(evaluated).toMatchObject({ isEval: true, getEvalOrigin: origin })
    expect((evaluated as { text: string }).text).toMatch(
      /^inEval \(eval at .+ \(bundle\.js:\d+:\d+\), <anonymous>:1:\d+\)$/,
    )
    expect(nested).toMatchObject({
      getEvalOrigin: expect.stringMatching(/^eval at .+ \(eval at .+/),
    })
    expect(compiled).toMatchObject({ isEval: true, getEvalOrigin: origin })
    expect(stack).toMatch(/^Error: 1\n {4}at <eval> \(eval at /)
  })

  test('of captureStackTrace begin below the function that it names', async () => {
    const { names } = await run({
      names: `() => {
        const outer = () => middle(), middle = () => inner()
        const inner = () => { const target = {}; Error.captureStackTrace(target, middle); return target }
        return sites(outer).map((site) => site.getFunctionName()).slice(0, 2)
      }`,
    })
    expect((names as string[])[0]).toBe('outer')
  })

  test('are safe from what a script does to them', async () => {
    const found = await run({
      'a foreign receiver': `() => { const { toString, getTypeName } = Object.getPrototypeOf(sites(made)[0])
        return [toString, getTypeName].map((f) => { try { f.call({}) } catch (error) { return error.name } }) }`,
      'a method of a thousand names': `() => { const many = {}; for (let i = 0; i < 2e4; i++) many['m' + i] = object.method
        return first(() => many.m5()).getMethodName }`,
      'a constructor that is a getter': `() => first(() => object.method.call({ get constructor() { for (;;); } })).getTypeName`,
      'a hook that throws': `() => { Error.prepareStackTrace = () => { throw 1 }; try { return typeof new Error('x').stack } finally { Error.prepareStackTrace = undefined } }`,
      'an error within the hook': `() => { Error.prepareStackTrace = (e, s) => new Error('inner').stack + s.length; try { return typeof new Error('x').stack } finally { Error.prepareStackTrace = undefined } }`,
    })
    expect(found).toEqual({
      'a foreign receiver': ['TypeError', 'TypeError'],
      'a method of a thousand names': null,
      'a constructor that is a getter': 'Object',
      'a hook that throws': 'object',
      // It has no stack: the engine records one at a time.
      'an error within the hook': 'number',
    })
  })
})
