import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { addFunctions } from '../testing/data-dir-fixture.ts'
import { openTestDatabase } from '../testing/open-database.ts'
import { MetadataStore } from './store.ts'

let dir: string
let store: MetadataStore

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-routes-'))
  addFunctions(dir, ['f', 'g', 'h'], 1)
  const db = openTestDatabase(join(dir, 'metadata.db'))
  db.run("UPDATE functions SET project = 'shop', id = 'func-shop.h' WHERE name = 'h'")
  db.close()
  store = MetadataStore.open(dir)
})

afterEach(() => {
  store.close()
  rmSync(dir, { recursive: true })
})

const add = (functionName: string, host: string, path = '/', confined = false) =>
  store.routes.add({
    project: functionName === 'h' ? 'shop' : 'default',
    functionName,
    host,
    path,
    confined,
  })

function refusal(run: () => unknown): [string, string] | undefined {
  try {
    run()
  } catch (error) {
    if (error instanceof FunctionError) return [error.code, error.message]
    throw error
  }
}

test('routes are listed by host and path, page by page, each project its own', () => {
  for (const [name, host, path] of [
    ['g', 'b.com', '/'],
    ['f', 'a.com', '/api'],
    ['f', 'a.com', '/'],
    ['h', 'c.com', '/'],
  ])
    add(name as string, host as string, path)
  const page = store.routes.list('default', { host: '', path: '' }, 2)
  expect(page.map(({ host, path }) => host + path)).toEqual(['a.com/', 'a.com/api'])
  const rest = store.routes.list('default', page[1] as (typeof page)[0], 2)
  expect(rest.map(({ host, functionName }) => [host, functionName])).toEqual([['b.com', 'g']])
  expect(store.routes.all().map(([host, path]) => host + path)).toHaveLength(4)
  expect(store.routes.hostsOf('func-f')).toEqual(['a.com'])
})

describe('a route that is taken is refused', () => {
  test('with the function that has it, unless that is of another project', () => {
    add('f', 'a.com', '/api')
    const [code, message] = refusal(() => add('g', 'a.com', '/api')) ?? []
    expect(code).toBe('CONFLICT')
    expect(message).toContain("leads to function 'f' already")
    expect(refusal(() => add('h', 'a.com', '/api'))).toEqual([
      'CONFLICT',
      'The route a.com/api is taken.',
    ])
    expect(store.routes.all()).toHaveLength(1)
  })

  test('to a project whose own token asks, also beside the routes of another one on the host', () => {
    add('f', 'a.com', '/api')
    add('f', '*.b.com')
    for (const host of ['a.com', 'x.b.com', '*.b.com'])
      expect(refusal(() => add('h', host, '/x', true))).toEqual([
        'CONFLICT',
        `The host ${host} is taken.`,
      ])
    add('g', 'a.com', '/x', true)
    add('h', 'y.x.b.com', '/', true)
    add('h', 'a.com', '/y')
  })
})

test('a project may add a limited number by itself', () => {
  for (let at = 0; at < 1000; at++) add('h', `a${at}.com`, '/', true)
  expect(refusal(() => add('h', 'one-more.com', '/', true))?.[0]).toBe('QUOTA_EXCEEDED')
  add('h', 'one-more.com')
  add('f', 'other.com', '/', true)
})

test('a function that does not exist, in this project, has no routes', () => {
  const code = refusal(() =>
    store.routes.add({
      project: 'default',
      functionName: 'h',
      host: 'a.com',
      path: '/',
      confined: false,
    }),
  )
  expect(code?.[0]).toBe('FUNCTION_NOT_FOUND')
})

test('only its project removes a route, and the deletion of its function', () => {
  add('f', 'a.com')
  add('g', 'a.com', '/g')
  expect(refusal(() => store.routes.remove({ host: 'a.com', path: '/' }, 'shop'))?.[0]).toBe(
    'ROUTE_NOT_FOUND',
  )
  store.routes.remove({ host: 'a.com', path: '/' }, 'default')
  expect(refusal(() => store.routes.remove({ host: 'a.com', path: '/' }, 'default'))?.[0]).toBe(
    'ROUTE_NOT_FOUND',
  )
  store.remove('g')
  expect(store.routes.all()).toEqual([])
})
