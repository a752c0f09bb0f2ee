/** The names that the code in front of a bundle gives itself. */
import { expect, test } from 'bun:test'
import { Names } from './prelude.ts'

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz']
const SHORT = [...'$_'].flatMap((first) => LETTERS.map((second) => first + second))

test('are none that the bundle has', () => {
  expect(new Names('let $a_ = $b0').helper('x')).toBe('$c_x')
  expect(new Names('').replacement(35, 6)).toBe('$a000z')
})

test('have a longer prefix when the bundle has every short one', () => {
  const code = SHORT.map((prefix) => `${prefix}_, ${prefix}0`).join()
  expect(new Names(code).helper('x')).toBe('$aa_x')
  expect(new Names(`${code} $aa0`).replacement(1, 6)).toBe('$ab001')
})

test('are an error that says why when the bundle has every prefix', () => {
  const long = SHORT.flatMap((two) => LETTERS.map((third) => two + third))
  const code = [...SHORT, ...long].map((prefix) => `${prefix}_`).join()
  expect(() => new Names(code)).toThrow('every other prefix of two and three letters')
})
