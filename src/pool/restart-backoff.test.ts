/** How long a pool waits after workers that did not last. */
import { expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import { PoolFixture } from '../testing/pool-fixture.ts'
import { RestartBackoff } from './restart-backoff.ts'

const CRASH = new FunctionError('WORKER_CRASHED', 'gone')
const BREACH = new FunctionError('WORKER_PROTOCOL', 'it lied')
const SHORT = { ms: 5, invocations: 1 }

/** The waits after `count` crashes in a row, ms. */
function waits(error: FunctionError, count: number, life = SHORT): number[] {
  const restarts = new RestartBackoff(30_000)
  return Array.from({ length: count }, () => {
    restarts.crashed(error, life, 0)
    return restarts.waitMs(0)
  })
}

test('four crashes are free, from then on the wait doubles up to a second', () => {
  expect(waits(CRASH, 10)).toEqual([0, 0, 0, 0, 100, 200, 400, 800, 1000, 1000])
})

test('after breaches it doubles up to the longest wait', () => {
  expect(waits(BREACH, 15).slice(4, 8)).toEqual([100, 200, 400, 800])
  expect(waits(BREACH, 15).at(-1)).toBe(30_000)
})

test('a crash that ends a second attempt as well is not counted, but never two in a row', () => {
  const backoff = new RestartBackoff(30_000)
  const after = Array.from({ length: 10 }, (_, i) => {
    backoff.crashed(CRASH, SHORT, 0, i > 0)
    return backoff.waitMs(0)
  })
  expect(after).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 100, 100])
})

test('a worker that served a while, or many, was no failure', () => {
  expect(waits(BREACH, 10, { ms: 10_000, invocations: 1 })).toEqual(Array(10).fill(0))
  expect(waits(BREACH, 10, { ms: 5, invocations: 100 })).toEqual(Array(10).fill(0))
})

test('a function whose workers break the protocol one by one is answered at once, without a start', () => {
  const fixture = new PoolFixture()
  const pool = fixture.pool()
  for (let i = 0; i < 5; i++) {
    fixture.submit(pool, 1, 'it is a POST')
    fixture.at(i).becomeReady()
    fixture.at(i).exit(BREACH)
  }
  const [refused] = fixture.submit(pool)
  expect(refused?.failure?.code).toBe('WORKER_PROTOCOL')
  expect(fixture.started).toHaveLength(5)
  fixture.clock.advance(100)
  const [next] = fixture.submit(pool)
  expect(fixture.started).toHaveLength(6)
  expect(next?.failure).toBeUndefined()
})

test('workers that get ready in the meantime do not end the wait after crashes', () => {
  const fixture = new PoolFixture()
  const pool = fixture.pool({ concurrency: 1, queue: 50, maxWorkers: 50 })
  fixture.submit(pool, 20, 'it is a POST')
  const started = fixture.started.length
  for (let i = 0; i < 6; i++) fixture.at(i).becomeReady()
  for (let i = 0; i < 5; i++) fixture.at(i).exit(BREACH)
  fixture.at(6).becomeReady()
  fixture.submit(pool, 10)
  expect(fixture.started).toHaveLength(started)
  fixture.clock.advance(100)
  expect(fixture.started.length).toBeGreaterThan(started)
})
