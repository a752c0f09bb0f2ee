/** Errors of JSON and of bodies: V8's messages, and the frames of the call. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { at, startCases } from './cases.ts'
import { startZygote, type TestZygote } from './harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

const END = 'Unexpected end of JSON input'
const token = (character: string, shown: string) =>
  `Unexpected token '${character}', ${shown} is not valid JSON`
const position = (message: string, at: number, line = 1, column = at + 1) =>
  `${message} at position ${at} (line ${line} column ${column})`
const NAME = "Expected property name or '}' in JSON"
const QUOTED = 'Expected double-quoted property name in JSON'
const AFTER = 'Unexpected non-whitespace character after JSON'

/** What V8 (of Node 22) says. */
const MESSAGES: Record<string, string> = {
  '': END,
  ' \n': END,
  nf: token('f', '"nf"'),
  nul: END,
  tRue: token('R', '"tRue"'),
  'not found': token('o', '"not found"'),
  undefined: '"undefined" is not valid JSON',
  NaN: '"NaN" is not valid JSON',
  '[object Object]': '"[object Object]" is not valid JSON',
  '<html>': token('<', '"<html>"'),
  '<!DOCTYPE html><html>': token('<', '"<!DOCTYPE "...'),
  abcdefghijklmnopqrstuvwxyz: token('a', '"abcdefghij"...'),
  '[1,2,3,4,5,6,7,8,9,abcdefghijklm]': token('a', '..."5,6,7,8,9,abcdefghij"...'),
  '[1,2,3,4,5,6,7,8,9,10,11,x]': token('x', '..."8,9,10,11,x]"'),
  '["éééééééééééé",é,"éééééé"]': token('é', '..."éééééééé",é,"éééééé""...'),
  '[1,]': token(']', '"[1,]"'),
  '[,]': token(',', '"[,]"'),
  '[': END,
  '[1,': END,
  '+1': token('+', '"+1"'),
  '.5': token('.', '".5"'),
  "'a'": token("'", `"'a'"`),
  '\ufeff{}': token('\ufeff', '"\ufeff{}"'),
  é: token('é', '"é"'),
  '[1 2]': position("Expected ',' or ']' after array element in JSON", 3),
  '[1.5.5]': position("Expected ',' or ']' after array element in JSON", 4),
  '[truex]': position("Expected ',' or ']' after array element in JSON", 5),
  '["a" "b]': position("Expected ',' or ']' after array element in JSON", 5),
  '{': position(NAME, 1),
  '{a:1}': position(NAME, 1),
  '{-': position(NAME, 1),
  "{'a':1}": position(NAME, 1),
  '{\r\n  a: 1}': position(NAME, 5, 2, 3),
  '{"a":1,}': position(QUOTED, 7),
  '{"a":1,': position(QUOTED, 7),
  '{"a"': position("Expected ':' after property name in JSON", 4),
  '{"a" 1}': position("Expected ':' after property name in JSON", 5),
  '{"a":': END,
  '{"a":1 "b"}': position("Expected ',' or '}' after property value in JSON", 7),
  '{"😀é":1\n\n 2}': position("Expected ',' or '}' after property value in JSON", 11, 3, 2),
  '"abc': position('Unterminated string in JSON', 4),
  '"\\': END,
  '"a\nb"': position('Bad control character in string literal in JSON', 2),
  '"\\x"': position('Bad escaped character in JSON', 2),
  '"\\u12g4"': position('Bad Unicode escape in JSON', 5),
  '"\\u12': position('Bad Unicode escape in JSON', 5),
  '-': position('No number after minus sign in JSON', 1),
  '-Infinity': position('No number after minus sign in JSON', 1),
  '01': position('Unexpected number in JSON', 1),
  '-01': position('Unexpected number in JSON', 2),
  '1.': position('Unterminated fractional number in JSON', 2),
  '1e+': position('Exponent part is missing a number in JSON', 3),
  '1 2': position(AFTER, 2),
  truex: position(AFTER, 4),
  '{"a":1}\n{': position(AFTER, 8, 2, 1),
}

