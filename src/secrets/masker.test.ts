import { describe, expect, test } from 'bun:test'
import { Masker } from './masker.ts'

const mask = (values: Record<string, string>, text: string) => {
  const secrets = Object.entries(values).map(([name, value]) => ({ name, value }))
  return Masker.of(secrets)?.mask(text) ?? text
}

describe('the values of secrets in a log', () => {
  test('are replaced by their names, wherever they stand', () => {
    const values = { KEY: 'sk_live_1234', OTHER: 'password-9' }
    expect(mask(values, 'sk_live_1234')).toBe('[secret KEY]')
    expect(mask(values, 'a sk_live_1234 b password-9sk_live_1234')).toBe(
      'a [secret KEY] b [secret OTHER][secret KEY]',
    )
    expect(mask(values, 'nothing here: sk_live_123')).toBe('nothing here: sk_live_123')
  })

  test('are found in the pieces that one line prints', () => {
    const values = { KEY: 'supersecretvalue', SPACED: 'two words here' }
    expect(mask(values, 'supers ecretvalue!')).toBe('[secret KEY]!')
    expect(mask(values, 's u p e r s e c r e t v a l u e')).toBe('[secret KEY]')
    expect(mask(values, 'x two words here y')).toBe('x [secret SPACED] y')
    expect(mask(values, 'twowor dshere')).toBe('[secret SPACED]')
  })

  test('are found as JSON writes them', () => {
    const values = { PEM: '-----BEGIN "KEY"\nabcdefgh\n-----END' }
    expect(mask(values, values.PEM)).toBe('[secret PEM]')
    expect(mask(values, JSON.stringify(values))).toBe('{"PEM":"[secret PEM]"}')
  })

  test('shorter than eight characters stay', () => {
    expect(mask({ PIN: '1234567' }, '1234567')).toBe('1234567')
    expect(mask({ PIN: 'a       ' }, 'a banana')).toBe('a banana')
    expect(mask({ PIN: 'a       ' }, '<a       >')).toBe('<a       >')
    expect(mask({ PIN: 'a b c d e' }, '(a b c d e)')).toBe('([secret PIN])')
    expect(mask({ PIN: ' '.repeat(20) }, ' '.repeat(30))).toBe(' '.repeat(30))
  })

  test('that contain each other, or overlap, are masked as a whole', () => {
    const values = { LONG: 'abcdefghijkl', SHORT: 'cdefghij', NEXT: 'ijklmnop' }
    expect(mask(values, '.abcdefghijkl.')).toBe('.[secret LONG].')
    expect(mask(values, '.cdefghij.')).toBe('.[secret SHORT].')
    expect(mask(values, '.abcdefghijklmnop.')).toBe('.[secret LONG].')
  })

  test('that begin alike are told apart', () => {
    const begin = 'x'.repeat(40)
    const values = { A: `${begin}aaaa`, B: `${begin}bbbb`, C: 'x'.repeat(32) }
    expect(mask(values, `1 ${begin}aaaa 2 ${begin}bbbb 3`)).toBe('1 [secret A] 2 [secret B] 3')
    expect(mask(values, `- ${'x'.repeat(32)} -`)).toBe('- [secret C] -')
  })

  test('that are cut off after their first characters are masked', () => {
    expect(mask({ KEY: 'k'.repeat(100) }, `a ${'k'.repeat(50)}…`)).toBe('a [secret KEY]…')
  })

  test('are found in text beyond ASCII', () => {
    expect(mask({ KEY: 'geheim-äöü-🔑' }, 'x geheim-äöü-🔑 y')).toBe('x [secret KEY] y')
  })

  test('of a random text are all found, and nothing else', () => {
    let state = 1
    const next = (bound: number) => {
      state = (state * 48271) % 2147483647
      return state % bound
    }
    const word = (length: number) => Array.from({ length }, () => 'abc'[next(3)]).join('')
    for (let round = 0; round < 300; round++) {
      const values = Object.fromEntries(
        Array.from({ length: 5 }, (_, at) => [`S${at}`, word(8 + next(4))]),
      )
      const text = word(200)
      const rest = mask(values, text).split(/\[secret S\d\]/)
      const covered = new Set<number>()
      for (const value of Object.values(values)) {
        for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + 1)) {
          for (let i = at; i < at + value.length; i++) covered.add(i)
        }
      }
      expect(rest.join('').length).toBe(text.length - covered.size)
    }
  })

  test('take a time that grows with the text alone, whatever the values are', () => {
    // 1000 values of 1000 characters that differ only at their end, in a text that is like them.
    const secrets = Array.from({ length: 1000 }, (_, at) => ({
      name: `S${at}`,
      value: `${'a'.repeat(1000)}${at}`,
    }))
    const masked = Masker.of(secrets)?.mask('a'.repeat(1_000_000)) ?? ''
    expect(masked).toMatch(/^(\[secret S\d+\])+$/)
    const near = Masker.of([{ name: 'A', value: `${'a'.repeat(31)}b` }])
    expect(near?.mask('a'.repeat(1_000_000))).toHaveLength(1_000_000)
  }, 20_000)
})

test('the workers of a version share one masker', () => {
  const secrets = [{ name: 'KEY', value: 'sk_live_1234' }]
  expect(Masker.of(secrets)).toBe(Masker.of(secrets) as Masker)
  expect(Masker.of([])).toBeUndefined()
})
