import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allowedPath, isDomainAllowed, isPathAllowed } from './match.ts'
import { namedProfile } from './profiles.ts'

const strict = namedProfile('strict', 'default')
const permissive = namedProfile('permissive', 'default')
const dir = mkdtempSync(join(tmpdir(), 'functions-match-'))
const allowed = join(dir, 'allowed')

beforeAll(() => {
  mkdirSync(join(allowed, 'sub'), { recursive: true })
  mkdirSync(join(dir, 'allowed-not/deep'), { recursive: true })
  writeFileSync(join(dir, 'secret'), 'secret')
  writeFileSync(join(allowed, 'file'), 'file')
  symlinkSync(dir, join(allowed, 'up'))
  symlinkSync(join(dir, 'nothing'), join(allowed, 'dangling'))
  symlinkSync(join(dir, 'allowed-not/deep'), join(allowed, 'side'))
  symlinkSync(allowed, join(dir, 'alias'))
})

afterAll(() => rmSync(dir, { recursive: true }))

const only = (...allowedPaths: string[]) => ({ ...permissive, allowedPaths })

describe('paths', () => {
  test('are refused without the flag, and all are allowed with an empty list', () => {
    expect(isPathAllowed({ ...strict, allowedPaths: [allowed] }, join(allowed, 'file'))).toBe(false)
    expect(isPathAllowed(permissive, '/etc/passwd')).toBe(true)
  })

  test('are allowed at and below an allowed one, existing or not', () => {
    for (const path of ['', 'file', 'sub', 'new', 'new/deeper', 'sub/../file', './/file']) {
      expect(isPathAllowed(only(allowed), `${allowed}/${path}`)).toBe(true)
    }
    expect(isPathAllowed(only('/'), '/etc/passwd')).toBe(true)
    expect(isPathAllowed(only(`${allowed}/`), join(allowed, 'file'))).toBe(true)
  })

  test('are compared by whole names', () => {
    expect(isPathAllowed(only(allowed), join(dir, 'allowed-not'))).toBe(false)
    expect(isPathAllowed(only(allowed), dir)).toBe(false)
  })

  test('do not leave by dots', () => {
    expect(isPathAllowed(only(allowed), `${allowed}/../secret`)).toBe(false)
    expect(isPathAllowed(only(allowed), `${allowed}/missing/../../secret`)).toBe(false)
    expect(isPathAllowed(only(allowed), `${allowed}\0/../secret`)).toBe(false)
  })

  test('do not leave by symbolic links, nor by dots behind one', () => {
    expect(isPathAllowed(only(allowed), join(allowed, 'up/secret'))).toBe(false)
    expect(isPathAllowed(only(allowed), join(allowed, 'dangling'))).toBe(false)
    expect(isPathAllowed(only(allowed), `${allowed}/side/../file`)).toBe(false)
  })

  test('may be read and written, or only read', () => {
    expect(allowedPath('/srv/data')).toEqual({ path: '/srv/data', write: true })
    expect(allowedPath('/srv//data/:ro')).toEqual({ path: '/srv/data', write: false })
    expect(allowedPath('/')).toEqual({ path: '/', write: true })
    expect(isPathAllowed(only(`${allowed}:ro`), join(allowed, 'file'))).toBe(true)
  })

  test('are allowed through a link that is itself the allowed path', () => {
    expect(isPathAllowed(only(join(dir, 'alias')), join(allowed, 'file'))).toBe(true)
    expect(isPathAllowed(only(allowed), join(dir, 'alias/file'))).toBe(true)
  })
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
