import { expect, test } from 'bun:test'
import { SecretKey } from './secret-key.ts'

const place = { functionId: 'func-api', revision: 3, name: 'KEY' }

test('a secret can be decrypted with its key and at its place only', () => {
  const key = SecretKey.generate()
  const sealed = key.seal('väl\nue', place)
  expect(key.open(sealed, place)).toBe('väl\nue')
  expect(SecretKey.parse(`${key.text}\n`)?.open(sealed, place)).toBe('väl\nue')
  expect(SecretKey.generate().open(sealed, place)).toBeUndefined()
  expect(key.open(sealed, { ...place, functionId: 'func-other' })).toBeUndefined()
  expect(key.open(sealed, { ...place, revision: 4 })).toBeUndefined()
  expect(key.open(sealed, { ...place, name: 'OTHER' })).toBeUndefined()
})

test('a changed secret is refused, whatever was changed', () => {
  const key = SecretKey.generate()
  const bytes = Buffer.from(key.seal('value', place), 'base64')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] as number) ^ 1
    expect(key.open(changed.toString('base64'), place)).toBeUndefined()
  }
  for (const text of ['', 'AAAA', 'no base64', bytes.subarray(0, 27).toString('base64')]) {
    expect(key.open(text, place)).toBeUndefined()
  }
})

test('two secrets with the same value look different', () => {
  const key = SecretKey.generate()
  expect(key.seal('value', place)).not.toBe(key.seal('value', place))
})

test('a key is the base64 of 32 bytes', () => {
  const { text, id } = SecretKey.generate()
  expect(SecretKey.parse(text)?.id).toBe(id)
  expect(id).toMatch(/^[0-9a-f]{16}$/)
  for (const wrong of ['', 'secret', text.slice(1), `${text}A`, text.replace('=', '')]) {
    expect(SecretKey.parse(wrong)).toBeUndefined()
  }
})

test('a placeholder is the same for one place, and another one for each', () => {
  const key = SecretKey.generate()
  expect(key.placeholder(place)).toMatch(/^fnsecret_[0-9a-f]{32}$/)
  expect(key.placeholder(place)).toBe(key.placeholder({ ...place }))
  expect(key.placeholder(place)).not.toBe(key.placeholder({ ...place, revision: 4 }))
  expect(key.placeholder(place)).not.toBe(SecretKey.generate().placeholder(place))
})
