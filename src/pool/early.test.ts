/** The first request of a pool is sent to its first worker while that worker starts. */
import { beforeEach, expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import { finishOne, PoolFixture } from '../testing/pool-fixture.ts'

let fixture: PoolFixture

beforeEach(() => {
  fixture = new PoolFixture()
  fixture.factory.early = true
})

test('it does not wait in the queue, and what loading took is not its execution', () => {
  const pool = fixture.pool()
  const [first] = fixture.submit(pool, 1)
  expect(pool.queued).toBe(0)
  expect(fixture.at(0).inFlight).toBe(1)
  fixture.clock.advance(7)
  fixture.at(0).becomeReady()
  expect(first?.waited).toEqual([{ queueMs: 0, initMs: 0.001 }])
  finishOne(fixture.at(0))
  expect(first?.dones).toBe(1)
})

test('the others wait for a worker that is ready', () => {
  const pool = fixture.pool({ concurrency: 2 })
  fixture.submit(pool, 4)
  expect(fixture.started.map((worker) => worker.inFlight)).toEqual([1, 0])
  expect(pool.queued).toBe(3)
  fixture.at(1).becomeReady()
  fixture.at(0).becomeReady()
  expect(fixture.started.map((worker) => worker.inFlight)).toEqual([2, 2])
})

test('a request whose body is incomplete waits for a worker that is ready', () => {
  const pool = fixture.pool()
  const note = fixture.note()
  note.request.end = false
  pool.submit(note)
  expect(fixture.at(0).inFlight).toBe(0)
  fixture.at(0).becomeReady()
  expect(fixture.at(0).inFlight).toBe(1)
})

test('a worker that does not get ready loses nothing: the next one takes the request', () => {
  const pool = fixture.pool()
  const [job] = fixture.submit(pool, 1)
  const first = fixture.at(0)
  first.exit(new FunctionError('WORKER_CRASHED', 'it died'), [first.last])
  expect(pool.queued).toBe(1)
  expect(fixture.started).toHaveLength(1)
  fixture.clock.advance(1_000)
  expect(fixture.at(1).inFlight).toBe(1)
  fixture.at(1).becomeReady()
  finishOne(fixture.at(1))
  expect(job?.failure).toBeUndefined()
  expect(job?.dones).toBe(1)
})

test('when no worker gets ready the request fails with the reason', () => {
  const pool = fixture.pool()
  const [job] = fixture.submit(pool, 1)
  for (let i = 0; i < 3; i++) {
    const worker = fixture.at(i)
    worker.exit(new FunctionError('WORKER_START_FAILED', 'no process'), [worker.last])
    fixture.clock.advance(1_000)
  }
  expect(job?.failure?.code).toBe('WORKER_START_FAILED')
  expect(job?.dones).toBe(1)
  expect(pool.queued).toBe(0)
})

test('a bundle that does not load fails the request at once', () => {
  const pool = fixture.pool()
  const [job] = fixture.submit(pool, 1)
  fixture.at(0).exit(new FunctionError('BUNDLE_LOAD_ERROR', 'it throws'))
  expect(job?.failure?.code).toBe('BUNDLE_LOAD_ERROR')
  expect(job?.dones).toBe(1)
})

test('a pool that closes lets the request finish first', async () => {
  const pool = fixture.pool()
  const [job] = fixture.submit(pool, 1)
  const closed = pool.close(30_000, 'test')
  expect(fixture.at(0).state).toBe('starting')
  fixture.at(0).becomeReady()
  expect(fixture.at(0).state).toBe('draining')
  finishOne(fixture.at(0))
  await closed
  expect(job?.failure).toBeUndefined()
  expect(job?.dones).toBe(1)
})

test('a worker that took a request early has room for one less', () => {
  const pool = fixture.pool({ concurrency: 1 })
  fixture.submit(pool, 1)
  expect(fixture.started).toHaveLength(1)
  fixture.submit(pool, 1)
  expect(fixture.started).toHaveLength(2)
})

test('a request that was taken early counts towards the recycling of its worker', () => {
  const pool = fixture.pool({ recycleAfter: 1 })
  fixture.submit(pool, 1)
  fixture.at(0).becomeReady()
  expect(fixture.at(0).state).toBe('draining')
  fixture.submit(pool, 1)
  expect(fixture.started).toHaveLength(2)
})
