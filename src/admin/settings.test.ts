import { describe, expect, test } from 'bun:test'
import { namedProfile } from '../capabilities/profiles.ts'
import { FunctionError } from '../errors.ts'
import { checked, functionNameSchema, resolveSettings, versionNameSchema } from './settings.ts'

const MB = 2 ** 20

function refusal(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof FunctionError) {
      expect(error.code).toBe('BAD_REQUEST')
      expect(error.message).not.toContain('\n')
      return error.message
    }
    throw error
  }
  throw new Error('it was not refused')
}

describe('settings', () => {
  test('that say nothing are strict, with the runtime that the caller has', () => {
    expect(resolveSettings({}, 'quickjs-ng')).toEqual({
      version: undefined,
      settings: {
        runtime: 'quickjs-ng',
        handler: 'default',
        capabilities: namedProfile('strict', 'default'),
        config: { profile: 'strict', exposeErrors: false },
      },
    })
    expect(resolveSettings({ profile: 'permissive' }, 'bun').settings.runtime).toBe('bun')
    const { config } = resolveSettings({ retry: false }, 'quickjs-ng').settings
    expect(config).toEqual({ profile: 'strict', exposeErrors: false, retry: false })
  })

  test('lower the limits of their profile', () => {
    const { settings } = resolveSettings(
      { maxMemory: 64 * MB, maxCpu: 500, timeoutMs: 5000, maxWorkers: 2, concurrency: 4 },
      'quickjs-ng',
    )
    expect(settings.capabilities).toMatchObject({ maxMemory: 64 * MB, maxCpu: 500 })
    expect(settings.config).toMatchObject({ timeoutMs: 5000, maxWorkers: 2, concurrency: 4 })
  })

  test('raise none of them, and the profile’s value is named', () => {
    expect(refusal(() => resolveSettings({ maxMemory: 5000 * MB }, 'quickjs-ng'))).toContain(
      '100MB',
    )
    expect(refusal(() => resolveSettings({ maxCpu: 60_000 }, 'quickjs-ng'))).toContain('30s')
  })

  test('take a custom profile by its JSON', () => {
    const customProfile = '{"allowNetwork":true,"allowedDomains":["a.com"],"maxMemory":"8MB"}'
    const { settings } = resolveSettings({ profile: 'custom', customProfile }, 'quickjs-ng')
    expect(settings.capabilities).toMatchObject({ allowNetwork: true, maxMemory: 8 * MB })
    expect(settings.config.profile).toBe('custom')
    const wrong = { profile: 'custom', customProfile: '{"allowNetwrk":true}' } as const
    expect(refusal(() => resolveSettings(wrong, 'quickjs-ng'))).toContain('allowNetwrk')
    refusal(() => resolveSettings({ profile: 'custom' }, 'quickjs-ng'))
    refusal(() => resolveSettings({ profile: 'strict', customProfile }, 'quickjs-ng'))
  })

  test('for bun may be any that allows eval', () => {
    const customProfile = '{"allowEval":true}'
    const given = { runtime: 'bun', profile: 'custom', customProfile } as const
    const { settings } = resolveSettings(given, 'quickjs-ng')
    expect(settings.capabilities.allowFilesystem).toBe(false)
  })

  test('for bun need one that allows eval, and say why', () => {
    const customProfile = '{"allowEval":false}'
    for (const given of [{}, { profile: 'custom', customProfile } as const]) {
      const message = refusal(() => resolveSettings({ ...given, runtime: 'bun' }, 'quickjs-ng'))
      expect(message).toContain('permissive')
      expect(message).toContain('eval')
    }
  })

  test('that are wrong are refused by name', () => {
    const rows: [object, string][] = [
      [{ version: 'a/b' }, 'version'],
      [{ runtime: 'node' }, 'runtime'],
      [{ handler: 'a b' }, 'handler'],
      [{ handler: 'a.b' }, 'handler'],
      [{ profile: 'lax' }, 'profile'],
      [{ timeoutMs: 0 }, 'timeoutMs'],
      [{ maxWorkers: 1.5 }, 'maxWorkers'],
      [{ concurrency: -1 }, 'concurrency'],
      [{ exposeErrors: 'yes' }, 'exposeErrors'],
      [{ maxmemory: 1 }, 'maxmemory'],
      [[], 'object'],
    ]
    for (const [given, name] of rows) {
      expect(refusal(() => resolveSettings(given as never, 'quickjs-ng'))).toContain(name)
    }
  })
})

describe('a limit that is wrong', () => {
  const names = { maxMemory: '--memory', maxCpu: '--cpu', maxWorkers: '--max-workers' }
  const rows: [object, string][] = [
    [{ maxCpu: 0 }, 'maxCpu: must be a whole number of milliseconds above 0.'],
    [{ maxCpu: 1.5 }, 'maxCpu: must be a whole number of milliseconds above 0.'],
    [{ maxCpu: '1s' }, 'maxCpu: must be a whole number of milliseconds above 0.'],
    [{ maxMemory: -1 }, 'maxMemory: must be a whole number of bytes above 0.'],
    [{ maxWorkers: 0 }, 'maxWorkers: must be a whole number from 1 to 10000.'],
    [{ maxCpu: 3_600_000 }, 'maxCpu 1h is above'],
    [{ maxMemory: 5 }, 'maxMemory 5B: must be at least 1MB'],
  ]

  test.each(rows)('is reported in words: %j', (given, message) => {
    expect(refusal(() => resolveSettings(given as never, 'quickjs-ng'))).toContain(message)
  })

  test.each(rows)('has the name that its caller knows: %j', (given, message) => {
    const [key = ''] = Object.keys(given)
    const named = message.replace(key, names[key as keyof typeof names])
    const shown = refusal(() => resolveSettings(given as never, 'quickjs-ng', names))
    expect(shown).toContain(named)
    expect(shown).not.toContain(key)
  })

  test.each([
    ['{"maxCpu":0}', 'maxCpu: must be at least 1ms'],
    ['{"maxFileDescriptors":0.5}', 'maxFileDescriptors: must be a whole number above 0'],
    ['{"maxMemory":0.5}', 'maxMemory: must be whole bytes'],
  ])('in a profile is reported in words: %s', (customProfile, message) => {
    const given = { profile: 'custom', customProfile } as const
    expect(refusal(() => resolveSettings(given, 'quickjs-ng'))).toContain(message)
  })
})

describe('names', () => {
  test('of functions', () => {
    for (const name of ['a', '0', 'hello-world', 'a--b', 'a'.repeat(63)]) {
      expect(checked(functionNameSchema, name)).toBe(name)
    }
    for (const name of [
      '',
      '-',
      'a-',
      '-a',
      'A',
      'a.b',
      '../a',
      'a/b',
      'a_b',
      'a\n',
      'a'.repeat(64),
    ]) {
      refusal(() => checked(functionNameSchema, name, 'name'))
    }
  })

  test('of versions', () => {
    for (const name of ['v1', '1.0.0', '2026-01-28', 'V_2', 'a'.repeat(63)]) {
      expect(checked(versionNameSchema, name)).toBe(name)
    }
    for (const name of [
      '',
      '.',
      '..',
      'a..b',
      'a/b',
      '/a',
      '.a',
      '-a',
      'v1\n',
      'a b',
      'a'.repeat(64),
    ]) {
      refusal(() => checked(versionNameSchema, name, 'version'))
    }
  })
})
