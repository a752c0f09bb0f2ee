import { beforeEach, describe, expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import { finishOne, PoolFixture } from '../testing/pool-fixture.ts'

let bench: PoolFixture

beforeEach(() => {
  bench = new PoolFixture()
})

describe('scaling', () => {
  test('starts from nothing, one worker for as many as it takes at once', () => {
    const pool = bench.pool()
    expect(bench.started).toHaveLength(0)
    bench.submit(pool, 2)
    expect(bench.started).toHaveLength(1)
    bench.submit(pool, 1)
    expect(bench.started).toHaveLength(2)
    bench.at(0).becomeReady()
    expect(bench.at(0).inFlight).toBe(2)
    bench.at(1).becomeReady()
    expect(bench.at(1).inFlight).toBe(1)
    expect(pool.queued).toBe(0)
  })

  test('gives work to the ready worker with least in flight', () => {
    const pool = bench.pool()
    bench.submit(pool, 3)
    bench.at(0).becomeReady()
    bench.at(1).becomeReady()
    bench.submit(pool, 1)
    expect(bench.started.map((worker) => worker.inFlight)).toEqual([2, 2])
    finishOne(bench.at(0))
    finishOne(bench.at(0))
    bench.submit(pool, 1)
    expect(bench.started.map((worker) => worker.inFlight)).toEqual([1, 2])
  })

  test('stops at maxWorkers, then queues, then refuses', () => {
    const pool = bench.pool({ maxWorkers: 1 })
    const notes = bench.submit(pool, 2)
    bench.at(0).becomeReady()
    notes.push(...bench.submit(pool, 4))
    expect(pool.queued).toBe(4)
    const [refused] = bench.submit(pool, 1)
    expect(refused?.failure?.code).toBe('OVERLOADED')
    expect(refused?.failure?.retryAfter).toBeGreaterThan(0)
    expect(refused?.dones).toBe(1)
    expect(bench.started).toHaveLength(1)
    finishOne(bench.at(0))
    expect(pool.queued).toBe(3)
  })

  test('a wait in the queue ends after queueTimeout', () => {
    const pool = bench.pool({ maxWorkers: 1, concurrency: 1 })
    const [running, waiting] = bench.submit(pool, 2)
    bench.at(0).becomeReady()
    bench.clock.advance(9_900)
    expect(waiting?.failure).toBeUndefined()
    bench.clock.advance(200)
    expect(waiting?.failure?.code).toBe('OVERLOADED')
    expect(waiting?.dones).toBe(1)
    expect(running?.failure).toBeUndefined()
  })

  test('says how long a job waited, and how much of it was the start of its worker', () => {
    const pool = bench.pool({ maxWorkers: 1, concurrency: 1 })
    const [first, second] = bench.submit(pool, 2)
    bench.clock.advance(7)
    bench.at(0).becomeReady()
    bench.clock.advance(5)
    finishOne(bench.at(0))
    expect(first?.waited).toEqual([{ queueMs: 0, initMs: 7 }])
    expect(second?.waited).toEqual([{ queueMs: 5, initMs: 7 }])
  })

  test('ends workers that idled too long, down to minWorkers', () => {
    const pool = bench.pool({ minWorkers: 1, concurrency: 1 })
    bench.submit(pool, 3)
    for (const worker of bench.started) worker.becomeReady()
    for (const worker of bench.started) finishOne(worker)
    bench.clock.advance(299_000)
    expect(pool.slots).toHaveLength(3)
    bench.clock.advance(3_000)
    expect(pool.slots).toHaveLength(1)
    bench.clock.advance(600_000)
    expect(pool.slots).toHaveLength(1)
  })

  test('no timer runs when no worker lives', () => {
    const pool = bench.pool()
    bench.submit(pool, 1)
    bench.at(0).becomeReady()
    finishOne(bench.at(0))
    bench.clock.advance(400_000)
    expect(pool.slots).toHaveLength(0)
    expect(bench.clock.pending).toBe(0)
  })
})

describe('a silent worker', () => {
  test('gets no work: another is started, and it takes part again when it answers', () => {
    const pool = bench.pool()
    bench.submit(pool, 1)
    bench.at(0).becomeReady()
    bench.at(0).becomeSilent(true)
    bench.submit(pool, 1)
    expect(bench.at(0).inFlight).toBe(1)
    expect(bench.started).toHaveLength(2)
    bench.at(1).becomeReady()
    expect(bench.at(1).inFlight).toBe(1)
    bench.at(0).becomeSilent(false)
    bench.submit(pool, 2)
    expect(bench.started.map((worker) => worker.inFlight)).toEqual([2, 2])
  })

  test('with no other to be had, its return empties the queue', () => {
    const pool = bench.pool({ maxWorkers: 1 })
    bench.submit(pool, 1)
    bench.at(0).becomeReady()
    bench.at(0).becomeSilent(true)
    bench.submit(pool, 1)
    expect(pool.queued).toBe(1)
    bench.at(0).becomeSilent(false)
    expect(pool.queued).toBe(0)
  })
})

describe('cancelling', () => {
  test('takes a waiting job out of the queue, and stops a running one', () => {
    const pool = bench.pool({ maxWorkers: 1, concurrency: 1 })
    const running = bench.note()
    const dispatch = pool.submit(running)
    bench.at(0).becomeReady()
    const waiting = bench.note()
    pool.submit(waiting).cancel('client gone')
    expect(waiting.dones).toBe(1)
    expect(pool.queued).toBe(0)
    dispatch.cancel('client gone')
    expect(running.dones).toBe(0)
    expect(bench.at(0).last.cancelled).toBe('client gone')
    bench.at(0).finish(bench.at(0).last)
    expect(running.dones).toBe(1)
    expect(bench.at(0).inFlight).toBe(0)
  })
})

describe('closing', () => {
  test('finishes what waits and what runs, then ends the workers', async () => {
    const pool = bench.pool({ maxWorkers: 1, concurrency: 1 })
    const notes = bench.submit(pool, 2)
    bench.at(0).becomeReady()
    let closed = false
    const closing = pool.close(7_000).then(() => {
      closed = true
    })
    expect(bench.at(0).state).toBe('ready')
    finishOne(bench.at(0))
    expect(bench.at(0).shutdownGraceMs).toBe(7_000)
    expect(closed).toBe(false)
    finishOne(bench.at(0))
    await closing
    expect(notes.map((note) => [note.dones, note.failure])).toEqual([
      [1, undefined],
      [1, undefined],
    ])
    expect([...bench.fleet.members]).toEqual([])
    expect(bench.fleet.live).toBe(0)
  })

  test('of an unused pool is at once', async () => {
    await bench.pool().close(1_000)
  })

  test('kill fails what waits and ends the workers now', () => {
    const pool = bench.pool({ maxWorkers: 1, concurrency: 1 })
    const [running, waiting] = bench.submit(pool, 2)
    bench.at(0).becomeReady()
    pool.kill(new FunctionError('SHUTTING_DOWN', 'now'))
    expect(running?.failure?.code).toBe('SHUTTING_DOWN')
    expect(waiting?.failure?.code).toBe('SHUTTING_DOWN')
    expect(bench.at(0).killed?.code).toBe('SHUTTING_DOWN')
  })
})

describe('the cap on live workers', () => {
  test('ends the worker that idled longest, of whatever function', () => {
    bench = new PoolFixture(2)
    const [a, b, c] = [bench.pool({}, 'a'), bench.pool({}, 'b'), bench.pool({}, 'c')]
    for (const pool of [a, b]) {
      bench.submit(pool, 1)
      bench.at(-1).becomeReady()
      finishOne(bench.at(-1))
      bench.clock.advance(10)
    }
    bench.submit(c, 1)
    expect(a.slots).toHaveLength(0)
    expect(b.slots).toHaveLength(1)
    expect(bench.at(2).spec.functionName).toBe('c')
    expect(bench.fleet.live).toBe(2)
  })

  test('with all busy, waits for the first that goes idle', () => {
    bench = new PoolFixture(1)
    const [a, b] = [bench.pool({}, 'a'), bench.pool({}, 'b')]
    bench.submit(a, 2)
    bench.at(0).becomeReady()
    const [waiting] = bench.submit(b, 1)
    expect(bench.started).toHaveLength(1)
    finishOne(bench.at(0))
    expect(bench.started).toHaveLength(1)
    finishOne(bench.at(0))
    expect(bench.started).toHaveLength(2)
    bench.at(1).becomeReady()
    finishOne(bench.at(1))
    expect(waiting?.dones).toBe(1)
    expect(waiting?.failure).toBeUndefined()
  })
})

test('a log is told with the request that it belongs to', () => {
  const pool = bench.pool()
  bench.submit(pool, 1)
  bench.at(0).becomeReady()
  const { events, last } = bench.at(0)
  events.log({ invocation: last.id, level: 'info', message: 'in' })
  events.log({ invocation: undefined, level: 'info', message: 'load' })
  finishOne(bench.at(0))
  events.log({ invocation: last.id, level: 'info', message: 'late' })
  expect(bench.logged).toEqual([
    ['in', 'r0'],
    ['load', undefined],
    ['late', undefined],
  ])
})
