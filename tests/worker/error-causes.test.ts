/** What the log says of errors that nothing caught: causes, errors within, and thrown values. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { at, startCases } from './cases.ts'
import { startZygote, type TestZygote } from './harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

const PRELUDE = `
  const inner = () => Object.assign(new TypeError('the socket closed'), { code: 'ECONNRESET' })
  const outer = () => new Error('the query failed', { cause: inner() })
  const several = () => new AggregateError([new RangeError('first'), 'second', outer()], 'all failed')
  const circular = () => { const error = new Error('turns'); error.cause = new Error('back', { cause: error }); return error }
  const chain = (n) => { let error = new Error('0'); for (let i = 1; i < n; i++) error = new Error(String(i), { cause: error }); return error }
`

/** Each way in which an error comes to the log, and the text that it comes with. */
const WAYS: Record<string, (error: string) => string> = {
  handler: (error) => `() => { throw ${error} }`,
  rejection: (error) => `async () => { await null; throw ${error} }`,
  uncaught: (error) =>
    `async () => { setTimeout(() => { throw ${error} }); await new Promise((done) => setTimeout(done, 5)); return new Response() }`,
  unhandled: (error) =>
    `async () => { Promise.reject(${error}); await new Promise((done) => setTimeout(done, 5)); return new Response() }`,
  console: (error) => `() => { console.error(${error}); return new Response() }`,
}

async function logged(error: string): Promise<[way: string, text: string][]> {
  const code = Object.entries(WAYS).map(([way, make]) => [way, make(error)])
  const worker = await startCases(zygote, Object.fromEntries(code), PRELUDE)
  const texts: [string, string][] = []
  for (const way of Object.keys(WAYS)) {
    const { logs, error: failure } = await worker.invoke(at(way))
    const told = failure === undefined ? logs.map(({ message }) => message) : []
    const text = failure === undefined ? told.join('\n') : `${failure.message}\n${failure.stack}`
    texts.push([way, text.replace(/^(Uncaught |Unhandled rejection: )/, '')])
  }
  return texts
}

