import { describe, expect, test } from 'bun:test'
import { mountedUrl, pathMount, validHost } from './target.ts'

describe('mountedUrl', () => {
  const rows: [url: string, name: string, expected: string | undefined][] = [
    ['http://h/functions/a', 'a', 'http://h/'],
    ['http://h/functions/a/', 'a', 'http://h/'],
    ['http://h/functions/a?x=/functions/b', 'a', 'http://h/?x=/functions/b'],
    ['http://h:1/functions/a/b/c?d=%2e%2e/', 'a', 'http://h:1/b/c?d=%2e%2e/'],
    ['http://h/functions/a/%20%2f%5c', 'a', 'http://h/%20%2f%5c'],
    ['http://h/functions/a/b..c/.d/e.', 'a', 'http://h/b..c/.d/e.'],
    ['http://h/functions/a//b', 'a', 'http://h//b'],
    ['http://h/functions/b', 'a', undefined],
    ['http://h/functions/ab', 'a', undefined],
    ['http://h/functions/%61', 'a', undefined],
    ['http://h/functions/a#b', 'a', 'http://h/'],
    ['http://h/functions/a/b?c#d?e/..%2f', 'a', 'http://h/b?c'],
    ['http://h/health', 'a', undefined],
    ['http://h/', '..', undefined],
    ['/functions/a', 'a', undefined],
    ['http://h/functions/a/..%2fb', 'a', undefined],
    ['http://h/functions/a/x%2F%2E./b', 'a', undefined],
    ['http://h/functions/a/..%5cb', 'a', undefined],
    ['http://h/functions/a/%5C.%2e', 'a', undefined],
    ['http://h/functions/a/x%2f.%2fb?q', 'a', undefined],
    ['http://h/functions/a/%00', 'a', undefined],
    ['http://h/functions/a/b?%00', 'a', 'http://h/b?%00'],
  ]
  for (const [url, name, expected] of rows) {
    test(`${url} as ${name}`, () =>
      expect(mountedUrl(url, pathMount(name, undefined).prefix)).toBe(expected as string))
  }
})

test('a host is one name or address, with a port that exists', () => {
  for (const host of ['a', 'a:1', 'A.b-c_d', '127.0.0.1:65535', '[::1]', '[::1]:80', 'a.']) {
    expect(validHost(host)).toBe(true)
  }
  const bad = [undefined, '', 'a, b', 'a b', 'a/b', 'a?b', 'a#b', 'u@h', 'a:65536', 'a:', ':1']
  for (const host of [...bad, '[::1', '[:::::]', '\u00e9', 'a\\b', 'a%00']) {
    expect(validHost(host)).toBe(false)
  }
})
