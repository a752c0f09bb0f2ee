import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addFunctions } from '../testing/data-dir-fixture.ts'
import { MetadataStore } from './store.ts'

let dir: string
let store: MetadataStore

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-rules-'))
  addFunctions(dir, ['f', 'g'], 1)
  store = MetadataStore.open(dir)
})

afterEach(() => {
  store.close()
  rmSync(dir, { recursive: true })
})

test('a function is public and has no previews until its rules say otherwise', () => {
  expect(store.rules.find('f', 'default')).toEqual({
    access: 'public',
    previews: false,
    limits: {},
  })
  expect(store.show('f').rules).toEqual({ access: 'public', previews: false, limits: {} })
})

test('a change keeps what it does not name, and other functions', () => {
  store.rules.set('f', 'default', { access: 'token' })
  expect(store.rules.set('f', 'default', { previews: true, limits: { rps: 5 } })).toEqual({
    access: 'token',
    previews: true,
    limits: { rps: 5 },
  })
  expect(store.rules.find('f', 'default')).toEqual({
    access: 'token',
    previews: true,
    limits: { rps: 5 },
  })
  expect(store.rules.find('g', 'default')).toEqual({
    access: 'public',
    previews: false,
    limits: {},
  })
})

test('a function that does not exist has no rules', () => {
  expect(store.rules.find('f', 'other')).toBeUndefined()
  expect(() => store.rules.set('none', 'default', { access: 'token' })).toThrow('does not exist')
})
