import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { OPERATIONS, withSettings } from '../../scripts/settings-reference.ts'
import { CONFIG_KEYS } from '../../src/config/keys.ts'
import { ERRORS } from '../../src/errors.ts'

const document = readFileSync(OPERATIONS, 'utf8')

test('the settings reference matches the schema', () => {
  expect(withSettings(document)).toBe(document)
})

test('every setting has a meaning', () => {
  expect(CONFIG_KEYS.filter(({ help }) => help === '').map(({ key }) => key)).toEqual([])
})

test('troubleshooting lists every error code with its status, and no other', () => {
  const listed = [...document.matchAll(/^\| `([A-Z_]+)` \| (\d{3}) \|/gm)].map(
    ([, code, status]) => [code, Number(status)],
  )
  const known = Object.entries(ERRORS).map(([code, { status }]) => [code, status])
  expect(listed.toSorted()).toEqual(known.toSorted())
})
