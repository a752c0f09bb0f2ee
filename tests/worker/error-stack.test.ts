/** `err.stack` in quickjs-ng workers, as V8 makes it. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { at, startCases } from './cases.ts'
import { startZygote, type TestZygote } from './harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

/** What each case returns. */
async function results(
  cases: Record<string, string>,
  before = '',
): Promise<Record<string, unknown>> {
  const code = Object.entries(cases).map(([name, body]) => [
    name,
    `async () => Response.json({ value: await (${body})() })`,
  ])
  const worker = await startCases(zygote, Object.fromEntries(code), before)
  const found: Record<string, unknown> = {}
  for (const name of Object.keys(cases)) {
    const { text, error } = await worker.invoke(at(name))
    expect([name, error]).toEqual([name, undefined])
    found[name] = (JSON.parse(text) as { value?: unknown }).value
  }
  return found
}

const CLASSES = `
  class Named extends Error { constructor(m) { super(m); this.name = 'Named' } }
  class OnPrototype extends Error {}
  OnPrototype.prototype.name = 'OnPrototype'
  class WithGetter extends Error { get name() { for (;;); } }
  const first = (error) => String(error.stack).split('\\n')[0]
  const catching = (run) => { try { run() } catch (error) { return error } }
`

describe('the stack of an error', () => {
  test('begins with name and message', async () => {
    const heads = await results(
      {
        plain: `() => first(new Error('a'))`,
        'no message': `() => first(new Error())`,
        type: `() => first(new RangeError('b'))`,
        'of the engine': `() => first(catching(() => undefined.x))`,
        syntax: `() => first(catching(() => JSON.parse('{')))`,
        'name in the constructor': `() => first(new Named('c'))`,
        'name on the prototype': `() => first(new OnPrototype('d'))`,
        'name of a getter': `() => first(new WithGetter('e'))`,
        'no name': `() => first(Object.assign(new Error('f'), { name: '' }))`,
        aggregate: `() => first(new AggregateError([1], 'g'))`,
        exception: `() => first(new DOMException('h', 'AbortError'))`,
        aborted: `() => first(AbortSignal.abort().reason)`,
        'two lines': `() => new Error('i\\nj').stack.split('\\n').slice(0, 2).join('|')`,
        captured: `() => { const o = { name: 'K', message: 'l' }; Error.captureStackTrace(o); return first(o) }`,
        'captured from an object': `() => { const o = {}; Error.captureStackTrace(o); return first(o) }`,
      },
      CLASSES,
    )
    expect(heads).toEqual({
      plain: 'Error: a',
      'no message': 'Error',
      type: 'RangeError: b',
      'of the engine': "TypeError: Cannot read properties of undefined (reading 'x')",
      syntax: expect.stringMatching(/^SyntaxError: ./),
      'name in the constructor': 'Named: c',
      'name on the prototype': 'OnPrototype: d',
      'name of a getter': 'Error: e',
      'no name': 'f',
      aggregate: 'AggregateError: g',
      exception: 'AbortError: h',
      aborted: expect.stringMatching(/^AbortError: ./),
      'two lines': 'Error: i|j',
      captured: 'K: l',
      'captured from an object': 'Error',
    })
  })

  test('does not change when name or message do', async () => {
    const found = await results(
      {
        message: `() => { const e = new Error('a'); e.message = 'b'; return first(e) }`,
        'message of a class': `() => { const e = new Named('a'); e.message += '!'; return first(e) }`,
        'name after a read': `() => { const e = new Error('a'); e.stack; e.name = 'B'; return first(e) }`,
        'read twice': `() => { const e = new Named('a'); return e.stack === e.stack }`,
        'set by the script': `() => { const e = new Error('a'); e.stack = 'mine'; e.message = 'b'; return e.stack }`,
      },
      CLASSES,
    )
    expect(found).toEqual({
      message: 'Error: a',
      'message of a class': 'Named: a',
      'name after a read': 'Error: a',
      'read twice': true,
      'set by the script': 'mine',
    })
  })

  test('has the frames below, and no line break at the end', async () => {
    const { frames, many, none, zero } = await results(
      {
        frames: `() => { function inner() { return new Error('x') } return inner().stack }`,
        many: `() => { const deep = (n) => n === 0 ? new Error('x') : deep(n - 1); return deep(50).stack.split('\\n').length }`,
        none: `() => { const limit = Error.stackTraceLimit; Error.stackTraceLimit = 0
          const { stack } = new Error('x'); Error.stackTraceLimit = limit; return stack }`,
        zero: `() => 0`,
      },
      CLASSES,
    )
    expect(frames).toMatch(/^Error: x\n {4}at inner \(bundle\.js:\d+:\d+\)\n(.+\n)*.+$/)
    expect(many).toBe(11)
    expect(none).toBe('Error: x')
    expect(zero).toBe(0)
  })

  test('has no frames of the built-in JavaScript', async () => {
    const { stack, sites } = await results(
      {
        stack: `() => catching(() => new EventTarget().addEventListener('x', 5)).stack`,
        sites: `async () => { Error.prepareStackTrace = (_, sites) => sites.map(String)
          const e = catching(() => new EventTarget().addEventListener('x', 5)); const { stack } = e
          Error.prepareStackTrace = undefined; return stack }`,
      },
      CLASSES,
    )
    expect(stack).not.toContain('<null>')
    expect(stack).toContain('bundle.js:')
    expect(JSON.stringify(sites)).not.toContain('null')
  })

  test('a class that captures its own stack leaves the constructor out', async () => {
    const { own, opted, absent, again } = await results(
      {
        own: `() => { class E extends Error { constructor(m) { super(m); this.name = 'E'; Error.captureStackTrace(this, E) } }
          function make() { return new E('x') } return make().stack }`,
        opted: `() => { const outer = () => middle(), middle = () => inner()
          const inner = () => { const o = {}; Error.captureStackTrace(o, middle); return o.stack }; return outer() }`,
        absent: `() => { const o = {}; Error.captureStackTrace(o, () => {}); return o.stack }`,
        again: `() => { const e = new Error('x'); e.stack = 'old'; Error.captureStackTrace(e); return e.stack }`,
      },
      CLASSES,
    )
    expect(own).toMatch(/^E: x\n {4}at make \(/)
    expect(opted).toMatch(/^Error\n {4}at outer \(/)
    expect(absent).toBe('Error')
    expect(again).toMatch(/^Error: x\n {4}at /)
  })

  test('a class with its own constructor leaves the constructor out', async () => {
    const found = await results(
      {
        one: `() => made(Http).stack`,
        heir: `() => made(NotFound).stack`,
        inherited: `() => made(Gone).stack`,
        aggregate: `() => made(Many).stack`,
        exception: `() => made(Dom).stack`,
        bound: `() => made(Http.bind(null)).stack`,
        reflected: `() => made(class extends Error { constructor(m) { return Reflect.construct(Error, [m], new.target) } }).stack`,
        'by an arrow': `() => made(class extends Error { constructor(m) { const call = () => super(m); call() } }).stack`,
        'called as a function': `() => { function Old(m) { return Error(m) } return made(Old).stack }`,
        proxy: `() => made(new Proxy(Http, {})).stack`,
        absent: `() => { function make() { return Reflect.construct(Error, ['x'], Http) } return make().stack }`,
        'another constructor': `() => { let e; class Maker { constructor() { e = made(Http) } } new Maker(); return e.stack }`,
        'in the arguments': `() => { let inner; const make = () => { inner = new Http('y'); return 'x' }
          class Outer extends Error { constructor() { super(make()) } } new Outer(); return inner.stack }`,
        'none left': `() => { const limit = Error.stackTraceLimit; Error.stackTraceLimit = 0
          const { stack } = new Http('x'); Error.stackTraceLimit = limit; return stack }`,
        sites: `() => { Error.prepareStackTrace = (_, sites) => sites[0].getFunctionName()
          const { stack } = made(Http); Error.prepareStackTrace = undefined; return stack }`,
      },
      `${CLASSES}
      class Http extends Error { constructor(m) { super(m) } }
      class NotFound extends Http { constructor(m) { super(m) } }
      class Gone extends NotFound {}
      class Many extends AggregateError { constructor(m) { super([], m) } }
      class Dom extends DOMException { constructor(m) { super(m, 'Dom') } }
      function made(Class) { return new Class('x') }`,
    )
    const { proxy, absent, sites, 'called as a function': old, ...others } = found
    const { 'another constructor': another, 'in the arguments': inner, 'none left': none } = others
    for (const name of [
      'one',
      'heir',
      'inherited',
      'aggregate',
      'exception',
      'bound',
      'reflected',
    ]) {
      expect([name, found[name]]).toEqual([
        name,
        expect.stringMatching(/^\w+: x\n {4}at made \(bundle\.js:/),
      ])
    }
    expect(others['by an arrow']).toMatch(/^Error: x\n {4}at made \(/)
    expect(another).toMatch(/^Error: x\n {4}at made \(.*\n {4}at new Maker \(/)
    expect(inner).toMatch(/^Error: y\n {4}at make \(.*\n {4}at new Outer \(/)
    expect(none).toBe('Error: x')
    expect(sites).toBe('made')
    // As in V8: a proxy and a function that is called are no class of the error.
    expect(proxy).toMatch(/^Error: x\n {4}at new Http \(.*\n {4}at made \(/)
    expect(old).toMatch(/^Error: x\n {4}at new Old \(.*\n {4}at made \(/)
    expect(absent).toMatch(/^Error: x\n {4}at /)
  })
})

describe('hostile errors', () => {
  test('run no script when their stack is made or read', async () => {
    const found = await results(
      {
        'a getter for the name': `() => first(new WithGetter('x'))`,
        'a proxy as prototype': `() => { let ran = 0
          const trap = new Proxy({}, { get() { ran++ }, getOwnPropertyDescriptor() { ran++ }, getPrototypeOf() { ran++; return null } })
          const e = Object.setPrototypeOf(new Error('x'), trap); Error.captureStackTrace(e)
          const o = Object.create(trap); Error.captureStackTrace(o); return [ran, typeof o.stack] }`,
        'a name of an object': `() => first(Object.assign(new Error('x'), { name: { toString() { for (;;); } } }))`,
        'a polluted prototype': `() => { Object.prototype.message = 'polluted'; try { return first(new Error()) } finally { delete Object.prototype.message } }`,
        'a huge message': `() => new Error('y'.repeat(1e6)).stack.length > 1e6`,
        'ten thousand errors': `() => { let n = 0; for (let i = 0; i < 1e4; i++) n += new Named('z').stack.length > 5; return n }`,
      },
      CLASSES,
    )
    expect(found).toEqual({
      'a getter for the name': 'Error: x',
      'a proxy as prototype': [0, 'string'],
      'a name of an object': 'Error: x',
      'a polluted prototype': 'Error',
      'a huge message': true,
      'ten thousand errors': 10_000,
    })
  })
})
