import { expect, test } from 'bun:test'
import type { Route } from '../router/route.ts'
import { CorsErrors } from './cors.ts'

const newRoute = () => ({}) as Route
const grant = (origin: string, credentials = false) => ({
  'access-control-allow-origin': origin,
  ...(credentials && { 'access-control-allow-credentials': 'true' }),
})
const allowed = (headers: Record<string, string>) => headers['access-control-allow-origin']

test('an error repeats the last answer to the same origin', () => {
  const cors = new CorsErrors(false)
  const route = newRoute()
  const of = (origin: string) => cors.headersFor(route, origin)
  expect(of('https://a')).toEqual({})
  cors.learn(route, 'https://a', grant('https://a', true))
  expect(of('https://a')).toEqual({
    'access-control-allow-origin': 'https://a',
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'retry-after, x-request-id',
    vary: 'origin',
  })
  expect(of('https://b')).toEqual({})
  expect(cors.headersFor(newRoute(), 'https://a')).toEqual({})
  expect(cors.headersFor(route, undefined)).toEqual({})
  cors.learn(route, 'https://a', new Headers(grant('https://a')))
  expect(of('https://a')['access-control-allow-credentials']).toBeUndefined()
  cors.learn(route, 'https://a', {})
  expect(of('https://a')).toEqual({})
})

test('an answer for every origin counts for every origin, without credentials', () => {
  const cors = new CorsErrors(false)
  const route = newRoute()
  cors.learn(route, 'https://a', grant('*', true))
  expect(cors.headersFor(route, 'https://b')).toEqual({
    'access-control-allow-origin': '*',
    'access-control-expose-headers': 'retry-after, x-request-id',
  })
  cors.learn(route, 'https://b', {})
  expect(cors.headersFor(route, 'https://b')).toEqual({})
})

test('an attacker’s origin gets what the function gave it, and nobody else’s', () => {
  const cors = new CorsErrors(false)
  const route = newRoute()
  cors.learn(route, 'https://a', grant('https://a', true))
  // The function answers the attacker with the one origin that it allows.
  cors.learn(route, 'https://evil', grant('https://a', true))
  expect(cors.headersFor(route, 'https://evil')).toEqual({})
  for (const origin of ['https://a, https://evil', 'HTTPS://A', 'https://a/', ' https://a', '']) {
    expect(cors.headersFor(route, origin)).toEqual({})
  }
})

test('memory is bounded: the oldest origins are forgotten, long ones never kept', () => {
  const cors = new CorsErrors(false)
  const route = newRoute()
  for (let i = 0; i < 10_000; i++) cors.learn(route, `https://${i}`, grant(`https://${i}`))
  const kept = Array.from({ length: 10_000 }, (_, i) => cors.headersFor(route, `https://${i}`))
  expect(kept.filter((headers) => allowed(headers) !== undefined)).toHaveLength(16)
  expect(allowed(kept.at(-1) as Record<string, string>)).toBe('https://9999')
  const long = `https://${'a'.repeat(400)}`
  cors.learn(route, long, grant(long))
  expect(cors.headersFor(route, long)).toEqual({})
})

test('server.cors_errors allows every origin, without credentials', () => {
  const cors = new CorsErrors(true)
  const route = newRoute()
  expect(allowed(cors.headersFor(undefined, 'https://a'))).toBe('*')
  cors.learn(route, 'https://a', grant('https://a', true))
  expect(allowed(cors.headersFor(route, 'https://a'))).toBe('https://a')
  expect(allowed(cors.headersFor(route, 'https://b'))).toBe('*')
  expect(cors.headersFor(route, undefined)).toEqual({})
})
