import { describe, expect, test } from 'bun:test'
import { type AttemptPlan, locationOf, redirected } from './redirect.ts'

const FROM = new URL('https://a.test/path#part')
const head = (status: number, ...locations: string[]) => ({
  status,
  statusText: '',
  headers: locations.map((value): [string, string] => ['location', value]),
})

describe('locationOf', () => {
  test('only a redirect status redirects', () => {
    expect(locationOf(head(200, '/x'), FROM)).toBeUndefined()
    expect(locationOf(head(304, '/x'), FROM)).toBeUndefined()
    expect(locationOf(head(302), FROM)).toBeUndefined()
  })

  test('a location is relative to the URL before, and takes its fragment over', () => {
    expect(locationOf(head(301, '../b?c'), FROM)?.href).toBe('https://a.test/b?c#part')
    expect(locationOf(head(301, '/b#own'), FROM)?.href).toBe('https://a.test/b#own')
  })

  test('bytes beyond ASCII are UTF-8', () => {
    const bytes = Buffer.from('/ü').toString('latin1')
    expect(locationOf(head(302, bytes), FROM)?.pathname).toBe('/%C3%BC')
  })

  test('a Location that is not a URL, or two different ones, fails', () => {
    expect(() => locationOf(head(302, 'http://['), FROM)).toThrow('not a URL')
    expect(() => locationOf(head(302, '/a', '/b'), FROM)).toThrow('several Location headers')
    expect(locationOf(head(302, '/a', '/a'), FROM)?.pathname).toBe('/a')
  })
})

describe('redirected', () => {
  const plan = (method: string): AttemptPlan => ({
    url: FROM,
    method,
    body: method !== 'GET',
    headers: [
      ['authorization', 'secret'],
      ['cookie', 'a=b'],
      ['proxy-authorization', 'secret'],
      ['content-type', 'text/plain'],
      ['x-own', '1'],
    ],
  })
  const names = ({ headers }: AttemptPlan) => headers.map(([name]) => name)

  test('credentials stay within the origin', () => {
    const near = redirected(plan('GET'), 302, new URL('https://a.test/b'), true)
    expect(names(near)).toContain('authorization')
    for (const to of ['https://b.test/', 'http://a.test/', 'https://a.test:444/']) {
      const far = redirected(plan('GET'), 302, new URL(to), true)
      expect(names(far)).toEqual(['content-type', 'x-own'])
    }
  })

  const methods: [status: number, method: string, becomes: string][] = [
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [303, 'HEAD', 'HEAD'],
    [301, 'PUT', 'PUT'],
    [302, 'HEAD', 'HEAD'],
    [307, 'POST', 'POST'],
    [308, 'PATCH', 'PATCH'],
  ]
  for (const [status, method, becomes] of methods) {
    test(`${status} makes ${becomes} of ${method}`, () => {
      const next = redirected(plan(method), status, new URL('https://a.test/b'), true)
      expect(next.method).toBe(becomes)
      expect(next.body).toBe(becomes === method && method !== 'GET')
      if (becomes !== method) expect(names(next)).not.toContain('content-type')
    })
  }

  test('a streamed body cannot be sent again', () => {
    const to = new URL('https://a.test/b')
    expect(() => redirected(plan('POST'), 307, to, false)).toThrow('sends the body again')
    expect(redirected(plan('POST'), 303, to, false).body).toBe(false)
  })
})
