import { describe, expect, test } from 'bun:test'
import { changed, limitsChangeSchema, limitsOf, namesOf } from './names.ts'

function parse(level: 'project' | 'function' | 'token', value: unknown): unknown {
  return limitsChangeSchema(level).parse(value)
}

function reasons(level: 'project' | 'function', value: unknown): string | undefined {
  const issue = limitsChangeSchema(level).safeParse(value).error?.issues[0]
  return issue && `${issue.path.join('.')} ${issue.message}`
}

test('values have their units, and null or none removes one', () => {
  expect(
    parse('project', { rps: '50', cpuPerHour: '60s', memory: '64MB', storage: 5, burst: 'none' }),
  ).toEqual({ rps: 50, cpuPerHour: 60_000, memory: 64 * 2 ** 20, storage: 5, burst: null })
  expect(parse('function', { concurrent: null })).toEqual({ concurrent: null })
})

describe('a value that is not valid is refused with its name and why', () => {
  test.each([
    [{ rps: 0 }, 'rps must be a whole number, from 1 to 1000000'],
    [{ rps: -1 }, 'rps must be a whole number'],
    [{ rps: 1.5 }, 'rps must be a whole number'],
    [{ rps: 'many' }, 'rps must be a whole number'],
    [{ rps: true }, 'rps must be a whole number'],
    [{ rps: '1e9' }, 'rps must be a whole number'],
    [{ cpuPerHour: '60' }, 'cpuPerHour must be a duration such as "60s"'],
    [{ memory: '1KB' }, 'memory must be a size such as "64MB", from 1MB to'],
    [{ memory: Number.MAX_VALUE }, 'memory must be a size'],
    [{ rpm: 5 }, " there is no limit 'rpm' of a function: the limits are rps, burst"],
    [{ functions: 5 }, " there is no limit 'functions' of a function"],
    [[], ' must be an object of limits'],
  ])('%j', (value, reason) => {
    expect(reasons('function', value)).toStartWith(reason)
  })
})

test('a token has those that count its calls', () => {
  expect(namesOf('token')).toEqual(['rps', 'burst', 'concurrent'])
  expect(parse('token', { rps: 5 })).toEqual({ rps: 5 })
  expect(limitsChangeSchema('token').safeParse({ memory: '5MB' }).success).toBe(false)
})

test('a burst without a rate is refused', () => {
  expect(() => changed({}, { burst: 5 })).toThrow('burst needs rps')
  expect(() => changed({ rps: 1, burst: 5 }, { rps: null })).toThrow('burst needs rps')
  expect(changed({ rps: 1, burst: 5 }, { rps: null, burst: null })).toEqual({})
})

test('a change keeps what it does not name', () => {
  expect(changed({ rps: 1, cpu: 5 }, { rps: null, memory: 2 ** 20 })).toEqual({
    cpu: 5,
    memory: 2 ** 20,
  })
})

test('limits of a later release are left out', () => {
  expect(limitsOf({ rps: 1, later: 5 })).toEqual({ rps: 1 })
})
