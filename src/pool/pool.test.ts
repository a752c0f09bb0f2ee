import { beforeEach, describe, expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import type { FakeWorker } from '../testing/fake-worker.ts'
import { finishOne, LIMITS, PoolFixture } from '../testing/pool-fixture.ts'
import type { Pool } from './pool.ts'

let fixture: PoolFixture

beforeEach(() => {
  fixture = new PoolFixture()
})

describe('scaling', () => {
  test('starts from nothing, one worker for as many as it takes at once', () => {
    const pool = fixture.pool()
    expect(fixture.started).toHaveLength(0)
    fixture.submit(pool, 2)
    expect(fixture.started).toHaveLength(1)
    fixture.submit(pool, 1)
    expect(fixture.started).toHaveLength(2)
    fixture.at(0).becomeReady()
    expect(fixture.at(0).inFlight).toBe(2)
    fixture.at(1).becomeReady()
    expect(fixture.at(1).inFlight).toBe(1)
    expect(pool.queued).toBe(0)
  })

  test('gives work to the ready worker with least in flight', () => {
    const pool = fixture.pool()
    fixture.submit(pool, 3)
    fixture.at(0).becomeReady()
    fixture.at(1).becomeReady()
    fixture.submit(pool, 1)
    expect(fixture.started.map((worker) => worker.inFlight)).toEqual([2, 2])
    finishOne(fixture.at(0))
    finishOne(fixture.at(0))
    fixture.submit(pool, 1)
    expect(fixture.started.map((worker) => worker.inFlight)).toEqual([1, 2])
  })

  test('stops at maxWorkers, then queues, then refuses', () => {
    const pool = fixture.pool({ maxWorkers: 1 })
    const notes = fixture.submit(pool, 2)
    fixture.at(0).becomeReady()
    notes.push(...fixture.submit(pool, 4))
    expect(pool.queued).toBe(4)
    const [refused] = fixture.submit(pool, 1)
    expect(refused?.failure?.code).toBe('OVERLOADED')
    expect(refused?.failure?.retryAfter).toBeGreaterThan(0)
    expect(refused?.dones).toBe(1)
    expect(fixture.started).toHaveLength(1)
    finishOne(fixture.at(0))
    expect(pool.queued).toBe(3)
  })

  test('a wait in the queue ends after queueTimeout', () => {
    const pool = fixture.pool({ maxWorkers: 1, concurrency: 1 })
    const [running, waiting] = fixture.submit(pool, 2)
    fixture.at(0).becomeReady()
    fixture.clock.advance(9_900)
    expect(waiting?.failure).toBeUndefined()
    fixture.clock.advance(200)
    expect(waiting?.failure?.code).toBe('OVERLOADED')
    expect(waiting?.dones).toBe(1)
    expect(running?.failure).toBeUndefined()
  })

  test('says how long a request waited, and how much of it was the start of its worker', () => {
    const pool = fixture.pool({ maxWorkers: 1, concurrency: 1 })
    const [first, second] = fixture.submit(pool, 2)
    fixture.clock.advance(7)
    fixture.at(0).becomeReady()
    fixture.clock.advance(5)
    finishOne(fixture.at(0))
    expect(first?.waited).toEqual([{ queueMs: 0, initMs: 7 }])
    expect(second?.waited).toEqual([{ queueMs: 5, initMs: 7 }])
  })

  test('ends workers that idled too long, down to minWorkers', () => {
    const pool = fixture.pool({ minWorkers: 1, concurrency: 1 })
    fixture.submit(pool, 3)
    for (const worker of fixture.started) worker.becomeReady()
    for (const worker of fixture.started) finishOne(worker)
    fixture.clock.advance(299_000)
    expect(pool.workers).toHaveLength(3)
    fixture.clock.advance(3_000)
    expect(pool.workers).toHaveLength(1)
    fixture.clock.advance(600_000)
    expect(pool.workers).toHaveLength(1)
  })

  test('no timer runs when no worker lives', () => {
    const pool = fixture.pool()
    fixture.submit(pool, 1)
    fixture.at(0).becomeReady()
    finishOne(fixture.at(0))
    fixture.clock.advance(400_000)
    expect(pool.workers).toHaveLength(0)
    expect(fixture.clock.pending).toBe(0)
  })
})

describe('a silent worker', () => {
  test('gets no work: another is started, and it takes part again when it answers', () => {
    const pool = fixture.pool()
    fixture.submit(pool, 1)
    fixture.at(0).becomeReady()
    fixture.at(0).becomeSilent(true)
    fixture.submit(pool, 1)
    expect(fixture.at(0).inFlight).toBe(1)
    expect(fixture.started).toHaveLength(2)
    fixture.at(1).becomeReady()
    expect(fixture.at(1).inFlight).toBe(1)
    fixture.at(0).becomeSilent(false)
    fixture.submit(pool, 2)
    expect(fixture.started.map((worker) => worker.inFlight)).toEqual([2, 2])
  })

  test('when no other can start, its return empties the queue', () => {
    const pool = fixture.pool({ maxWorkers: 1 })
    fixture.submit(pool, 1)
    fixture.at(0).becomeReady()
    fixture.at(0).becomeSilent(true)
    fixture.submit(pool, 1)
    expect(pool.queued).toBe(1)
    fixture.at(0).becomeSilent(false)
    expect(pool.queued).toBe(0)
  })
})

describe('cancelling', () => {
  test('takes a waiting request out of the queue, and stops a running one', () => {
    const pool = fixture.pool({ maxWorkers: 1, concurrency: 1 })
    const running = fixture.note()
    const dispatch = pool.submit(running)
    fixture.at(0).becomeReady()
    const waiting = fixture.note()
    pool.submit(waiting).cancel('client gone')
    expect(waiting.dones).toBe(1)
    expect(pool.queued).toBe(0)
    dispatch.cancel('client gone')
    expect(running.dones).toBe(0)
    expect(fixture.at(0).last.cancelled).toBe('client gone')
    fixture.at(0).finish(fixture.at(0).last)
    expect(running.dones).toBe(1)
    expect(fixture.at(0).inFlight).toBe(0)
  })
})

describe('closing', () => {
  test('finishes what waits and what runs, then ends the workers', async () => {
    const pool = fixture.pool({ maxWorkers: 1, concurrency: 1 })
    const notes = fixture.submit(pool, 2)
    fixture.at(0).becomeReady()
    let closed = false
    const closing = pool.close(7_000, 'test').then(() => {
      closed = true
    })
    expect(fixture.at(0).state).toBe('ready')
    finishOne(fixture.at(0))
    expect(fixture.at(0).shutdownGraceMs).toBe(7_000)
    expect(closed).toBe(false)
    finishOne(fixture.at(0))
    await closing
    expect(notes.map((note) => [note.dones, note.failure])).toEqual([
      [1, undefined],
      [1, undefined],
    ])
    expect([...fixture.budget.members]).toEqual([])
    expect(fixture.budget.live).toBe(0)
  })

  test('of an unused pool is at once', async () => {
    await fixture.pool().close(1_000, 'test')
  })

  test('kill fails what waits and ends the workers now', () => {
    const pool = fixture.pool({ maxWorkers: 1, concurrency: 1 })
    const [running, waiting] = fixture.submit(pool, 2)
    fixture.at(0).becomeReady()
    pool.kill(new FunctionError('SHUTTING_DOWN', 'now'))
    expect(running?.failure?.code).toBe('SHUTTING_DOWN')
    expect(waiting?.failure?.code).toBe('SHUTTING_DOWN')
    expect(fixture.at(0).killed?.code).toBe('SHUTTING_DOWN')
  })
})

describe('the cap on live workers', () => {
  test('ends the worker that idled longest, of whatever function', () => {
    fixture = new PoolFixture(2)
    const [a, b, c] = [fixture.pool({}, 'a'), fixture.pool({}, 'b'), fixture.pool({}, 'c')]
    for (const pool of [a, b]) {
      fixture.submit(pool, 1)
      fixture.at(-1).becomeReady()
      finishOne(fixture.at(-1))
      fixture.clock.advance(10)
    }
    fixture.submit(c, 1)
    expect(a.workers).toHaveLength(0)
    expect(b.workers).toHaveLength(1)
    expect(fixture.at(2).spec.functionName).toBe('c')
    expect(fixture.budget.live).toBe(2)
  })

  test('with all busy, waits for the first that goes idle', () => {
    fixture = new PoolFixture(1)
    const [a, b] = [fixture.pool({}, 'a'), fixture.pool({}, 'b')]
    fixture.submit(a, 2)
    fixture.at(0).becomeReady()
    const [waiting] = fixture.submit(b, 1)
    expect(fixture.started).toHaveLength(1)
    finishOne(fixture.at(0))
    expect(fixture.started).toHaveLength(1)
    finishOne(fixture.at(0))
    expect(fixture.started).toHaveLength(2)
    fixture.at(1).becomeReady()
    finishOne(fixture.at(1))
    expect(waiting?.dones).toBe(1)
    expect(waiting?.failure).toBeUndefined()
  })
})

describe('a worker that drains and has only left work', () => {
  function draining(pool: Pool): FakeWorker {
    fixture.submit(pool, 1)
    const worker = fixture.at(-1)
    worker.leavesWork = true
    worker.becomeReady()
    return worker
  }

  test('has the grace for it, and the reason for the log', () => {
    const pool = fixture.pool({ recycleAfter: 1 })
    const worker = draining(pool)
    finishOne(worker)
    expect([worker.shutdownGraceMs, worker.shutdownReason]).toEqual([
      LIMITS.drainMs,
      'it ran 1 requests',
    ])
    expect(worker.state).toBe('draining')
  })

  test('gives its place to a worker that a request waits for', () => {
    fixture = new PoolFixture(2)
    const [a, b, c] = [fixture.pool({}, 'a'), fixture.pool({}, 'b'), fixture.pool({}, 'c')]
    fixture.submit(a, 1)
    const idle = fixture.at(0)
    idle.becomeReady()
    finishOne(idle)
    const worker = draining(b)
    worker.events.retire('of a test')
    finishOne(worker)
    fixture.clock.advance(100)
    fixture.submit(c, 1)
    expect(worker.state).toBe('gone')
    expect(idle.state).toBe('ready')
    expect(fixture.at(2).spec.functionName).toBe('c')
  })

  test('gives it up too if the request waited before', () => {
    fixture = new PoolFixture(1)
    const [a, b] = [fixture.pool({}, 'a'), fixture.pool({}, 'b')]
    const worker = draining(a)
    worker.events.retire('of a test')
    fixture.submit(b, 1)
    expect(fixture.started).toHaveLength(1)
    finishOne(worker)
    expect(worker.state).toBe('gone')
    expect(fixture.started).toHaveLength(2)
    expect(fixture.budget.live).toBe(1)
  })

  test('of a closed pool ends when that is closed again, as when the service stops', () => {
    const pool = fixture.pool()
    const worker = draining(pool)
    finishOne(worker)
    void pool.close(30_000, 'another version replaced it')
    expect(worker.state).toBe('draining')
    void pool.close(0, 'the service stops')
    expect(worker.state).toBe('gone')
  })
})

test('a log entry carries the id of its request', () => {
  const pool = fixture.pool()
  fixture.submit(pool, 1)
  fixture.at(0).becomeReady()
  const { events, last } = fixture.at(0)
  events.log({ invocation: last.id, level: 'info', message: 'in' })
  events.log({ invocation: undefined, level: 'info', message: 'load' })
  finishOne(fixture.at(0))
  events.log({ invocation: last.id, level: 'info', message: 'late' })
  expect(fixture.logged).toEqual([
    ['in', 'r0'],
    ['load', undefined],
    ['late', 'r0'],
  ])
})