describe('the message of invalid JSON', () => {
  test("is V8's", async () => {
    const worker = await startCases(zygote, {
      parse: `async (req) => Response.json((await req.json()).map((text) => {
        try { return ['parsed', JSON.parse(text)] } catch (error) { return error.name + ': ' + error.message }
      }))`,
    })
    const body = JSON.stringify(Object.keys(MESSAGES))
    const { text } = await worker.invoke({ ...at('parse'), method: 'POST', body })
    const found = JSON.parse(text) as string[]
    expect(Object.fromEntries(Object.keys(MESSAGES).map((key, i) => [key, found[i]]))).toEqual(
      Object.fromEntries(
        Object.entries(MESSAGES).map(([key, message]) => [key, `SyntaxError: ${message}`]),
      ),
    )
  })

  test('is the same with a reviver, and of response.json()', async () => {
    const worker = await startCases(zygote, {
      reviver: `() => { try { JSON.parse('[1,nf]', (key, value) => value) } catch (error) { return new Response(error.message) } }`,
      body: `() => new Response('[1,nf]').json().catch((error) => new Response(error.message))`,
    })
    for (const name of ['reviver', 'body']) {
      expect((await worker.invoke(at(name))).text).toBe(token('f', '"[1,nf]"'))
    }
  })

  test('is made of no text beyond the input, of NUL and of lone surrogates', async () => {
    const worker = await startCases(zygote, {
      all: `() => { const found = []
        for (const text of ['\\0', 'x\\0y', '"\\0"', '[\\ud800]', '"\\ud800', '\\ud83d'.repeat(30), '[' + '\\u{1f600}'.repeat(30)]) {
          try { JSON.parse(text) } catch (error) { found.push(error.name, error.message.length < 100) }
        }
        return Response.json(found) }`,
    })
    const found = (await worker.json('/all')) as unknown[]
    expect(found).toEqual(
      Array.from({ length: 14 }, (_, i) => (i % 2 === 0 ? 'SyntaxError' : true)),
    )
  })
})

const READS: Record<string, string> = {
  'JSON.parse': `const read = () => JSON.parse('nf')`,
  'a reviver': `const read = () => JSON.parse('nf', (key, value) => value)`,
  'json() of the request': `const read = (req) => req.json()`,
  'json() of a part of the request': `const read = async (req) => { await null; return req.json() }`,
  'json() of a text': `const read = () => new Response('nf').json()`,
  'json() of a stream': `const read = () => new Response(new Blob(['nf']).stream()).json()`,
  'json() of the stream of a request': `const read = (req) => new Response(req.body).json()`,
  'json() of a clone': `const read = (req) => req.clone().json()`,
  'formData() of the request': `const read = (req) => req.formData()`,
  'formData() of a stream': `const read = (req) => new Response(req.body).formData()`,
  'a fetch that times out': `const read = () => fetch('http://a.test/', { signal: AbortSignal.timeout(1) })`,
}

describe('the first frame is that of the call', () => {
  test.each(Object.keys(READS))('of %s', async (name) => {
    const worker = await zygote.connect()
    worker.start({
      bundle: `${READS[name]?.replace('const read =', 'export const read =')}
        export default async (req) => {
          try { await read(req) } catch (error) { return new Response(error.stack) }
        }`,
    })
    await worker.ready()
    const running = worker.begin({ method: 'POST', open: true })
    running.write(Buffer.from('n'))
    running.write(Buffer.from('f'))
    running.end()
    const { text } = await running.result
    const frames = text.split('\n').filter((line) => !line.endsWith('(native)'))
    expect(frames[0]).toMatch(/^(SyntaxError|TypeError|TimeoutError): ./)
    expect(frames[1]).toMatch(/^ {4}at read \(bundle\.js:1:\d+\)$/)
  })

  test('of an error that the function does not catch, and in its log', async () => {
    const worker = await startCases(zygote, { json: `function json(req) { return req.json() }` })
    const running = worker.begin({ ...at('json'), method: 'POST', open: true })
    running.write(Buffer.from('nf'))
    running.end()
    const { error } = await running.result
    expect(error?.message).toContain(token('f', '"nf"'))
    expect(error?.stack?.split('\n')[0]).toMatch(/^ {4}at json \(bundle\.js:\d+:\d+\)$/)
  })
})

describe('an error of Promise.any', () => {
  test.each([
    ['of rejected promises', '[Promise.reject(1), Promise.reject(2)]', [1, 2]],
    ['of no promises', '[]', []],
  ])('%s says that all were rejected', async (_, promises, errors) => {
    const worker = await startCases(zygote, {
      any: `async () => { Error.prepareStackTrace = () => 'prepared'
        const error = await Promise.any(${promises}).catch((error) => error)
        return Response.json([error.message, error.errors, error.stack.split('\\n')[0], Object.keys(error)]) }`,
    })
    const message = 'All promises were rejected'
    expect(await worker.json('/any')).toEqual([message, errors, `AggregateError: ${message}`, []])
  })
})
