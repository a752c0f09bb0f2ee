import { describe, expect, test } from 'bun:test'
import { requestHeaders, requestIdOf, responseHeaders } from './headers.ts'

const PEER = { address: '192.0.2.1', trusted: false }

describe('request headers', () => {
  test('of the connection stay behind, all others pass', () => {
    const raw = {
      host: 'h',
      connection: 'Keep-Alive, X-Private',
      'x-private': '1',
      'keep-alive': '5',
      te: 'trailers',
      'transfer-encoding': 'chunked',
      upgrade: 'h2c',
      'proxy-authorization': 'secret',
      expect: '100-continue',
      traceparent: '00-0-0-00',
      cookie: 'a=1; b=2',
      'set-cookie': ['a', 'b'],
      ['__proto__']: 'p',
    }
    expect(requestHeaders(raw, 'id', '/functions/f', PEER)).toEqual([
      ['host', 'h'],
      ['traceparent', '00-0-0-00'],
      ['cookie', 'a=1; b=2'],
      ['set-cookie', 'a'],
      ['set-cookie', 'b'],
      ['__proto__', 'p'],
      ['x-forwarded-for', '192.0.2.1'],
      ['x-request-id', 'id'],
      ['x-forwarded-prefix', '/functions/f'],
    ])
  })

  test('cannot claim a prefix, nor take the Host off', () => {
    const raw = { host: 'h', connection: 'host', 'x-forwarded-prefix': '/functions/other' }
    expect(requestHeaders(raw, 'id', '/functions/f', PEER)).toEqual([
      ['host', 'h'],
      ['x-forwarded-for', '192.0.2.1'],
      ['x-request-id', 'id'],
      ['x-forwarded-prefix', '/functions/f'],
    ])
  })

  test('of a proxy pass when it is trusted; the peer is appended in any case', () => {
    const claims = {
      forwarded: 'for=198.51.100.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'outer',
      'x-forwarded-port': '443',
    }
    const raw = { host: 'h', 'x-forwarded-for': '198.51.100.1', ...claims }
    const own: [string, string][] = [
      ['x-request-id', 'id'],
      ['x-forwarded-prefix', '/functions/f'],
    ]
    expect(requestHeaders(raw, 'id', '/functions/f', PEER)).toEqual([
      ['host', 'h'],
      ['x-forwarded-for', '198.51.100.1, 192.0.2.1'],
      ...own,
    ])
    const trusted = { address: undefined, trusted: true }
    expect(requestHeaders(raw, 'id', '/functions/f', trusted)).toEqual([
      ['host', 'h'],
      ...Object.entries(claims),
      ['x-forwarded-for', '198.51.100.1'],
      ...own,
    ])
  })

  test('an id is kept when it is well-formed', () => {
    for (const id of ['a', 'abc-123', '01HXYZ.a:b/c@d+e=_', 'x'.repeat(128)]) {
      expect(requestIdOf({ 'x-request-id': id })).toBe(id)
    }
    for (const id of ['', 'a b', 'a\u00e9', 'x'.repeat(129), '<b>', 'a, b']) {
      expect(requestIdOf({ 'x-request-id': id })).toMatch(/^[\da-f-]{36}$/)
    }
    expect(requestIdOf({})).not.toBe(requestIdOf({}))
  })
})

describe('response headers', () => {
  const made = (list: [string, string][], keepLength = false) =>
    new Response(null, { headers: responseHeaders(list, 'id', 'exec;dur=1', keepLength) }).headers

  test('of the connection stay behind, and the length is for Bun to say', () => {
    const headers = made([
      ['Connection', 'close'],
      ['Transfer-Encoding', 'chunked'],
      ['Content-Length', '5'],
      ['X-Own', '1'],
      ['__proto__', 'p'],
    ])
    expect(Object.fromEntries(headers)).toEqual({
      'x-own': '1',
      ['__proto__']: 'p',
      'server-timing': 'exec;dur=1',
      'x-request-id': 'id',
    })
    expect(made([['content-length', '5']], true).get('content-length')).toBe('5')
    expect(made([['content-length', '5, 6']], true).has('content-length')).toBe(false)
  })

  test.each(['a\0', 'a\r\nb: c', '\x01', 'a\x7fb', '\x1b[31m'])('may not hold %j', (value) => {
    expect(() => made([['x-own', value]])).toThrow("header 'x-own' contains a control character")
    const twice: [string, string][] = [
      ['a', '1'],
      ['a', value],
    ]
    expect(() => made(twice)).toThrow(TypeError)
    expect(made([['x-own', 'a\tb \u00e9']]).get('x-own')).toBe('a\tb \u00e9')
  })

  test('that repeat are each kept', () => {
    const headers = made([
      ['set-cookie', 'a=1'],
      ['Set-Cookie', 'b=2, c'],
      ['x-request-id', 'forged'],
      ['server-timing', 'db;dur=2'],
      ['content-length', '5'],
    ])
    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2, c'])
    expect(headers.get('x-request-id')).toBe('id')
    expect(headers.get('server-timing')).toBe('db;dur=2, exec;dur=1')
    expect(headers.has('content-length')).toBe(false)
  })
})

describe('a token of the service', () => {
  const peer = { address: '192.0.2.1', trusted: true }
  const passed = (raw: Record<string, string | string[]>) =>
    requestHeaders(raw, 'id', '/functions/f', peer).map(([name]) => name)
  const token = `fn_${'a'.repeat(43)}`

  test.each([
    `Bearer ${token}`,
    `bearer  ${token}`,
    `BEARER FN_${'a'.repeat(43)}`,
    `Bearer x, Bearer ${token}`,
    token,
    `Basic ${token}`,
  ])('never reaches a function: %s', (value) => {
    expect(passed({ authorization: value })).not.toContain('authorization')
  })

  test('leaves a function its own Authorization', () => {
    for (const value of ['Bearer abc', 'Basic Zm46eA==', 'Bearer xfn_abc', 'Bearer a-fn_abc'])
      expect(passed({ authorization: value })).toContain('authorization')
    const both = { authorization: 'Bearer own', 'functions-authorization': `Bearer ${token}` }
    expect(passed(both)).toContain('authorization')
  })

  test('in Functions-Authorization never reaches one, whatever its value is', () => {
    expect(passed({ 'functions-authorization': 'anything' })).toEqual([
      'x-forwarded-for',
      'x-request-id',
      'x-forwarded-prefix',
    ])
  })
})
