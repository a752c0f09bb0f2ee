/** Requests that a worker began and did not survive. */
import { beforeEach, describe, expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import { finishOne, PoolFixture } from '../testing/pool-fixture.ts'

let fixture: PoolFixture

beforeEach(() => {
  fixture = new PoolFixture()
})

const CRASH = new FunctionError('WORKER_CRASHED', 'The worker was killed by signal 9.')
/** The time until a request that was lost goes to a worker that was ready before, ms. */
const PAUSE = 25
const BREACH = new FunctionError('WORKER_PROTOCOL', 'it lied')

describe('a request that a worker lost', () => {
  test('is tried on another one, with one end and one failure less', () => {
    const pool = fixture.pool()
    const [note] = fixture.submit(pool)
    fixture.at(0).becomeReady()
    fixture.at(0).exit(CRASH)
    expect(note?.failure).toBeUndefined()
    expect(note?.requeues).toBe(1)
    expect(fixture.retries).toEqual([['r0', 'WORKER_CRASHED']])
    fixture.at(1).becomeReady()
    finishOne(fixture.at(1))
    expect(note?.failure).toBeUndefined()
    expect(note?.dones).toBe(1)
  })

  test('goes to a worker that is there already', () => {
    const pool = fixture.pool({ concurrency: 1 })
    const [note, other] = fixture.submit(pool, 2)
    for (const worker of fixture.started) worker.becomeReady()
    finishOne(fixture.at(1))
    fixture.clock.advance(1)
    fixture.at(0).exit(CRASH)
    expect(fixture.at(1).inFlight).toBe(0)
    fixture.clock.advance(PAUSE)
    expect(fixture.at(1).inFlight).toBe(1)
    finishOne(fixture.at(1))
    expect([note?.dones, other?.dones]).toEqual([1, 1])
  })

  test('is lost once by workers that end together', () => {
    const pool = fixture.pool({ concurrency: 2 })
    const notes = fixture.submit(pool, 4)
    for (const worker of fixture.started) worker.becomeReady()
    fixture.clock.advance(1)
    fixture.at(0).exit(CRASH)
    fixture.clock.advance(PAUSE - 1)
    fixture.at(1).exit(CRASH)
    for (let turn = 0; turn < 20; turn++) {
      fixture.clock.advance(PAUSE)
      for (const worker of fixture.started) {
        if (worker.state === 'starting') worker.becomeReady()
        while (worker.inFlight > 0) finishOne(worker)
      }
    }
    expect(notes.map(({ failure, dones }) => [failure, dones])).toEqual(
      notes.map(() => [undefined, 1]),
    )
  })

  test('is not tried a third time, and its error says why', () => {
    const pool = fixture.pool()
    const [note] = fixture.submit(pool)
    for (let i = 0; i < 2; i++) {
      fixture.at(i).becomeReady()
      fixture.at(i).exit(CRASH)
    }
    expect(note?.failure?.code).toBe('WORKER_CRASHED')
    expect(note?.failure?.message).toBe(
      'The worker was killed by signal 9. The request was not tried again, because 2 workers ended while they ran it.',
    )
    expect(note?.dones).toBe(1)
    expect(fixture.started).toHaveLength(2)
  })

  test('that may not run twice fails at once, and its error says why', () => {
    const pool = fixture.pool()
    const [note] = fixture.submit(pool, 1, 'it is a POST')
    fixture.at(0).becomeReady()
    fixture.at(0).exit(CRASH)
    expect(note?.failure?.message).toEndWith('not tried again, because it is a POST.')
    expect(fixture.retries).toEqual([])
  })

  test('may also be lost unread: neither kind uses up the attempts of the other', () => {
    const pool = fixture.pool()
    const [note] = fixture.submit(pool)
    for (const unsent of [true, false, true]) {
      const worker = fixture.at(-1)
      worker.becomeReady()
      worker.exit(CRASH, unsent ? worker.taken : [])
    }
    expect(note?.failure).toBeUndefined()
    fixture.at(3).becomeReady()
    finishOne(fixture.at(3))
    expect(note?.dones).toBe(1)
  })

  test('is not tried again once it was cancelled, or its pool was killed', () => {
    const pool = fixture.pool()
    const cancelled = fixture.note()
    const dispatch = pool.submit(cancelled)
    fixture.at(0).becomeReady()
    dispatch.cancel('client gone')
    fixture.at(0).exit(CRASH)
    expect(cancelled.dones).toBe(1)
    expect(pool.queued).toBe(0)
    const [killed] = fixture.submit(pool)
    fixture.at(1).becomeReady()
    pool.kill(new FunctionError('SHUTTING_DOWN', 'now'))
    expect(killed?.failure?.code).toBe('SHUTTING_DOWN')
    expect(fixture.started).toHaveLength(2)
  })

  test('waits before the others, and its time in the queue counts from then', () => {
    const pool = fixture.pool({ maxWorkers: 1, concurrency: 1 })
    const [lost, waiting] = fixture.submit(pool, 2)
    fixture.at(0).becomeReady()
    fixture.clock.advance(9_000)
    fixture.at(0).exit(CRASH)
    fixture.clock.advance(2_000)
    expect(waiting?.failure?.code).toBe('OVERLOADED')
    expect(lost?.failure).toBeUndefined()
    fixture.submit(pool)
    fixture.at(1).becomeReady()
    expect(lost?.waited).toHaveLength(2)
  })

  test('of a version that was replaced still ends on that version', async () => {
    const pool = fixture.pool()
    const [note] = fixture.submit(pool)
    fixture.at(0).becomeReady()
    const closed = pool.close(30_000, 'test')
    fixture.at(0).exit(CRASH)
    fixture.at(1).becomeReady()
    finishOne(fixture.at(1))
    await closed
    expect(note?.failure).toBeUndefined()
    expect(note?.dones).toBe(1)
    expect(fixture.budget.live).toBe(0)
  })
})

describe('a request that ends every worker', () => {
  test('takes no other request with it twice', () => {
    const pool = fixture.pool({ concurrency: 8, queue: 50, maxWorkers: 3 })
    const notes = fixture.submit(pool, 8)
    const poison = notes[5]
    // The worker that got the poison ends; every other one finishes what it has.
    for (let turn = 0; turn < 100 && notes.some(({ dones }) => dones === 0); turn++) {
      const worker = fixture.started.find(({ state }) => state === 'starting')
      worker?.becomeReady()
      for (const one of fixture.started.filter(({ state }) => state === 'ready')) {
        const running = one.taken.filter(({ cancelled }) => cancelled === undefined)
        if (running.some(({ sink }) => sink === poison)) one.exit(CRASH)
        else for (const _ of running) finishOne(one)
      }
    }
    expect(notes.map(({ failure }) => failure !== undefined)).toEqual(
      notes.map((note) => note === poison),
    )
    expect(notes.every(({ dones }) => dones === 1)).toBe(true)
  })

  test('lets no other one wait longer than half a second for a worker of its own', () => {
    const pool = fixture.pool({ concurrency: 8, queue: 50, maxWorkers: 1 })
    fixture.submit(pool, 4)
    fixture.at(0).becomeReady()
    fixture.at(0).exit(CRASH)
    fixture.at(1).becomeReady()
    expect(fixture.at(1).inFlight).toBe(1)
    fixture.submit(pool, 2)
    expect(fixture.at(1).inFlight).toBe(3)
    fixture.clock.advance(600)
    expect(fixture.at(1).inFlight).toBe(6)
    expect(pool.queued).toBe(0)
  })

  test('delays the starts for others no more than one crash does', () => {
    const pool = fixture.pool()
    const poisons = 4
    for (let i = 0; i < poisons; i++) {
      fixture.submit(pool)
      for (let tries = 0; tries < 2; tries++) {
        fixture.at(-1).becomeReady()
        fixture.at(-1).exit(BREACH)
      }
    }
    expect(fixture.started).toHaveLength(2 * poisons)
    fixture.submit(pool)
    expect(fixture.started).toHaveLength(2 * poisons + 1)
  })

  test('is delayed in the end, also where each one ends a worker together with the one before', () => {
    const pool = fixture.pool({ concurrency: 2, maxWorkers: 1 })
    for (let i = 0; i < 40; i++) {
      fixture.submit(pool)
      const worker = fixture.at(-1)
      if (worker.state === 'starting') worker.becomeReady()
      if (worker.state === 'ready') worker.exit(BREACH)
    }
    expect(fixture.started.length).toBeLessThan(15)
  })
})

test('a new request waits out the short delay after crashes that any request can cause', () => {
  const pool = fixture.pool()
  for (let i = 0; i < 5; i++) {
    fixture.submit(pool, 1, 'it is a POST')
    fixture.at(i).becomeReady()
    fixture.at(i).exit(CRASH)
  }
  const [next] = fixture.submit(pool)
  expect(next?.failure).toBeUndefined()
  expect(fixture.started).toHaveLength(5)
  fixture.clock.advance(100)
  fixture.at(5).becomeReady()
  finishOne(fixture.at(5))
  expect(next?.dones).toBe(1)
})

test('the CPU time of all attempts is counted', () => {
  const pool = fixture.pool()
  const [note] = fixture.submit(pool)
  fixture.at(0).becomeReady()
  fixture.at(0).exit(CRASH)
  fixture.at(1).becomeReady()
  finishOne(fixture.at(1))
  expect(note?.cpuUs).toBe(15)
})
