/** The guard with real descriptors; the listener and time are the test's. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { closeSync, openSync } from 'node:fs'
import { TestClock } from '../testing/fake-worker.ts'
import { DescriptorGuard } from './descriptor-guard.ts'

/** Descriptors that the guard believes to be free at first. */
const FREE = 400

let clock: TestClock
let guard: DescriptorGuard
let calls: string[]
let warnings: string[]
let used: number[]

function take(count: number): void {
  for (let i = 0; i < count; i++) used.push(openSync('/dev/null', 'r'))
}

function release(): void {
  for (const fd of used.splice(0)) closeSync(fd)
}

beforeEach(() => {
  ;[clock, calls, warnings, used] = [new TestClock(), [], [], []]
  const lowest = openSync('/dev/null', 'r')
  closeSync(lowest)
  guard = new DescriptorGuard({
    limit: lowest + FREE,
    listener: { pause: () => calls.push('pause'), resume: () => calls.push('resume') },
    clock,
    warn: (message) => warnings.push(message),
  })
  guard.start()
})
afterEach(() => {
  guard.close()
  release()
})

test('the listener rests when the descriptors are used up, and resumes when enough are free', () => {
  clock.advance(10_000)
  expect(calls).toEqual([])
  take(FREE / 2)
  clock.advance(1_000)
  expect([guard.resting, calls]).toEqual([false, []])
  take(FREE / 2)
  clock.advance(1_000)
  expect([guard.resting, calls]).toEqual([true, ['pause']])
  clock.advance(5_000)
  expect(calls).toEqual(['pause'])
  release()
  clock.advance(500)
  expect([guard.resting, calls]).toEqual([false, ['pause', 'resume']])
})

test('the reserve is free while the listener rests', () => {
  const before = openSync('/dev/null', 'r')
  closeSync(before)
  take(FREE)
  clock.advance(1_000)
  expect(guard.resting).toBe(true)
  const during = openSync('/dev/null', 'r')
  closeSync(during)
  // The numbers of the reserve, below those that were taken.
  expect(during).toBeLessThan(before)
})

test('it stays at rest while only the reserve is free', () => {
  take(FREE)
  clock.advance(1_000)
  for (const fd of used.splice(0, 20)) closeSync(fd)
  clock.advance(60_000)
  expect(calls).toEqual(['pause'])
})

test('the log has one line a minute, however often it rests', () => {
  for (let i = 0; i < 20; i++) {
    take(FREE)
    clock.advance(1_000)
    expect(guard.resting).toBe(true)
    release()
    clock.advance(1_000)
    expect(guard.resting).toBe(false)
  }
  expect(calls).toHaveLength(40)
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toContain('LimitNOFILE')
  take(FREE)
  clock.advance(120_000)
  expect(warnings).toHaveLength(3)
})

test('a guard that is closed leaves the listener as it is', () => {
  take(FREE)
  clock.advance(1_000)
  guard.close()
  release()
  clock.advance(10_000)
  expect(calls).toEqual(['pause'])
  expect(clock.pending).toBe(0)
})

test('a guard that begins again finds the descriptors used up, also if it rested before', () => {
  take(FREE)
  clock.advance(1_000)
  guard.close()
  guard.start()
  expect([guard.resting, calls]).toEqual([true, ['pause', 'pause']])
  release()
  clock.advance(500)
  expect(calls).toEqual(['pause', 'pause', 'resume'])
})
