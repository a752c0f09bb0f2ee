/** `RegExp.$1` and its kind, which only bundles have that name one. */
import { expect, test } from 'bun:test'
import { useAnswers } from './node-answers.ts'
import { bundleOf } from './node-harness.ts'

const answer = useAnswers()

test('the last match is that of any method and expression', async () => {
  const source = `export default () => {
    const seen = []
    const look = () => seen.push([RegExp.$1, RegExp.$2, RegExp.$9, RegExp.lastMatch, RegExp.leftContext, RegExp.rightContext, RegExp.lastParen])
    look()
    ;/(b)(c)?/.exec('abd'); look()
    ;/x/.test('none'); look()
    'k=v; '.replace(/(\\w)=(\\w)/, () => { look(); return '' })
    'one two'.match(/(t)(w)/); look()
    const found = /(q)/.exec('aqa'); found[1] = 'changed'; look()
    return Response.json([seen, RegExp.input, RegExp['$&'], 'a-b'.split(/-/), [...'a1b2'.matchAll(/[a-z](\\d)/g)].map((m) => m[1]),
      'abc'.replace(/b/g, '$&$&'), Object.keys(RegExp)])
  }`
  expect(await answer(source)).toEqual([
    [
      ['', '', '', '', '', '', ''],
      ['b', '', '', 'b', 'a', 'd', ''],
      ['b', '', '', 'b', 'a', 'd', ''],
      ['k', 'v', '', 'k=v', '', '; ', 'v'],
      ['t', 'w', '', 'tw', 'one ', 'o', 'w'],
      ['q', '', '', 'q', 'a', 'a', 'q'],
    ],
    'aqa',
    'q',
    ['a', 'b'],
    ['1', '2'],
    'abbc',
    [],
  ])
})

test('other bundles pay nothing', async () => {
  const native = `export default () => Response.json([/native code/.test(RegExp.prototype.exec), '$1' in RegExp])`
  expect(await answer(native)).toEqual([true, false])
  const text = async (source: string) => new TextDecoder().decode(await bundleOf(source))
  expect(await text('const RegExp = { $1: 1 }\nexport default () => RegExp.$1')).not.toContain(
    'lastParen',
  )
  expect(await text("export default () => 'a'.replace(/(a)/, '$1')")).not.toContain('lastParen')
  const plain = await text('export default () => RegExp.$1')
  expect(plain).toContain('RegExp.$1')
})
