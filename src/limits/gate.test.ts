import { beforeEach, describe, expect, test } from 'bun:test'
import type { FunctionError } from '../errors.ts'
import { Gate, lowest, type Scope } from './gate.ts'
import { LocalLedger } from './ledger.ts'
import type { Limits } from './names.ts'

let now: number
let ledger: LocalLedger

beforeEach(() => {
  now = 0
  const noon = Date.UTC(2026, 10, 30, 12)
  ledger = new LocalLedger({ now: () => now, date: () => noon + now })
})

function scopes(project: Limits, fn: Limits = {}, installation: Limits = {}): Scope[] {
  return [
    { level: 'installation', name: '', limits: installation },
    { level: 'project', name: 'acme', limits: project },
    { level: 'function', name: 'acme/api', limits: fn },
  ]
}

function gateOf(project: Limits, fn: Limits = {}, installation: Limits = {}): Gate {
  return Gate.of(scopes(project, fn, installation), ledger) as Gate
}

function refusals(gate: Gate, tries: number): FunctionError[] {
  return Array.from({ length: tries }, () => gate.admit()).filter((error) => error !== undefined)
}

test('a function without limits that are counted has no gate', () => {
  expect(Gate.of(scopes({}), ledger)).toBeUndefined()
  expect(Gate.of(scopes({ memory: 2 ** 20, functions: 3 }, { cpu: 5 }), ledger)).toBeUndefined()
})

describe('the lowest limit wins', () => {
  test.each([
    [{ rps: 5 }, { rps: 50 }, {}, 'project'],
    [{ rps: 50 }, { rps: 5 }, {}, 'function'],
    [{ rps: 50 }, { rps: 50 }, { rps: 5 }, 'installation'],
  ])('%j %j %j', (project, fn, installation, level) => {
    const refused = refusals(gateOf(project, fn, installation), 8)
    expect(refused).toHaveLength(3)
    expect(refused[0]?.limit?.level).toBe(level)
    expect(lowest(scopes(project, fn, installation), 'rps')).toEqual({ value: 5, level } as never)
  })

  test('what one level refuses costs the others nothing', () => {
    const gate = gateOf({ rps: 10, concurrent: 10 }, { rps: 2, concurrent: 3 })
    expect(refusals(gate, 100)).toHaveLength(98)
    const other = Gate.of([{ level: 'project', name: 'acme', limits: { rps: 10 } }], ledger) as Gate
    expect(refusals(other, 10)).toHaveLength(2)
  })
})

test('functions of a project share its limits, and no other project does', () => {
  const first = gateOf({ rps: 4 })
  const second = Gate.of([{ level: 'project', name: 'acme', limits: { rps: 4 } }], ledger) as Gate
  const other = Gate.of([{ level: 'project', name: 'acme2', limits: { rps: 4 } }], ledger) as Gate
  expect(refusals(first, 3)).toHaveLength(0)
  expect(refusals(second, 3)).toHaveLength(2)
  expect(refusals(other, 4)).toHaveLength(0)
})

test('places are freed, also after the limits have changed', () => {
  const before = gateOf({ concurrent: 2 })
  expect(refusals(before, 3)).toHaveLength(1)
  const after = gateOf({ concurrent: 3 })
  expect(refusals(after, 3)).toHaveLength(2)
  before.leave()
  before.leave()
  expect(refusals(after, 3)).toHaveLength(1)
})

describe('a refusal', () => {
  test('of a rate says when to try again, and which limit it was', () => {
    const gate = gateOf({ rps: 2, burst: 4 })
    const [error] = refusals(gate, 5)
    expect(error).toMatchObject({ code: 'RATE_LIMITED', status: 429, retryAfter: 1 })
    expect(error?.limit).toEqual({
      name: 'rps',
      level: 'project',
      policy: '"rps";q=2;w=1',
      remaining: '"rps";r=0;t=1',
    })
    expect(error?.message).toBe(
      "Project 'acme' has reached its limit of requests per second: 2 (rps). Try again in 1 s.",
    )
  })

  test('of a quota', () => {
    const gate = gateOf({}, { cpuPerHour: 60_000 })
    gate.spendCpu(59_999_000)
    expect(gate.admit()).toBeUndefined()
    gate.spendCpu(1_000)
    const error = gate.admit()
    expect(error).toMatchObject({ code: 'QUOTA_EXCEEDED', status: 429, retryAfter: 3600 })
    expect(error?.limit?.policy).toBe('"cpuPerHour";q=60000;w=3600;qu="cpu-milliseconds"')
    expect(error?.message).toStartWith(
      "Function 'api' has reached its limit of CPU time in an hour: 1min",
    )
    now += 3_600_000
    expect(gate.admit()).toBeUndefined()
  })

  test('of concurrent requests', () => {
    const [error] = refusals(gateOf({}, {}, { concurrent: 1 }), 2)
    expect(error?.code).toBe('RATE_LIMITED')
    expect(error?.limit?.policy).toBe('"concurrent";q=1;qu="concurrent-requests"')
    expect(error?.message).toStartWith('This installation has reached')
  })
})

test('outbound requests and their bytes', () => {
  const gate = gateOf({ egressRequestsPerDay: 3, egressBytesPerDay: 1000 })
  expect([1, 2].map(() => gate.admitEgress())).toEqual([undefined, undefined])
  gate.spendEgress(1200)
  expect(gate.admitEgress()?.limit?.name).toBe('egressBytesPerDay')
  now += 86_400_000
  expect([1, 2, 3, 4].map(() => gate.admitEgress()?.limit?.name)).toEqual([
    undefined,
    undefined,
    undefined,
    'egressRequestsPerDay',
  ])
})
