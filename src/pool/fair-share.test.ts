/** At the cap on workers, busy functions lose the workers above their fair share. */
import { beforeEach, expect, test } from 'bun:test'
import { finishOne, PoolFixture } from '../testing/pool-fixture.ts'
import type { Pool } from './pool.ts'

const MAX = 6
let fixture: PoolFixture
let busy: Pool[]

/** Two functions hold all workers, and have long queues of requests. */
beforeEach(() => {
  fixture = new PoolFixture(MAX)
  busy = ['a', 'b'].map((name) => fixture.pool({ concurrency: 1, maxWorkers: 3, queue: 100 }, name))
  for (const pool of busy) fixture.submit(pool, 20)
  for (let i = 0; i < MAX; i++) fixture.at(i).becomeReady()
})

test('a function without a worker gets one as soon as a busy worker has finished a request', () => {
  const late = fixture.pool({}, 'late')
  const [note] = fixture.submit(late)
  expect(fixture.started).toHaveLength(MAX)
  finishOne(fixture.at(0))
  expect(fixture.started).toHaveLength(MAX + 1)
  fixture.at(MAX).becomeReady()
  finishOne(fixture.at(MAX))
  expect(note?.dones).toBe(1)
  expect(note?.failure).toBeUndefined()
})

test('functions are not preempted below their share', () => {
  fixture.submit(fixture.pool({}, 'late'))
  finishOne(fixture.at(0))
  for (let i = 1; i < MAX; i++) finishOne(fixture.at(i))
  expect(busy.map((pool) => pool.workers.length)).toEqual([2, 3])
})

test('no worker is preempted for a function that has its share', () => {
  const [a, b] = busy as [Pool, Pool]
  expect(a.workers.length).toBe(3)
  finishOne(fixture.at(0))
  finishOne(fixture.at(5))
  expect([a.workers.length, b.workers.length]).toEqual([3, 3])
})

test('a preempted worker finishes its other requests first', () => {
  fixture = new PoolFixture(2)
  const many = fixture.pool({ concurrency: 2, maxWorkers: 2, queue: 100 }, 'many')
  fixture.submit(many, 6)
  fixture.at(0).becomeReady()
  fixture.at(1).becomeReady()
  fixture.submit(fixture.pool({}, 'late'))
  const worker = fixture.at(0)
  finishOne(worker)
  expect(worker.state).toBe('draining')
  finishOne(worker)
  expect(worker.state).toBe('gone')
  expect(fixture.started.at(-1)?.spec.functionName).toBe('late')
})

test('a draining worker does not count: a function keeps its share', () => {
  fixture = new PoolFixture(MAX)
  const [few, many] = [2, 4].map((maxWorkers) =>
    fixture.pool({ concurrency: 2, maxWorkers, queue: 100 }),
  ) as [Pool, Pool]
  for (const pool of [few, many]) fixture.submit(pool, 20)
  for (let i = 0; i < MAX; i++) fixture.at(i).becomeReady()
  for (const name of ['b', 'c']) fixture.submit(fixture.pool({}, name))
  finishOne(fixture.at(0))
  finishOne(fixture.at(1))
  expect(few.workers.filter((pooled) => !pooled.draining)).toHaveLength(1)
})
