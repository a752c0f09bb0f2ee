import { describe, expect, test } from 'bun:test'
import { lowerLimits, namedProfile, parseCustomProfile } from './profiles.ts'
import { capabilitiesSchema } from './schema.ts'

const MB = 1024 * 1024
const custom = (value: unknown) => parseCustomProfile(JSON.stringify(value), 'default')

describe('the named profiles', () => {
  test('have the documented values and validate', () => {
    const strict = namedProfile('strict', 'p')
    expect(strict).toEqual({
      allowFilesystem: false,
      allowedPaths: [],
      allowNetwork: false,
      allowedDomains: [],
      allowChildProcess: false,
      allowEval: false,
      maxMemory: 100 * MB,
      maxCpu: 30_000,
      maxFileDescriptors: 10,
      projectId: 'p',
    })
    const permissive = namedProfile('permissive', 'p')
    expect(permissive).toEqual({
      ...strict,
      allowFilesystem: true,
      allowNetwork: true,
      allowChildProcess: true,
      allowEval: true,
      maxMemory: 512 * MB,
      maxCpu: 300_000,
      maxFileDescriptors: 100,
    })
    expect(capabilitiesSchema.parse(strict)).toEqual(strict)
    expect(capabilitiesSchema.parse(permissive)).toEqual(permissive)
  })

  test('are copies: one function cannot widen another', () => {
    namedProfile('strict', 'p').allowedPaths.push('/')
    expect(namedProfile('strict', 'p').allowedPaths).toEqual([])
  })
})

describe('a custom profile', () => {
  test('is off, 256 MB, 1 min, 50 where it says nothing', () => {
    expect(custom({})).toEqual({
      ...namedProfile('strict', 'default'),
      maxMemory: 256 * MB,
      maxCpu: 60_000,
      maxFileDescriptors: 50,
    })
  })

  test('takes units and normalises domains', () => {
    const profile = custom({
      allowNetwork: true,
      allowedDomains: ['API.Example.com', '*.Exämple.com'],
      maxMemory: '64MB',
      maxCpu: '500ms',
    })
    expect(profile.allowedDomains).toEqual(['api.example.com', '*.xn--exmple-cua.com'])
    expect(profile.maxMemory).toBe(64 * MB)
    expect(profile.maxCpu).toBe(500)
    expect(capabilitiesSchema.parse(profile)).toEqual(profile)
  })

  test('that does not validate is refused with the key that is wrong', () => {
    const rows: [unknown, string][] = [
      [{ allowNetwrk: true }, 'allowNetwrk'],
      [{ maxMemory: 'a lot' }, 'maxMemory'],
      [{ maxMemory: 1000 }, 'maxMemory'],
      [{ maxCpu: -1 }, 'maxCpu'],
      [{ allowEval: 'yes' }, 'allowEval'],
      [{ allowedPaths: ['relative'] }, 'allowedPaths.0'],
      [{ allowedPaths: '/' }, 'allowedPaths'],
      [{ allowedDomains: ['http://a.com'] }, 'allowedDomains.0'],
      [{ allowedDomains: ['*'] }, 'allowedDomains.0'],
      [{ allowEval: null }, 'allowEval'],
      [{ projectId: 'other' }, 'projectId'],
      [[], 'one JSON object'],
      [null, 'one JSON object'],
    ]
    for (const [value, key] of rows) {
      expect(() => custom(value)).toThrow(key)
    }
    expect(() => parseCustomProfile('{', 'default')).toThrow('JSON')
    expect(() => parseCustomProfile('{"__proto__":{"allowEval":true}}', 'default')).toThrow()
  })
})

describe('lowering', () => {
  const strict = namedProfile('strict', 'default')

  test('lowers what a flag names and leaves the profile as it was', () => {
    const lowered = lowerLimits(strict, { maxMemory: 64 * MB, maxCpu: 500 })
    expect(lowered).toEqual({ ...strict, maxMemory: 64 * MB, maxCpu: 500 })
    expect(strict.maxMemory).toBe(100 * MB)
    expect(lowerLimits(strict, {})).toEqual(strict)
  })

  test('never raises, and names the value of the profile', () => {
    expect(() => lowerLimits(strict, { maxMemory: 101 * MB })).toThrow('100MB')
    expect(() => lowerLimits(strict, { maxCpu: 30_001 })).toThrow('30s')
    expect(() => lowerLimits(strict, { maxMemory: 0 })).toThrow('maxMemory')
  })
})
