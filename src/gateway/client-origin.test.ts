import { describe, expect, test } from 'bun:test'
import { TrustedProxies } from './client-origin.ts'
import type { RawHeaders } from './headers.ts'

const PROXIES = ['10.0.0.0/8', '192.0.2.7', '2001:db8:1::/48', '::ffff:172.16.0.0/108']
const proxies = new TrustedProxies(PROXIES)
const OWN = '127.0.0.1:8080'

function originOf(peer: string | undefined, headers: RawHeaders, of = proxies) {
  return of.originOf(peer, { host: 'inner', ...headers }, OWN)
}

const addressOf = (peer: string | undefined, forwardedFor: string) =>
  originOf(peer, { 'x-forwarded-for': forwardedFor }).address

describe('whom to believe', () => {
  const claims = {
    'x-forwarded-for': '203.0.113.9',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'outer',
    forwarded: 'for=203.0.113.9;proto=https;host=outer',
  }

  test('nobody, by default', () => {
    for (const peer of ['127.0.0.1', '::1', '10.0.0.1', '203.0.113.1']) {
      expect(originOf(peer, claims, new TrustedProxies([]))).toEqual({
        address: peer,
        base: undefined,
        trusted: false,
      })
    }
  })

  test('nor a connection that was reset before its address was read', () => {
    const everyone = new TrustedProxies(['0.0.0.0/0', '::/0'])
    expect(everyone.originOf(undefined, claims, OWN)).toEqual({
      address: undefined,
      base: undefined,
      trusted: false,
    })
  })

  test.each([
    ['11.0.0.1'],
    ['192.0.2.8'],
    ['2001:db8:2::1'],
    ['::1'],
    ['172.32.0.1'],
    // Of another family, with the same bytes at the start.
    ['a00::1'],
  ])('not %s, which is no entry', (peer) => {
    expect(originOf(peer, claims)).toEqual({ address: peer, base: undefined, trusted: false })
  })

  test.each([['10.255.255.255'], ['192.0.2.7'], ['2001:db8:1:ff::1'], ['172.31.0.1']])(
    '%s, which is an entry',
    (peer) => {
      expect(originOf(peer, claims)).toEqual({
        address: '203.0.113.9',
        base: 'https://outer',
        trusted: true,
      })
    },
  )
})

