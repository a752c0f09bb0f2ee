import { expect, test } from 'bun:test'
import { NAMED_PROFILES } from '../capabilities/profiles.ts'
import { marked, watchedGlobals } from './globals.ts'

test('every name keeps its length when it is marked, and can be told from the others', () => {
  const names = watchedGlobals({ ...NAMED_PROFILES.strict, projectId: 'default' })
  expect(new Set(names.map(marked)).size).toBe(names.length)
  for (const name of names) {
    expect(marked(name)).toHaveLength(name.length)
    expect(marked(name)).not.toBe(name)
  }
})
