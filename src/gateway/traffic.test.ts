import { describe, expect, test } from 'bun:test'
import type { Route, RouteSplit } from '../router/route.ts'
import { seeded } from '../testing/prng.ts'
import { chooseRoute, routeOf, stickyCookie } from './traffic.ts'

const splitOf = (weights: Record<string, number>, stickyHeader?: string): RouteSplit => {
  const routes = Object.keys(weights).map((version) => ({ version }) as Route)
  return { routes, weights: Object.values(weights), stickyHeader }
}
const choose = (split: RouteSplit, headers = {}, random = 0) =>
  chooseRoute(split, headers, random).version

test('versions get their shares', () => {
  const split = splitOf({ v7: 90, v8: 9, v9: 1 })
  const random = seeded(1)
  const counts: Record<string, number> = { v7: 0, v8: 0, v9: 0 }
  for (let at = 0; at < 100_000; at++) {
    const version = choose(split, {}, random(2 ** 20) / 2 ** 20)
    counts[version] = (counts[version] ?? 0) + 1
  }
  expect(counts.v7).toBeWithin(89_500, 90_500)
  expect(counts.v8).toBeWithin(8_600, 9_400)
  expect(counts.v9).toBeWithin(850, 1_150)
  expect([choose(split, {}, 0), choose(split, {}, 0.9), choose(split, {}, 0.9999999)]).toEqual([
    'v7',
    'v8',
    'v9',
  ])
})

describe('a cookie', () => {
  const split = splitOf({ v7: 90, 'v8.1': 10 })

  test.each([
    'functions-version=v8.1',
    'a=b; functions-version=v8.1',
    'functions-version=v8.1; a=b',
    'x-functions-version=v7; functions-version=v8.1',
    'functions-version-x=v7;functions-version=v8.1 ',
  ])('keeps a client with its version: %s', (cookie) => {
    expect(choose(split, { cookie })).toBe('v8.1')
  })

  test.each([
    'functions-version=v9',
    'functions-version=',
    'functions-version',
    'functions-version="v8.1"',
    'Functions-Version=v8.1',
    `functions-version=${'v'.repeat(10_000)}`,
    'functions-version=__proto__',
    'functions-version='.repeat(500),
    'xfunctions-version=v8.1',
  ])('of a version without weight, or none, is ignored: %s', (cookie) => {
    expect(choose(split, { cookie })).toBe('v7')
  })

  test('is set for the path of the function, once', () => {
    const route = { version: 'v8.1', split } as Route
    const set = (headers: Record<string, string>, prefix = '', secure = false) =>
      stickyCookie(route, headers, prefix, secure)
    expect(set({})).toBe('functions-version=v8.1; Path=/; HttpOnly; SameSite=Lax')
    expect(set({ cookie: 'functions-version=v7' }, '/functions/f', true)).toBe(
      'functions-version=v8.1; Path=/functions/f; HttpOnly; SameSite=Lax; Secure',
    )
    expect(set({ cookie: 'functions-version=v8.1' })).toBeUndefined()
    expect(
      stickyCookie({ version: 'v7', split: undefined } as Route, {}, '', false),
    ).toBeUndefined()
  })
})

describe('a named header', () => {
  const split = splitOf({ v7: 50, v8: 50 }, 'x-user')

  test('chooses the version by its value, always the same one', () => {
    const counts: Record<string, number> = { v7: 0, v8: 0 }
    for (let user = 0; user < 10_000; user++) {
      const headers = { 'x-user': `user-${user}`, cookie: 'functions-version=v8' }
      const version = choose(split, headers, 0.1)
      expect(choose(split, headers, 0.9)).toBe(version)
      counts[version] = (counts[version] ?? 0) + 1
    }
    expect(counts.v7).toBeWithin(4_700, 5_300)
  })

  test('that is missing leaves it to chance, and no cookie is set', () => {
    expect([choose(split, {}, 0.1), choose(split, {}, 0.9)]).toEqual(['v7', 'v8'])
    expect(stickyCookie({ version: 'v7', split } as Route, {}, '', false)).toBeUndefined()
  })

  test('moves a client only to a version that gained weight', () => {
    const wider = splitOf({ v7: 40, v8: 60 }, 'x-user')
    for (let user = 0; user < 1_000; user++) {
      const headers = { 'x-user': `user-${user}` }
      if (choose(split, headers) === 'v8') expect(choose(wider, headers)).toBe('v8')
    }
  })
})

test('a version is found among those with weight only', () => {
  const split = splitOf({ v7: 50, v8: 50 })
  expect(routeOf(split, 'v8')?.version).toBe('v8')
  expect(routeOf(split, 'v9')).toBeUndefined()
  expect(routeOf(split, undefined)).toBeUndefined()
})
