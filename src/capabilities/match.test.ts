import { describe, expect, test } from 'bun:test'
import { allowedPath, isDomainAllowed } from './match.ts'
import { namedProfile } from './profiles.ts'

const strict = namedProfile('strict', 'default')
const permissive = namedProfile('permissive', 'default')

test('an allowed path may be read and written, or only read', () => {
  expect(allowedPath('/srv/data')).toEqual({ path: '/srv/data', write: true })
  expect(allowedPath('/srv//data/:ro')).toEqual({ path: '/srv/data', write: false })
  expect(allowedPath('/')).toEqual({ path: '/', write: true })
})

describe('domains', () => {
  const hosts = (...allowedDomains: string[]) => ({ ...permissive, allowedDomains })

  test('are refused without the flag, and all are allowed with an empty list', () => {
    expect(isDomainAllowed({ ...strict, allowedDomains: ['a.com'] }, 'a.com')).toBe(false)
    expect(isDomainAllowed(permissive, 'anything.example')).toBe(true)
  })

  test('match exactly', () => {
    const rules = hosts('api.example.com', '10.0.0.1', '::1')
    for (const host of [
      'api.example.com',
      'API.Example.com',
      'api.example.com.',
      '10.0.0.1',
      '[::1]',
    ]) {
      expect(isDomainAllowed(rules, host)).toBe(true)
    }
    for (const host of ['example.com', 'x.api.example.com', 'notapi.example.com', '10.0.0.10']) {
      expect(isDomainAllowed(rules, host)).toBe(false)
    }
  })

  test('with a wildcard match below it, and not the apex', () => {
    const rules = hosts('*.example.com')
    expect(isDomainAllowed(rules, 'a.example.com')).toBe(true)
    expect(isDomainAllowed(rules, 'b.a.example.com')).toBe(true)
    for (const host of ['example.com', '.example.com', 'badexample.com', 'example.com.evil.org']) {
      expect(isDomainAllowed(rules, host)).toBe(false)
    }
  })

  test('that are no host name match nothing, even where everything is allowed', () => {
    for (const host of [
      '',
      'a.com/x',
      'a.com:80',
      'x@a.com',
      'a.com\\.evil.org',
      'a..com',
      ' a.com',
    ]) {
      expect(isDomainAllowed(permissive, host)).toBe(false)
    }
  })
})
