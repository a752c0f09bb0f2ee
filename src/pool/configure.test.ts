/** Limits that change while requests run and wait. */
import { expect, test } from 'bun:test'
import { finishOne, LIMITS, PoolFixture } from '../testing/pool-fixture.ts'

test('a higher concurrency serves the queue, a higher maximum starts workers', () => {
  const fixture = new PoolFixture()
  const pool = fixture.pool({ concurrency: 1, maxWorkers: 1, queue: 100 })
  const notes = fixture.submit(pool, 4)
  fixture.at(0).becomeReady()
  expect(fixture.at(0).inFlight).toBe(1)
  pool.configure({ ...LIMITS, concurrency: 2, maxWorkers: 1 })
  expect(fixture.at(0).inFlight).toBe(2)
  pool.configure({ ...LIMITS, concurrency: 2, maxWorkers: 2 })
  fixture.at(1).becomeReady()
  expect(fixture.at(1).inFlight).toBe(2)
  expect(notes.map(({ failure }) => failure)).toEqual([undefined, undefined, undefined, undefined])
})

test('a lower maximum ends the workers with the fewest requests, when these are over', () => {
  const fixture = new PoolFixture()
  const pool = fixture.pool({ concurrency: 2, maxWorkers: 3 })
  fixture.submit(pool, 4)
  for (let i = 0; i < fixture.started.length; i++) fixture.at(i).becomeReady()
  const idle = fixture.started.filter((worker) => worker.inFlight === 0).length
  const before = fixture.started.length
  pool.configure({ ...LIMITS, maxWorkers: 1 })
  const states = fixture.started.map(({ state }) => state)
  expect(states.filter((state) => state === 'ready')).toHaveLength(1)
  expect(states.filter((state) => state === 'gone')).toHaveLength(idle)
  for (const worker of fixture.started) while (worker.inFlight > 0) finishOne(worker)
  expect(pool.workers).toHaveLength(1)
  expect(fixture.started).toHaveLength(before)
})

test('a raised minimum starts workers at once', () => {
  const fixture = new PoolFixture()
  const pool = fixture.pool()
  pool.configure({ ...LIMITS, minWorkers: 2 })
  expect(fixture.started).toHaveLength(2)
})

test('a lower cap ends idle workers now and busy ones after a request; a higher one serves who waits', () => {
  const fixture = new PoolFixture(4)
  const busy = fixture.pool({ concurrency: 1, maxWorkers: 2, queue: 100 }, 'busy')
  const calm = fixture.pool({ concurrency: 1, maxWorkers: 2 }, 'calm')
  fixture.submit(busy, 20)
  fixture.submit(calm, 2)
  for (let i = 0; i < 4; i++) fixture.at(i).becomeReady()
  finishOne(fixture.at(2))
  finishOne(fixture.at(3))
  fixture.budget.resize(1)
  expect([busy.workers.length, calm.workers.length]).toEqual([2, 0])
  finishOne(fixture.at(0))
  expect(fixture.at(0).state).toBe('gone')
  finishOne(fixture.at(1))
  expect(fixture.at(1).state).toBe('ready')
  expect(fixture.budget.live).toBe(1)
  fixture.budget.resize(2)
  expect(fixture.budget.live).toBe(2)
})

test('a pool that waits while the cap is lowered is served later', () => {
  const fixture = new PoolFixture(3)
  const calm = fixture.pool({ concurrency: 1, maxWorkers: 3 }, 'calm')
  fixture.submit(calm, 3)
  for (let i = 0; i < 3; i++) fixture.at(i).becomeReady()
  const [late] = fixture.submit(fixture.pool({}, 'late'))
  fixture.budget.resize(1)
  for (let i = 0; i < 3; i++) finishOne(fixture.at(i))
  const worker = fixture.at(3)
  expect(worker.spec.functionName).toBe('late')
  worker.becomeReady()
  finishOne(worker)
  expect(late?.failure).toBeUndefined()
})
