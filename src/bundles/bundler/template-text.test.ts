// biome-ignore-all lint/suspicious/noTemplateCurlyInString: sources that are scanned
import { expect, test } from 'bun:test'
import { templateTexts } from './template-text.ts'

const textsOf = (source: string) =>
  templateTexts(source)
    .map(([from, to]) => source.slice(from, to))
    .filter((text) => text !== '')

test('the text of template literals is found, without expressions', () => {
  expect(textsOf('const a = `one ${b} two`; const c = `three`')).toEqual(['one ', ' two', 'three'])
  expect(textsOf('`a ${`b ${{ c: `d` }.c} e`} f`').sort()).toEqual(
    ['a ', ' f', 'b ', ' e', 'd'].sort(),
  )
  expect(textsOf('x = `\\` \\${ no }`')).toEqual(['\\` \\${ no }'])
  expect(textsOf('`${function () { if (a) { return {} } }}end`')).toEqual(['end'])
})

test('strings, comments and regular expressions are none', () => {
  expect(textsOf('"`no`"; \'`no`\'; // `no`\n/* `no` */ `yes`')).toEqual(['yes'])
  expect(textsOf('a.replace(/`/g, "x"); b = /[/`]/; c = 1 / 2 / `yes`')).toEqual(['yes'])
  expect(textsOf('return /`/.test(a) ? `yes` : 4 / 2')).toEqual(['yes'])
  expect(textsOf('const s = "it\\\n`s`"; `yes`')).toEqual(['yes'])
})

test('what does not end takes linear time', () => {
  for (const part of ['`', '"', "'", '/', '/*', '${', '`${', '{', '\\']) {
    const source = `x = ${part.repeat(200_000)}`
    expect(templateTexts(source).length).toBeLessThan(source.length)
  }
  expect(textsOf("<p>don't `yes`</p>")).toEqual(['yes'])
})
