/** How long a pool waits after workers that did not last. */
import { expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import { PoolFixture } from '../testing/pool-fixture.ts'
import { Restarts } from './restart-backoff.ts'

const CRASH = new FunctionError('WORKER_CRASHED', 'gone')
const BREACH = new FunctionError('WORKER_PROTOCOL', 'it lied')
const SHORT = { ms: 5, invocations: 1 }

/** The waits after `count` crashes in a row, ms. */
function waits(error: FunctionError, count: number, life = SHORT): number[] {
  const restarts = new Restarts(30_000)
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

test('a worker that served a while, or many, was no failure', () => {
  expect(waits(BREACH, 10, { ms: 10_000, invocations: 1 })).toEqual(Array(10).fill(0))
  expect(waits(BREACH, 10, { ms: 5, invocations: 100 })).toEqual(Array(10).fill(0))
})

test('a function whose workers break the protocol one by one is answered at once, without a start', () => {
  const bench = new PoolFixture()
  const pool = bench.pool()
  for (let i = 0; i < 5; i++) {
    bench.submit(pool)
    bench.at(i).becomeReady()
    bench.at(i).exit(BREACH)
  }
  const [refused] = bench.submit(pool)
  expect(refused?.failure?.code).toBe('WORKER_PROTOCOL')
  expect(bench.started).toHaveLength(5)
  bench.clock.advance(100)
  const [next] = bench.submit(pool)
  expect(bench.started).toHaveLength(6)
  expect(next?.failure).toBeUndefined()
})

test('workers that get ready in the meantime do not end the wait after crashes', () => {
  const bench = new PoolFixture()
  const pool = bench.pool({ concurrency: 1, queue: 50, maxWorkers: 50 })
  bench.submit(pool, 20)
  const started = bench.started.length
  for (let i = 0; i < 6; i++) bench.at(i).becomeReady()
  for (let i = 0; i < 5; i++) bench.at(i).exit(BREACH)
  bench.at(6).becomeReady()
  bench.submit(pool, 10)
  expect(bench.started).toHaveLength(started)
  bench.clock.advance(100)
  expect(bench.started.length).toBeGreaterThan(started)
})
