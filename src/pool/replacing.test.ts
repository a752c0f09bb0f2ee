/** Workers that die, that do not start, and that have to go. */
import { beforeEach, describe, expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import { finishOne, LIMITS, PoolFixture } from '../testing/pool-fixture.ts'

let bench: PoolFixture

beforeEach(() => {
  bench = new PoolFixture()
})

const CRASH = new FunctionError('WORKER_CRASHED', 'gone')
const LOAD = new FunctionError('BUNDLE_LOAD_ERROR', 'no luck')

describe('a worker that dies', () => {
  test('fails what it ran; what was unsent goes to another worker', () => {
    const pool = bench.pool()
    const [sent, unsent] = bench.submit(pool, 2)
    const worker = bench.at(0)
    worker.becomeReady()
    worker.exit(CRASH, [worker.last])
    expect(sent?.failure?.code).toBe('WORKER_CRASHED')
    expect(sent?.dones).toBe(1)
    expect(unsent?.failure).toBeUndefined()
    expect(unsent?.dones).toBe(0)
    bench.at(1).becomeReady()
    expect(bench.at(1).inFlight).toBe(1)
    finishOne(bench.at(1))
    expect(unsent?.dones).toBe(1)
  })

  test('a job that is lost time and again fails in the end', () => {
    const pool = bench.pool()
    const [note] = bench.submit(pool, 1)
    for (let i = 0; i < 3; i++) {
      const worker = bench.at(i)
      worker.becomeReady()
      worker.exit(CRASH, worker.taken)
    }
    expect(note?.failure?.code).toBe('WORKER_CRASHED')
    expect(note?.dones).toBe(1)
    expect(bench.started).toHaveLength(3)
  })

  test('a job whose body was already written is not dispatched again', () => {
    const pool = bench.pool()
    const note = bench.note()
    note.replayable = false
    pool.submit(note)
    const worker = bench.at(0)
    worker.becomeReady()
    worker.exit(CRASH, worker.taken)
    expect(note.failure?.code).toBe('WORKER_CRASHED')
    expect(pool.queued).toBe(0)
  })
})

describe('a worker that does not start', () => {
  test('a bundle that fails to load answers at once, and is tried again later and later', () => {
    const pool = bench.pool()
    const [first] = bench.submit(pool, 1)
    bench.at(0).exit(LOAD)
    expect(first?.failure?.code).toBe('BUNDLE_LOAD_ERROR')
    const [second] = bench.submit(pool, 1)
    expect(second?.failure?.code).toBe('BUNDLE_LOAD_ERROR')
    expect(bench.started).toHaveLength(1)
    const waits: number[] = []
    for (let tries = 1; tries < 12; tries++) {
      const from = bench.clock.now()
      while (bench.started.length === tries) {
        bench.clock.advance(50)
        bench.submit(pool, 1)
      }
      waits.push(bench.clock.now() - from)
      bench.at(tries).exit(LOAD)
    }
    expect(waits.slice(0, 3)).toEqual([100, 200, 400])
    expect(Math.max(...waits)).toBe(30_000)
    const note = bench.note()
    bench.clock.advance(30_000)
    pool.submit(note)
    bench.at(-1).becomeReady()
    finishOne(bench.at(-1))
    expect(note.failure).toBeUndefined()
  })

  test('through no fault of the bundle is tried again before anybody is told', () => {
    const pool = bench.pool()
    const [note] = bench.submit(pool, 1)
    bench.at(0).exit(new FunctionError('WORKER_START_FAILED', 'the template died'))
    const [another] = bench.submit(pool, 1)
    expect(note?.failure).toBeUndefined()
    expect(another?.failure).toBeUndefined()
    bench.clock.advance(100)
    bench.at(1).becomeReady()
    expect(bench.at(1).inFlight).toBe(2)
  })

  test('over and over, through no fault of the bundle, is told in the end', () => {
    const pool = bench.pool()
    const [note] = bench.submit(pool, 1)
    for (let i = 0; i < 3; i++) {
      bench.at(i).exit(new FunctionError('WORKER_START_FAILED', 'no template'))
      bench.clock.advance(1_000)
    }
    expect(note?.failure?.code).toBe('WORKER_START_FAILED')
    expect(note?.dones).toBe(1)
  })

  test('beside one that runs fails nobody: what waits goes to the other', () => {
    const pool = bench.pool({ concurrency: 1 })
    const [, waiting] = bench.submit(pool, 2)
    bench.at(0).becomeReady()
    bench.at(1).exit(LOAD)
    expect(waiting?.failure).toBeUndefined()
    finishOne(bench.at(0))
    expect(bench.at(0).inFlight).toBe(1)
  })

  test('warm tells why', async () => {
    const pool = bench.pool()
    const warm = pool.warm()
    bench.at(0).exit(LOAD)
    await expect(warm).rejects.toThrow('no luck')
    const other = bench.pool()
    const ready = other.warm()
    bench.at(1).becomeReady()
    await ready
    expect(other.slots.map((slot) => slot.state)).toEqual(['ready'])
  })
})

describe('replacing workers', () => {
  test('after so many invocations', () => {
    const pool = bench.pool({ recycleAfter: 2, concurrency: 1, maxWorkers: 1 })
    const notes = bench.submit(pool, 4)
    bench.at(0).becomeReady()
    finishOne(bench.at(0))
    expect(bench.at(0).state).toBe('draining')
    bench.at(1).becomeReady()
    expect(bench.at(1).inFlight).toBe(1)
    finishOne(bench.at(0))
    finishOne(bench.at(1))
    expect(notes.filter((note) => note.dones === 1)).toHaveLength(3)
    expect(notes.some((note) => note.failure !== undefined)).toBe(false)
  })

  test('when it asks to be retired: it finishes what it runs', () => {
    const pool = bench.pool()
    const [note] = bench.submit(pool, 1)
    bench.at(0).becomeReady()
    bench.at(0).events.retire('memory limit met')
    expect(bench.at(0).shutdownGraceMs).toBe(LIMITS.drainMs)
    bench.submit(pool, 1)
    expect(bench.started).toHaveLength(2)
    finishOne(bench.at(0))
    expect(note?.dones).toBe(1)
    expect(pool.slots).toHaveLength(1)
  })
})
