import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { openTestDatabase } from '../testing/open-database.ts'
import { MetadataStore } from './store.ts'

let dir: string
let store: MetadataStore

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-tokens-'))
  store = MetadataStore.open(dir)
  store.projects.create('a')
  store.projects.create('b')
})

afterEach(() => {
  store.close()
  rmSync(dir, { recursive: true })
})

const add = (name: string, project?: string, expiresAt?: string) =>
  store.tokens.create({ name, role: 'deployer', project, expiresAt })

function codeOf(run: () => unknown): string | undefined {
  try {
    run()
  } catch (error) {
    return error instanceof FunctionError ? error.code : String(error)
  }
}

test('a token is found by its text, of which only the hash is stored', () => {
  const { text, record } = add('ci', 'a')
  expect(text).toMatch(/^fn_[\w-]{43}$/)
  expect(store.tokens.authenticate(text)).toEqual(record)
  expect(record).toMatchObject({ name: 'ci', role: 'deployer', project: 'a' })
  store.close()
  for (const file of readdirSync(dir))
    expect(readFileSync(join(dir, file)).includes(text.slice(3))).toBe(false)
  store = MetadataStore.open(dir)
  expect(add('other', 'a').text).not.toBe(text)
})

test('what is no token is none: nothing, other text, an expired or a revoked one', () => {
  const later = new Date(Date.now() + 60_000).toISOString()
  const { text } = add('ci', undefined, later)
  expect(store.tokens.authenticate(text)).toBeDefined()
  expect(store.tokens.authenticate(text, Date.parse(later) - 1)).toBeDefined()
  expect(store.tokens.authenticate(text, Date.parse(later))).toBeUndefined()
  for (const wrong of [undefined, '', 'fn_', `${text}x`, text.slice(0, -1), `${text}\0`, 'é'])
    expect(store.tokens.authenticate(wrong)).toBeUndefined()
  store.tokens.remove('ci', undefined)
  expect(store.tokens.authenticate(text)).toBeUndefined()
})

test('a damaged time of expiry means expired', () => {
  const { text } = add('ci')
  const db = openTestDatabase(join(dir, 'metadata.db'))
  db.run("UPDATE tokens SET expires_at = 'soon'")
  db.close()
  expect(store.tokens.authenticate(text)).toBeUndefined()
})

describe('names', () => {
  test('are unique in a scope, and another scope neither sees nor blocks them', () => {
    add('ci', 'a')
    add('ci', 'b')
    add('ci')
    expect(codeOf(() => add('ci', 'a'))).toBe('CONFLICT')
    expect(codeOf(() => add('ci'))).toBe('CONFLICT')
    const names = (scope: string | null | undefined) =>
      store.tokens.list(scope, { limit: 10 }).records.map((each) => [each.project, each.name])
    expect(names('a')).toEqual([['a', 'ci']])
    expect(names(null)).toEqual([[undefined, 'ci']])
    expect(names(undefined)).toHaveLength(3)
  })

  test('a project whose name begins with that of another has its own tokens', () => {
    store.projects.create('a-b')
    add('ci', 'a-b')
    expect(store.tokens.list('a', { limit: 10 }).records).toEqual([])
    expect(codeOf(() => store.tokens.remove('ci', 'a'))).toBe('TOKEN_NOT_FOUND')
  })

  test('a name without its scope must be of one token only', () => {
    add('ci', 'a')
    expect(store.tokens.remove('ci', undefined)).toMatchObject({ project: 'a' })
    add('ci', 'a')
    add('ci', 'b')
    expect(codeOf(() => store.tokens.remove('ci', undefined))).toBe('CONFLICT')
    store.tokens.remove('ci', 'b')
    store.tokens.remove('ci', 'a')
    for (const name of ['ci', '%', '_i', 'a/ci', ''])
      expect(codeOf(() => store.tokens.remove(name, undefined))).toBe('TOKEN_NOT_FOUND')
  })

  test('a list has pages', () => {
    for (const name of ['c', 'a', 'b']) add(name)
    const first = store.tokens.list(undefined, { limit: 2 })
    expect(first.records.map(({ name }) => name)).toEqual(['a', 'b'])
    const rest = store.tokens.list(undefined, { after: first.last, limit: 2 })
    expect(rest.records.map(({ name }) => name)).toEqual(['c'])
  })
})

test('a project that is deleted takes its tokens along', () => {
  const { text } = add('ci', 'a')
  expect(codeOf(() => add('ci', 'nowhere'))).toBe('PROJECT_NOT_FOUND')
  store.projects.remove('a')
  store.projects.create('a')
  expect(store.tokens.authenticate(text)).toBeUndefined()
})

test('uses are written together, when asked to', () => {
  const { text, record } = add('ci')
  for (let at = 1000; at < 2000; at++) store.tokens.used(record, at)
  expect(store.tokens.authenticate(text)?.lastUsedAt).toBeUndefined()
  store.tokens.writeUses()
  expect(store.tokens.authenticate(text)?.lastUsedAt).toBe(new Date(1999).toISOString())
  store.tokens.used(record, 3000)
  store.tokens.remove('ci', undefined)
  store.tokens.writeUses()
  expect(store.tokens.list(undefined, { limit: 1 }).records).toEqual([])
})

test('a token that was used before is revoked at once, by name and with its project', () => {
  const first = add('one', 'a')
  const second = add('two', 'a')
  const other = add('three')
  for (const { text } of [first, second, other])
    expect(store.tokens.authenticate(text)).toBeDefined()
  store.tokens.remove('one', 'a')
  expect(store.tokens.authenticate(first.text)).toBeUndefined()
  expect(store.tokens.authenticate(second.text)).toBeDefined()
  store.projects.remove('a')
  store.projects.create('a')
  expect(store.tokens.authenticate(second.text)).toBeUndefined()
  expect(store.tokens.authenticate(other.text)).toBeDefined()
})

test('a token that was used before expires', () => {
  const { text } = add('short', 'a', '2026-01-01T00:00:00.000Z')
  const end = Date.parse('2026-01-01T00:00:00.000Z')
  expect(store.tokens.authenticate(text, end - 1)).toBeDefined()
  expect(store.tokens.authenticate(text, end)).toBeUndefined()
})

test('another process that revokes a token is noticed when the store is asked to read again', () => {
  const { text } = add('gone', 'a')
  expect(store.tokens.authenticate(text)).toBeDefined()
  const elsewhere = MetadataStore.open(dir)
  elsewhere.tokens.remove('gone', 'a')
  elsewhere.close()
  store.tokens.forgetKnown()
  expect(store.tokens.authenticate(text)).toBeUndefined()
})
