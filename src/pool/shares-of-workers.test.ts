/** At the cap on workers, busy functions give up what is more than their share. */
import { beforeEach, expect, test } from 'bun:test'
import { finishOne, PoolFixture } from '../testing/pool-fixture.ts'
import type { Pool } from './pool.ts'

const MAX = 6
let bench: PoolFixture
let busy: Pool[]

/** Two functions hold all workers, and more of their jobs wait than are ever done. */
beforeEach(() => {
  bench = new PoolFixture(MAX)
  busy = ['a', 'b'].map((name) => bench.pool({ concurrency: 1, maxWorkers: 3, queue: 100 }, name))
  for (const pool of busy) bench.submit(pool, 20)
  for (let i = 0; i < MAX; i++) bench.at(i).becomeReady()
})

test('a function without a worker gets one as soon as one of theirs has finished a job', () => {
  const late = bench.pool({}, 'late')
  const [note] = bench.submit(late)
  expect(bench.started).toHaveLength(MAX)
  finishOne(bench.at(0))
  expect(bench.started).toHaveLength(MAX + 1)
  bench.at(MAX).becomeReady()
  finishOne(bench.at(MAX))
  expect(note?.dones).toBe(1)
  expect(note?.failure).toBeUndefined()
})

test('what the others have left is not taken from them', () => {
  bench.submit(bench.pool({}, 'late'))
  finishOne(bench.at(0))
  for (let i = 1; i < MAX; i++) finishOne(bench.at(i))
  expect(busy.map((pool) => pool.slots.length)).toEqual([2, 3])
})

test('nobody yields to one that has its share', () => {
  const [a, b] = busy as [Pool, Pool]
  expect(a.slots.length).toBe(3)
  finishOne(bench.at(0))
  finishOne(bench.at(5))
  expect([a.slots.length, b.slots.length]).toEqual([3, 3])
})

test('a worker that runs other jobs too finishes them first', () => {
  bench = new PoolFixture(2)
  const many = bench.pool({ concurrency: 2, maxWorkers: 2, queue: 100 }, 'many')
  bench.submit(many, 6)
  bench.at(0).becomeReady()
  bench.at(1).becomeReady()
  bench.submit(bench.pool({}, 'late'))
  const worker = bench.at(0)
  finishOne(worker)
  expect(worker.state).toBe('draining')
  finishOne(worker)
  expect(worker.state).toBe('gone')
  expect(bench.started.at(-1)?.spec.functionName).toBe('late')
})

test('one that is still finishing counts as given up: a function keeps its share', () => {
  bench = new PoolFixture(MAX)
  const [few, many] = [2, 4].map((maxWorkers) =>
    bench.pool({ concurrency: 2, maxWorkers, queue: 100 }),
  ) as [Pool, Pool]
  for (const pool of [few, many]) bench.submit(pool, 20)
  for (let i = 0; i < MAX; i++) bench.at(i).becomeReady()
  for (const name of ['b', 'c']) bench.submit(bench.pool({}, name))
  finishOne(bench.at(0))
  finishOne(bench.at(1))
  expect(few.slots.filter((slot) => !slot.draining)).toHaveLength(1)
})