describe('an error that nothing caught', () => {
  test('shows its causes below its frames, indented', async () => {
    for (const [way, text] of await logged('outer()')) {
      expect([way, text]).toEqual([
        way,
        expect.stringMatching(
          /^Error: the query failed\n {4}at outer \(bundle\.js:\d+:\d+\)\n[\s\S]+ \{\n {2}\[cause\]: TypeError: the socket closed\n {6}at inner \(bundle\.js:\d+:\d+\)\n[\s\S]+ \{\n {4}code: 'ECONNRESET'\n {2}\}\n\}$/,
        ),
      ])
    }
  })

  test('shows the errors of an AggregateError', async () => {
    for (const [way, text] of await logged('several()')) {
      const message = `${way}: ${text}`
      expect(message).toMatch(/^\w+: AggregateError: all failed\n {4}at several /)
      expect(message).toMatch(/\n {2}\[errors\]: \[\n {4}RangeError: first\n {8}at several /)
      expect(message).toContain("\n    'second',\n    Error: the query failed\n")
      expect(message).toContain('[cause]: TypeError: the socket closed')
    }
  })

  test('shows a circle of causes once', async () => {
    for (const [way, text] of await logged('circular()')) {
      const message = `${way}: ${text}`
      expect(message).toContain('Error: turns')
      expect(message).toContain('cause: Error: back')
      expect(message).toMatch(/\[?cause\]?: \[Circular \*1\]/)
    }
  })

  test('shows a chain of causes to a depth', async () => {
    for (const [way, text] of await logged('chain(5000)')) {
      const message = `${way}: ${text}`
      expect(message).toContain('Error: 4999\n')
      expect(message).toContain('[cause]: Error: 4996\n')
      expect(message).toContain('[cause]: [Error: 4994]')
      expect(message).not.toContain('4993')
      expect(text.length).toBeLessThan(16_384 + 8192)
    }
  })

  test('keeps its name and message once, whatever its stack says', async () => {
    const errors = {
      "Object.assign(new Error('old'), { message: 'new' })": 'Error: new\n    at ',
      "Object.assign(new Error('x'), { name: 'Mine' })": 'Mine: x\n    at ',
      "new (class Own extends Error { constructor() { super('x'); this.name = 'Own' } })()":
        'Own: x\n    at ',
      "Object.assign(new Error('x'), { stack: 'Error: x\\n    at elsewhere (a.js:1:2)' })":
        'Error: x\n    at elsewhere (a.js:1:2)',
      "Object.assign(new Error('x'), { stack: 'no frames' })": 'Error: x\nno frames',
    }
    for (const [error, wanted] of Object.entries(errors)) {
      for (const [way, text] of await logged(error)) {
        expect([way, text.slice(0, wanted.length)]).toEqual([way, wanted])
        const title = wanted.split('\n')[0] as string
        expect([way, text.split(title).length]).toEqual([way, 2])
      }
    }
  })

  test('has its own position in an ErrorEvent', async () => {
    const worker = await zygote.worker({
      bundle: `const inner = () => new Error('inner')
        const seen = new Promise((done) => addEventListener('error', done))
        export default async () => {
          setTimeout(() => {
            throw new Error('outer', { cause: inner() })
          })
          const { message, filename, lineno } = await seen
          return Response.json({ message, filename, lineno })
        }`,
    })
    expect(await worker.json()).toEqual({
      message: 'Uncaught Error: outer',
      filename: 'bundle.js',
      lineno: 5,
    })
  })

  test('shows what using kept of two errors', async () => {
    for (const [, text] of await logged(
      "new SuppressedError(new Error('of dispose'), new Error('of the body'))",
    )) {
      expect(text).toContain('[error]: Error: of dispose')
      expect(text).toContain('[suppressed]: Error: of the body')
    }
  })
})

describe('a thrown value that is no error', () => {
  test('is shown as console.error shows it', async () => {
    const values = {
      "{ status: 404, body: { reason: 'gone' } }": "{ status: 404, body: { reason: 'gone' } }",
      "'text'": 'text',
      undefined: 'undefined',
      null: 'null',
      '5n': '5n',
      "Symbol('sign')": 'Symbol(sign)',
      '[1, [2]]': '[ 1, [ 2 ] ]',
      'new Map([[1, { a: 2 }]])': 'Map(1) { 1 => { a: 2 } }',
      'new (class Problem { code = 5 })()': 'Problem { code: 5 }',
      '(function named() {})': '[Function: named]',
      "{ message: 'like an error', name: 'Fake' }": "{ message: 'like an error', name: 'Fake' }",
    }
    for (const [value, wanted] of Object.entries(values)) {
      for (const [way, text] of await logged(value)) {
        const found = text.replace(/\nundefined$/, '')
        expect([value, way, found]).toEqual([value, way, wanted])
      }
    }
  })
})

describe('hostile values', () => {
  test('run no script, and take no time of others', async () => {
    const values = [
      `Object.defineProperty(new Error('x'), 'cause', { get() { for (;;); } })`,
      `new Proxy(outer(), { get() { for (;;); }, ownKeys() { for (;;); }, getOwnPropertyDescriptor() { for (;;); } })`,
      `new Error('x', { cause: new Proxy({}, { get() { for (;;); }, ownKeys() { for (;;); } }) })`,
      `Object.assign(new Error('x'), { toString() { for (;;); }, toJSON() { for (;;); }, [Symbol.toPrimitive]() { for (;;); } })`,
      `{ [Symbol.for('nodejs.util.inspect.custom')]() { for (;;); }, get a() { for (;;); } }`,
      `new AggregateError(Array.from({ length: 1e4 }, () => new Error('many')), 'x')`,
      `new Error('x', { cause: 'y'.repeat(3e6) })`,
      `new Error('y'.repeat(3e6))`,
      `Object.assign(new Error('x'), Object.fromEntries(Array.from({ length: 2e4 }, (_, i) => ['k' + i, i])))`,
      `chain(5000)`,
    ]
    for (const value of values) {
      for (const [way, text] of await logged(value)) {
        expect([value, way, text.length > 0]).toEqual([value, way, true])
        if (way !== 'console') expect(text.length).toBeLessThan(16_384 + 8192 + 100)
      }
    }
  })

  test('see no change of the prototypes by the function', async () => {
    const pollute = `
      for (const [proto, keys] of [[Array.prototype, ['push', 'join', 'includes', '0', '1']], [String.prototype, ['slice', 'indexOf', 'replaceAll']], [Object.prototype, ['0', 'cause', 'more', 'whole', 'hidden']]])
        for (const key of keys) Object.defineProperty(proto, key, { configurable: true, get() { globalThis.ran = true }, set() { globalThis.ran = true } })
    `
    const worker = await startCases(
      zygote,
      {
        throws: `() => { ${pollute} throw outer() }`,
        ran: `() => new Response(String(globalThis.ran))`,
      },
      PRELUDE,
    )
    const { error } = await worker.invoke(at('throws'))
    expect(error?.message).toBe('Error: the query failed')
    expect(error?.stack).toContain('[cause]: TypeError: the socket closed')
  })
})
