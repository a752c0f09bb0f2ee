import { beforeEach, describe, expect, test } from 'bun:test'
import { type Account, LocalLedger } from './ledger.ts'

const HOUR_MS = 3_600_000
const SECOND_MS = 1_000

let now: number
let date: number
let ledger: LocalLedger

beforeEach(() => {
  now = 0
  date = Date.UTC(2026, 10, 30, 12, 59, 59)
  ledger = new LocalLedger({ now: () => now, date: () => date })
})

/** Time passes on both clocks. */
function pass(ms: number): void {
  now += ms
  date += ms
}

function rate(perSecond: number, burst: number, key = 'r'): Account {
  return { key, policy: { kind: 'rate', perSecond, burst } }
}

function quota(units: number, window: 'hour' | 'day', key = 'q'): Account {
  return { key, policy: { kind: 'quota', units, window } }
}

/** How many of `tries` are granted. */
function granted(account: Account, tries: number): number {
  let count = 0
  for (let i = 0; i < tries; i++) count += ledger.lease(account, 1)
  return count
}

describe('a rate', () => {
  test('allows its burst at once, then its units a second', () => {
    const account = rate(10, 30)
    expect(granted(account, 100)).toBe(30)
    expect(ledger.waitMs(account)).toBeCloseTo(100)
    pass(100)
    expect(granted(account, 5)).toBe(1)
    pass(SECOND_MS)
    expect(granted(account, 100)).toBe(10)
    pass(HOUR_MS)
    expect(granted(account, 100)).toBe(30)
  })

  test('grants a part of a larger lease', () => {
    const account = rate(10, 30)
    expect(ledger.lease(account, 20)).toBe(20)
    expect(ledger.lease(account, 20)).toBe(10)
    expect(ledger.lease(account, 20)).toBe(0)
    ledger.giveBack(account, 7)
    expect(ledger.lease(account, 20)).toBe(7)
  })

  test('holds whatever the wall clock does', () => {
    const account = rate(10, 10)
    expect(granted(account, 20)).toBe(10)
    date += HOUR_MS
    expect(granted(account, 20)).toBe(0)
    date -= 2 * HOUR_MS
    expect(granted(account, 20)).toBe(0)
    now += SECOND_MS
    expect(granted(account, 20)).toBe(10)
  })

  test('can change while it is used', () => {
    expect(granted(rate(10, 100), 60)).toBe(60)
    expect(granted(rate(10, 20), 60)).toBe(20)
    pass(SECOND_MS)
    expect(granted(rate(1000, 2000), 5000)).toBe(1000)
  })
})

test('places are free again when they are given back', () => {
  const account: Account = { key: 'c', policy: { kind: 'concurrent', units: 2 } }
  expect(granted(account, 3)).toBe(2)
  ledger.giveBack(account, 1)
  expect(granted(account, 3)).toBe(1)
  ledger.giveBack(account, 1)
  ledger.giveBack(account, 1)
  ledger.giveBack(account, 1)
  expect(ledger.left(account)).toBe(2)
  expect(ledger.size).toBe(0)
})

describe('a quota', () => {
  test('counts what was used beyond it, until the next hour or day', () => {
    const hour = quota(100, 'hour', 'h')
    const day = quota(100, 'day', 'd')
    ledger.spend(hour, 150)
    ledger.spend(day, 150)
    expect(ledger.left(hour)).toBe(-50)
    expect(ledger.waitMs(hour)).toBe(SECOND_MS)
    expect(ledger.waitMs(day)).toBe(11 * HOUR_MS + SECOND_MS)
    pass(SECOND_MS)
    expect(ledger.left(hour)).toBe(100)
    expect(ledger.left(day)).toBe(-50)
    pass(11 * HOUR_MS)
    expect(ledger.left(day)).toBe(100)
  })

  test('is right at once after a clock that jumps forward and back', () => {
    const hour = quota(100, 'hour')
    ledger.spend(hour, 100)
    date += HOUR_MS
    expect(ledger.left(hour)).toBe(100)
    ledger.spend(hour, 30)
    date -= HOUR_MS
    expect(ledger.left(hour)).toBe(0)
    date += HOUR_MS
    expect(ledger.left(hour)).toBe(70)
    date -= 2 * HOUR_MS
    expect(ledger.left(hour)).toBe(100)
  })

  test('begins with what an earlier process counted', () => {
    const hour = quota(100, 'hour')
    ledger.spend(hour, 10)
    ledger.raise(hour, 40)
    expect(ledger.left(hour)).toBe(60)
    ledger.raise(hour, 20)
    expect(ledger.left(hour)).toBe(60)
    pass(HOUR_MS)
    ledger.raise(hour, 0)
    expect(ledger.left(hour)).toBe(100)
  })
})

test('100,000 projects leave no entry behind when their limits are whole again', () => {
  date = Date.UTC(2026, 10, 30, 12)
  for (let i = 0; i < 100_000; i++) {
    ledger.lease(rate(10, 10, `rate ${i}`), 1)
    ledger.spend(quota(100, 'hour', `hour ${i}`), 1)
    const place: Account = { key: `place ${i}`, policy: { kind: 'concurrent', units: 1 } }
    ledger.lease(place, 1)
    ledger.giveBack(place, 1)
  }
  expect(ledger.size).toBe(200_000)
  pass(10 * SECOND_MS)
  ledger.spend(quota(100, 'hour', 'one more'), 1)
  // The quotas of this hour are not forgotten.
  expect(ledger.size).toBe(100_001)
  expect(ledger.left(quota(100, 'hour', 'hour 5'))).toBe(99)
  pass(3 * HOUR_MS)
  ledger.spend(quota(100, 'hour', 'one more later'), 1)
  expect(ledger.size).toBe(1)
})
