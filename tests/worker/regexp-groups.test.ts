/** Regular expressions with many groups: as generated lexers have them. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { startZygote, type TestZygote } from './harness.ts'

let zygote: TestZygote
beforeAll(async () => {
  zygote = await startZygote()
})
afterAll(() => zygote.close())

const PRELUDE =
  "const alternatives = (n) => Array.from({ length: n }, (_, i) => '(?<v>x' + i + 'y)').join('|')\n"

async function evaluate(code: string): Promise<unknown> {
  const bundle = `${PRELUDE}
    export default () => {
      try { return Response.json((${code})()) }
      catch (error) { return Response.json(error.name + ': ' + error.message) }
    }`
  const worker = await zygote.worker({ bundle })
  const { text, error } = await worker.invoke({ deadlineMs: 60_000, cpuMs: 60_000 })
  worker.close()
  expect(error).toBeUndefined()
  return JSON.parse(text)
}

test.each([1, 255, 256, 257, 300, 1000, 4000])(
  '%i alternatives that repeat a group name',
  async (count) => {
    const found = await evaluate(`() => {
      const match = new RegExp('^(?:' + alternatives(${count}) + ')$').exec('x${count - 1}y')
      return [match.groups.v, match.length, match.at(-1), match.slice(1, -1).every((x) => x === undefined)]
    }`)
    expect(found).toEqual([`x${count - 1}y`, count + 1, `x${count - 1}y`, true])
  },
  60_000,
)

describe('groups beyond the 255th', () => {
  test.each([
    [
      'by name behind it',
      `new RegExp('^(?:' + alternatives(300) + ')=\\\\k<v>$').test('x299y=x299y')`,
      true,
    ],
    [
      'by name, of another text',
      `new RegExp('^(?:' + alternatives(300) + ')=\\\\k<v>$').test('x299y=x1y')`,
      false,
    ],
    [
      'by name before it',
      `new RegExp('(?:\\\\k<v>z|' + alternatives(300) + ')+$').exec('x299yx299yz')[0]`,
      'x299yx299yz',
    ],
    [
      'by number',
      `new RegExp('(a)'.repeat(399) + '(b)\\\\400').test('a'.repeat(399) + 'bb')`,
      true,
    ],
    [
      'by number, another text',
      `new RegExp('^' + '(a)'.repeat(399) + '(b)\\\\400$').test('a'.repeat(399) + 'ba')`,
      false,
    ],
    [
      'by number before it, backward',
      `new RegExp('(?<=\\\\300' + '(b)'.repeat(300) + ')c').exec('b'.repeat(301) + 'c').length`,
      301,
    ],
    [
      'without regard to case',
      `new RegExp('(?:' + alternatives(300) + ')\\\\k<v>', 'i').exec('X280YX280y').groups.v`,
      'X280Y',
    ],
    ['with indices', `new RegExp(alternatives(300), 'd').exec('--x288y').indices.groups.v`, [2, 7]],
    [
      'in a replacement',
      `'x270y x1y'.replace(new RegExp(alternatives(300), 'g'), '[$<v>]')`,
      '[x270y] [x1y]',
    ],
    [
      'in matchAll',
      `[...'x1y,x299y'.matchAll(new RegExp(alternatives(300), 'g'))].map((m) => m.groups.v)`,
      ['x1y', 'x299y'],
    ],
    [
      'that are reset by a repetition',
      `new RegExp('(?:' + '(a)|'.repeat(299) + '(b)){2}').exec('ab').filter((x) => x)`,
      ['ab', 'b'],
    ],
    [
      'that are optional',
      `new RegExp('(?:' + '(a)|'.repeat(299) + '(b))??c').exec('abc').filter((x) => x)`,
      ['bc', 'b'],
    ],
    [
      'beside an unnamed one',
      `Object.keys(new RegExp('(z)|' + alternatives(300)).exec('x299y').groups)`,
      ['v'],
    ],
  ])('%s', async (_name, code, expected) => {
    expect(await evaluate(`() => ${code}`)).toEqual(expected)
  })
})

test('many alternatives without a group in them', async () => {
  const code = `() => new RegExp('(?<n>a)|' + 'b|'.repeat(5000) + 'c').exec('a').groups.n`
  expect(await evaluate(code)).toBe('a')
})

test.each(['(?<v>a)(?<v>b)', '(?<v>a)|(?<v>b)(?<v>c)', '(?:(?<v>a)|b(?:(?<v>c)(?<v>d)))'])(
  '%s has a name twice in one alternative',
  async (source) => {
    const found = await evaluate(
      `() => { new RegExp(${JSON.stringify(source)}); return 'accepted' }`,
    )
    expect(found).toContain('SyntaxError')
  },
)

test('8,190 groups are accepted, and one more is an error', async () => {
  const found = await evaluate(`() => [8190, 8191].map((n) => {
    try { return new RegExp('(a)'.repeat(n)).exec('a'.repeat(n)).length } catch (error) { return error.name }
  })`)
  expect(found).toEqual([8191, 'SyntaxError'])
})

test('as many names as groups', async () => {
  const found = await evaluate(`() => {
    const source = Array.from({ length: 8190 }, (_, i) => '(?<' + 'n'.repeat(100) + i + '>a)').join('')
    return Object.keys(new RegExp(source).exec('a'.repeat(8190)).groups).length
  }`)
  expect(found).toBe(8190)
}, 60_000)
