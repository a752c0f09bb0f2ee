import { expect, test } from 'bun:test'
import type { Clock } from '../lib/clock.ts'
import { FailedAttempts } from './failed-attempts.ts'

class TestClock implements Clock {
  time = 0
  now(): number {
    return this.time
  }
  after(): () => void {
    return () => {}
  }
}

function attempts() {
  const clock = new TestClock()
  return { clock, failed: new FailedAttempts(clock) }
}

const fail = (failed: FailedAttempts, address: string, times: number) => {
  for (let n = 0; n < times; n++) failed.add(address)
}

test('the eleventh attempt of a minute has to wait until the minute is over', () => {
  const { clock, failed } = attempts()
  fail(failed, '192.0.2.1', 9)
  clock.time = 20_000
  expect(failed.waitOf('192.0.2.1')).toBe(0)
  failed.add('192.0.2.1')
  expect(failed.waitOf('192.0.2.1')).toBe(40)
  expect(failed.waitOf('192.0.2.2')).toBe(0)
  clock.time = 59_001
  expect(failed.waitOf('192.0.2.1')).toBe(1)
  clock.time = 60_000
  expect(failed.waitOf('192.0.2.1')).toBe(0)
  failed.add('192.0.2.1')
  expect(failed.waitOf('192.0.2.1')).toBe(0)
})

test('an IPv6 client counts with its whole /64, however its address is written', () => {
  const { failed } = attempts()
  fail(failed, '2001:db8:1:2::1', 5)
  fail(failed, '2001:0DB8:1:2:ffff::2', 5)
  expect(failed.waitOf('2001:db8:1:2:3:4:5:6')).toBe(60)
  expect(failed.waitOf('2001:db8:1:3::1')).toBe(0)
  fail(failed, '::ffff:192.0.2.1', 10)
  expect(failed.waitOf('192.0.2.1')).toBe(60)
  fail(failed, 'unknown', 10)
  expect(failed.waitOf('unknown')).toBe(60)
})

test('many addresses take bounded memory, and the newest are remembered', () => {
  const { clock, failed } = attempts()
  for (let n = 0; n < 100_000; n++) {
    clock.time += 0.01
    failed.add(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`)
  }
  expect(failed.size).toBeLessThanOrEqual(65_536)
  fail(failed, '192.0.2.1', 10)
  expect(failed.waitOf('192.0.2.1')).toBe(60)
  clock.time += 60_000
  failed.add('192.0.2.3')
  clock.time += 60_000
  failed.add('192.0.2.3')
  expect(failed.size).toBe(2)
})
