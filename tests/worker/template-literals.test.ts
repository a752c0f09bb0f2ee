/** Template literals in the engine: a script cannot change how they are evaluated (ECMA-262, 13.2.8.6). */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are in the code under test
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { startZygote, type TestZygote } from './harness.ts'

let template: TestZygote
beforeAll(async () => {
  template = await startZygote()
})
afterAll(() => template.close())

async function evaluate(code: string): Promise<unknown> {
  const bundle = `
    const before = String.prototype.concat
    const { json } = Response
    const told = []
    String.prototype.concat = function () { told[told.length] = [...arguments]; return 'mine' }
    const logged = []
    const of = (n) => ({ toString: () => { logged.push('string ' + n); return 'o' + n }, valueOf: () => 'value' })
    const at = (n) => { logged.push('evaluate ' + n); return of(n) }
    const fails = (act) => { try { return act() } catch (error) { return error.name } }
    export default () => { const result = (${code})(); return Response.json({ result, told }) }`
  const worker = await template.worker({ bundle })
  const { text } = await worker.invoke()
  worker.close()
  return JSON.parse(text)
}

test.each([
  ['no substitution', '() => [``, `plain`]', ['', 'plain']],
  [
    'values of every kind',
    '() => `a${1}b${true}${null}${undefined}${1n}${"é€"}c${-0}`',
    'a1btruenullundefined1é€c0',
  ],
  ['only substitutions', '() => `${1}${2}`', '12'],
  ['templates in templates', '() => `1${`2${`3`}`}4${[5, 6]}`', '12345,6'],
  ['lone surrogates that meet', '() => `${"\\ud83d"}${"\\ude00"}`', '\u{1f600}'],
  [
    'a tag',
    '() => ((strings, ...values) => [strings.raw[1], ...values])`a${1}\\n${2}`',
    ['\\n', 1, 2],
  ],
])('%s', async (_name, code, result) => {
  expect(await evaluate(code)).toEqual({ result, told: [] })
})

test('each substitution becomes a string, by toString first, before the next one is evaluated', async () => {
  const order = ['evaluate 1', 'string 1', 'evaluate 2', 'string 2', 'evaluate 3', 'string 3']
  const result = [`ao1bo2o3`, order]
  expect(await evaluate('() => [`a${at(1)}b${at(2)}${at(3)}`, logged]')).toEqual({
    result,
    told: [],
  })
})

test('a symbol is none', async () => {
  const code =
    '() => [fails(() => `${Symbol()}`), fails(() => `${Symbol()}${1}`), fails(() => `${{ toString: () => Symbol() }}${1}`)]'
  expect(await evaluate(code)).toEqual({
    result: ['TypeError', 'TypeError', 'TypeError'],
    told: [],
  })
})

test("the host's own JavaScript does not go through it either", async () => {
  const bundle = `
    let told = 0
    String.prototype.concat = function () { told++; throw new Error('hijacked') }
    export default async () => {
      const errors = []
      for (const act of [() => new URL('x:y:z', 5), () => new Response(null, { status: 1 }), () => structuredClone(() => 1),
        () => new TextDecoder('none'), () => crypto.subtle.digest('MD5', new Uint8Array()), () => new ReadableStream({ type: 'x' }),
        () => new EventTarget().addEventListener(), () => AbortSignal.timeout(-1), () => performance.measure('a', 'b')]) {
        try { await act() } catch (error) { errors.push(error.name) }
      }
      console.log('%s is %o', 'this', { a: [1] })
      return new Response(told + ' ' + errors.length)
    }`
  const worker = await template.worker({ bundle })
  expect((await worker.invoke()).text).toStartWith('0 ')
  worker.close()
})
