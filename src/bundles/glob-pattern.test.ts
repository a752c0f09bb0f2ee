// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are in the code under test
import { describe, expect, test } from 'bun:test'
import { globPattern, readExpression } from './glob-pattern.ts'

const patternOf = (code: string) => {
  const { pieces } = readExpression(`${code})`, 0) ?? {}
  return pieces === undefined ? undefined : globPattern(pieces)
}

describe('the pattern of an expression', () => {
  test.each([
    ['`./a/${b}.ts`', './a/**/*.ts'],
    ["'./a/' + b + '.ts'", './a/**/*.ts'],
    ['"./a/" + b + c + ".ts"', './a/**/*.ts'],
    ['`./a/${b}/${c}.ts`', './a/**/*/**/*.ts'],
    ['`./a-${b}.ts`', './a-*.ts'],
    ['`../a/${b}`', '../a/**/*'],
    ['`./a/${b}` + `-${c}.js`', './a/**/*-*.js'],
    ['"./a/" + f(x, "y)") + ".ts"', './a/**/*.ts'],
    ['"./a/" + `${`${b}`}` + ".ts"', './a/**/*.ts'],
    ['"./a/" + (b ? "x" : "y") + ".ts"', './a/**/*.ts'],
    ['"./a/" + b?.c["d"] + ".ts"', './a/**/*.ts'],
    ['"./a/" + b.replace(/[)"\'`+]/g, "") + ".ts"', './a/**/*.ts'],
    ['"./a/" + "b".trim() + ".ts"', './a/**/*.ts'],
    ['"./a+b/" + c', './a+b/**/*'],
    ['"./a/" + b, { with: { type: "json" } }', './a/**/*'],
  ])('%s is %s', (code, text) => {
    expect(patternOf(code)?.text).toBe(text)
  })

  test.each([
    'b',
    '`${b}`',
    '"./a.ts"',
    '`./a.ts`',
    '"a/" + b',
    '`/a/${b}`',
    '"./a" || b',
    'b ? "./a" : c',
    '"./a/" + b || "./c"',
    'b + "./a"',
    'x => "./a" + x',
    '".." + b',
    '',
  ])('%s has none', (code) => {
    expect(patternOf(code)).toBeUndefined()
  })

  test('ends at its own end', () => {
    const code = 'import("./a/" + f(")", `${")"}`) + ".ts", {}) + ")"'
    const end = readExpression(code, 7)?.end ?? 0
    expect(code.slice(end)).toBe(', {}) + ")"')
    expect(readExpression('"./a/" + b', 0)).toBeUndefined()
    expect(readExpression(`${'('.repeat(5000)}`, 0)).toBeUndefined()
  })
})

describe('a path', () => {
  test.each([
    [
      '`./a/${b}.ts`',
      ['./a/x.ts', './a/b/c/x.ts', './a/.ts'],
      ['./a/x.tsx', './b/x.ts', 'a/x.ts', './a/x.ts/y'],
    ],
    ['`./a-${b}.ts`', ['./a-x.ts', './a-.ts'], ['./a-x/y.ts', './a/x.ts']],
    ['`./a/${b}/${c}.ts`', ['./a/x/y.ts', './a/x/y/z.ts'], ['./a/x.ts']],
    ['`./(a|b).${c}`', ['./(a|b).x'], ['./a.x', './b.x']],
  ] as [string, string[], string[]][])('matches %s or does not', (code, matching, others) => {
    const pattern = patternOf(code)
    for (const path of matching) expect([path, pattern?.matches.test(path)]).toEqual([path, true])
    for (const path of others) expect([path, pattern?.matches.test(path)]).toEqual([path, false])
  })
})