describe('X-Forwarded-For is read from the right', () => {
  test.each([
    // [what arrives, the client]
    ['203.0.113.9', '203.0.113.9'],
    ['1.1.1.1, 203.0.113.9', '203.0.113.9'],
    ['10.0.0.9, 203.0.113.9', '203.0.113.9'],
    ['1.1.1.1, 203.0.113.9, 10.0.0.2, 10.0.0.3', '203.0.113.9'],
    ['10.0.0.3,10.0.0.2', '10.0.0.3'],
    ['garbage, 203.0.113.9', '203.0.113.9'],
    ['" , 203.0.113.9', '203.0.113.9'],
    [', 203.0.113.9', '203.0.113.9'],
  ])('%s', (header, client) => expect(addressOf('10.0.0.1', header)).toBe(client))

  test.each([
    ['203.0.113.9:50000', '203.0.113.9'],
    ['[2001:DB8::0:1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['2001:db8:0:0::1', '2001:db8::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['::ffff:cb00:7109', '203.0.113.9'],
    ['[::ffff:203.0.113.9]:80', '203.0.113.9'],
    // A mapped address of a trusted proxy is that proxy.
    ['203.0.113.9, ::ffff:10.0.0.2', '203.0.113.9'],
    ['203.0.113.9, [2001:db8:1::9]:5', '203.0.113.9'],
  ])('%s is an address', (header, client) => expect(addressOf('10.0.0.1', header)).toBe(client))

  test.each([
    [''],
    ['unknown'],
    ['_hidden'],
    ['203.0.113.9, unknown'],
    ['203.0.113.9,'],
    ['010.0.0.9'],
    ['0x7f.1'],
    ['2130706433'],
    ['127.1'],
    ['203.0.113.256'],
    ['fe80::1%eth0'],
    ['[fe80::1%25eth0]:80'],
    ['[203.0.113.9]:80'],
    ['[2001:db8::1'],
    ['2001:db8::1]'],
    ['[]'],
    ['203.0.113.9:'],
    ['203.0.113.9:123456'],
    ['203.0.113.9 198.51.100.1'],
    ['203.0.113.9\0'],
    ['<script>'],
    ['localhost'],
    ['203.0.113.9:80:90'],
  ])('%j is no address: the client is unknown, and not the proxy', (header) => {
    expect(addressOf('10.0.0.1', header)).toBeUndefined()
  })

  test('a chain without end is cut off', () => {
    const chain = Array.from({ length: 2_000 }, () => '10.0.0.2').join(',')
    expect(addressOf('10.0.0.1', `203.0.113.9,${chain}`)).toBeUndefined()
  })

  test('a trusted proxy that names nobody is the client itself', () => {
    expect(originOf('10.0.0.1', {})).toEqual({
      address: '10.0.0.1',
      base: undefined,
      trusted: true,
    })
  })
})

describe('Forwarded', () => {
  const of = (header: string, others: RawHeaders = {}) =>
    originOf('10.0.0.1', { forwarded: header, ...others })

  test.each([
    ['for=203.0.113.9', '203.0.113.9', undefined],
    ['For="[2001:db8::1]:4711";Proto=HTTPS', '2001:db8::1', 'https://inner'],
    [
      'for=203.0.113.9;proto=https;by=10.0.0.1;host="a.example:8443"',
      '203.0.113.9',
      'https://a.example:8443',
    ],
    [
      'for=1.1.1.1;proto=http;host=evil, for=203.0.113.9;proto=https;host=a.example',
      '203.0.113.9',
      'https://a.example',
    ],
    [
      'for=203.0.113.9;proto=https;host=a.example, for=10.0.0.2;proto=http;host=b',
      '203.0.113.9',
      'https://a.example',
    ],
    ['for=unknown;proto=https', undefined, 'https://inner'],
    ['for=_secret', undefined, undefined],
    ['proto=https', undefined, 'https://inner'],
    ['for="\\2\\0\\3.0.113.9"', '203.0.113.9', undefined],
  ] as const)('%s', (header, address, base) => {
    expect(of(header)).toEqual({ address, base, trusted: true })
  })

  test.each([
    ['for="'],
    // The client's open quote would take in what the proxy appended.
    ['for=", for=203.0.113.9;proto=https'],
    ['for=203.0.113.9,'],
    ['for'],
    ['=203.0.113.9'],
    ['for=203.0.113.9;;proto=https'],
    ['for=a b'],
    ['\\'],
  ])('%j is malformed, and nothing of it is believed', (header) => {
    expect(of(header)).toEqual({ address: undefined, base: undefined, trusted: true })
  })

  test('is not read where X-Forwarded-For is: a proxy that sets one passes the other on', () => {
    const both = of('for=6.6.6.6;proto=https;host=evil', { 'x-forwarded-for': '203.0.113.9' })
    expect(both).toEqual({ address: '203.0.113.9', base: undefined, trusted: true })
  })
})

describe('the outer scheme and host', () => {
  const baseOf = (headers: RawHeaders, peer = '10.0.0.1') => originOf(peer, headers).base

  test.each([
    [{ 'x-forwarded-proto': 'https' }, 'https://inner'],
    [{ 'x-forwarded-proto': 'HTTPS' }, 'https://inner'],
    [{ 'x-forwarded-proto': 'http' }, undefined],
    [{ 'x-forwarded-proto': 'javascript' }, undefined],
    [{ 'x-forwarded-proto': 'wss' }, undefined],
    [{ 'x-forwarded-host': 'A.example' }, 'http://a.example'],
    [
      { 'x-forwarded-host': 'a.example:8443', 'x-forwarded-proto': 'https' },
      'https://a.example:8443',
    ],
    [{ 'x-forwarded-host': 'a.example:443', 'x-forwarded-proto': 'https' }, 'https://a.example'],
    [{ host: 'a.example:80', 'x-forwarded-proto': 'https' }, 'https://a.example:80'],
    [{ host: '', 'x-forwarded-proto': 'https' }, `https://${OWN}`],
    [{ 'x-forwarded-host': '[2001:db8::1]:80' }, 'http://[2001:db8::1]'],
  ])('%j', (headers, base) => expect(baseOf(headers as RawHeaders)).toBe(base as string))

  test.each([['a/b'], ['u@evil'], ['a b'], ['evil?'], ['a:99999'], ['a#'], ['\u00e9']])(
    'a host %j is left out',
    (host) => expect(baseOf({ 'x-forwarded-host': host })).toBe('http://inner'),
  )

  test('of a list, the outermost trusted proxy wrote it', () => {
    const proto = 'x-forwarded-proto'
    expect(baseOf({ 'x-forwarded-for': '203.0.113.9', [proto]: 'https, http' })).toBeUndefined()
    const chain = { 'x-forwarded-for': '203.0.113.9, 10.0.0.2' }
    expect(baseOf({ ...chain, [proto]: 'https, http' })).toBe('https://inner')
    expect(baseOf({ ...chain, [proto]: 'https, http, http' })).toBeUndefined()
    expect(baseOf({ ...chain, [proto]: 'https' })).toBe('https://inner')
  })

  test('is made anew when it changes', () => {
    for (const host of ['a', 'b', 'a', 'x y', 'b']) {
      const base = baseOf({ 'x-forwarded-host': host })
      expect(base).toBe(host === 'x y' ? 'http://inner' : `http://${host}`)
    }
  })
})
