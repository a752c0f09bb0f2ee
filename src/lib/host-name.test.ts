import { describe, expect, test } from 'bun:test'
import {
  allowsHost,
  type HostPattern,
  hostOf,
  parseDomainPattern,
  parseFunctionPattern,
  parseHost,
} from './host-name.ts'

test('the host of a URL has no port, no dot at the end and no capitals', () => {
  for (const [url, host] of [
    ['http://example.com/', 'example.com'],
    ['http://Example.COM:8080/a:b', 'example.com'],
    ['https://example.com.:443/', 'example.com'],
    ['http://example.com.', 'example.com'],
    ['https://example.com', 'example.com'],
    ['http://a/x.y:1', 'a'],
    ['http://127.0.0.1:80/', '127.0.0.1'],
    ['http://[::1]:80/', ''],
    ['http:///x', ''],
  ])
    expect([url, hostOf(url as string)]).toEqual([url, host])
})

describe('a host of a route', () => {
  test.each([
    ['Example.COM', 'example.com'],
    ['example.com.', 'example.com'],
    ['*.Example.com', '*.example.com'],
    ['b\u00fccher.example', 'xn--bcher-kva.example'],
    ['*.b\u00fccher.example', '*.xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['localhost', 'localhost'],
    ['a_b.example', 'a_b.example'],
    ['\uff45xample.com', 'example.com'],
  ])('%j is %j', (text, host) => expect(parseHost(text)).toBe(host))

  test.each([
    '',
    '.',
    '*',
    '*.',
    '*.*.example.com',
    'a.*.example.com',
    '*a.example.com',
    'example.com:80',
    'http://example.com',
    'user@example.com',
    'example.com/a',
    'example..com',
    '-a.example.com',
    'a-.example.com',
    'a b.example.com',
    'a%2eb.example.com',
    '127.0.0.1',
    '127.1',
    '0x7f000001',
    '[::1]',
    `${'a'.repeat(64)}.example.com`,
    `${'a.'.repeat(127)}example.com`,
    'example.com?x',
    'example.com#x',
    'example.com\\x',
    'a\0b.example.com',
    'xn--a.example.com\u3002',
  ])('%j is refused', (text) => expect(parseHost(text)).toBeUndefined())
})

describe('a pattern of the settings', () => {
  test('names a function and its project', () => {
    const pattern = parseFunctionPattern('{name}.{project}.Example.com') as HostPattern
    const groups = pattern.regExp.exec('api.shop.example.com')?.groups
    expect({ ...groups }).toEqual({ name: 'api', project: 'shop' })
    for (const host of ['api.example.com', 'a.api.shop.example.com', 'api.shop.example.com.evil'])
      expect(pattern.regExp.test(host)).toBe(false)
    expect(parseFunctionPattern('{name}.example.com')?.project).toBe(false)
  })

  test.each([
    '{name}',
    '{name}.{project}',
    '{project}.example.com',
    'example.com',
    '{name}.{name}.example.com',
    '{name}-{project}.example.com',
    '{other}.{name}.example.com',
    '*.{name}.example.com',
    '{name}..example.com',
    '',
  ])('%j names none', (text) => expect(parseFunctionPattern(text)).toBeUndefined())

  test('says which hosts a project may use', () => {
    const patterns = ['*.{project}.example.com', 'www.{project}.example.org'].map(
      (text) => parseDomainPattern(text) as HostPattern,
    )
    const allowed = (host: string, project: string) => allowsHost(patterns, host, project)
    expect(allowed('a.shop.example.com', 'shop')).toBe(true)
    expect(allowed('*.shop.example.com', 'shop')).toBe(true)
    expect(allowed('www.shop.example.org', 'shop')).toBe(true)
    expect(allowed('a.shop.example.com', 'other')).toBe(false)
    expect(allowed('a.b.shop.example.com', 'shop')).toBe(false)
    expect(allowed('shop.example.com', 'shop')).toBe(false)
    expect(allowed('a.shop.example.com.evil', 'shop')).toBe(false)
    expect(allowed('a.shopxexample.com', 'shop')).toBe(false)
    expect(allowsHost([], 'a.shop.example.com', 'shop')).toBe(false)
  })

  test.each(['*', '*.{project}', '*.{name}.example.com', ''])('%j allows none', (text) =>
    expect(parseDomainPattern(text)).toBeUndefined(),
  )
})
