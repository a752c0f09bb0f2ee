/** Workers that crash, that fail to start, and that have to be replaced. */
import { beforeEach, describe, expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import { finishOne, LIMITS, PoolFixture } from '../testing/pool-fixture.ts'

let fixture: PoolFixture

beforeEach(() => {
  fixture = new PoolFixture()
})

const CRASH = new FunctionError('WORKER_CRASHED', 'gone')
const LOAD = new FunctionError('BUNDLE_LOAD_ERROR', 'no luck')

describe('a worker that dies', () => {
  test('fails what it ran and may not run twice; what was unsent goes to another worker', () => {
    const pool = fixture.pool()
    const [sent, unsent] = fixture.submit(pool, 2, 'it is a POST')
    const worker = fixture.at(0)
    worker.becomeReady()
    worker.exit(CRASH, [worker.last])
    expect(sent?.failure?.code).toBe('WORKER_CRASHED')
    expect(sent?.dones).toBe(1)
    expect(unsent?.failure).toBeUndefined()
    expect(unsent?.dones).toBe(0)
    fixture.at(1).becomeReady()
    expect(fixture.at(1).inFlight).toBe(1)
    finishOne(fixture.at(1))
    expect(unsent?.dones).toBe(1)
  })

  test('a request that is lost repeatedly fails in the end', () => {
    const pool = fixture.pool()
    const [note] = fixture.submit(pool, 1)
    for (let i = 0; i < 3; i++) {
      const worker = fixture.at(i)
      worker.becomeReady()
      worker.exit(CRASH, worker.taken)
    }
    expect(note?.failure?.code).toBe('WORKER_CRASHED')
    expect(note?.dones).toBe(1)
    expect(fixture.started).toHaveLength(3)
  })

  test('a request whose body was already written is not dispatched again', () => {
    const pool = fixture.pool()
    const note = fixture.note()
    note.unsentObstacle = 'a part of its body was sent'
    pool.submit(note)
    const worker = fixture.at(0)
    worker.becomeReady()
    worker.exit(CRASH, worker.taken)
    expect(note.failure?.code).toBe('WORKER_CRASHED')
    expect(pool.queued).toBe(0)
  })
})

describe('a worker that does not start', () => {
  test('a bundle that fails to load answers at once, and is tried again later and later', () => {
    const pool = fixture.pool()
    const [first] = fixture.submit(pool, 1)
    fixture.at(0).exit(LOAD)
    expect(first?.failure?.code).toBe('BUNDLE_LOAD_ERROR')
    const [second] = fixture.submit(pool, 1)
    expect(second?.failure?.code).toBe('BUNDLE_LOAD_ERROR')
    expect(fixture.started).toHaveLength(1)
    const waits: number[] = []
    for (let tries = 1; tries < 12; tries++) {
      const from = fixture.clock.now()
      while (fixture.started.length === tries) {
        fixture.clock.advance(50)
        fixture.submit(pool, 1)
      }
      waits.push(fixture.clock.now() - from)
      fixture.at(tries).exit(LOAD)
    }
    expect(waits.slice(0, 3)).toEqual([100, 200, 400])
    expect(Math.max(...waits)).toBe(30_000)
    const note = fixture.note()
    fixture.clock.advance(30_000)
    pool.submit(note)
    fixture.at(-1).becomeReady()
    finishOne(fixture.at(-1))
    expect(note.failure).toBeUndefined()
  })

  test('without a fault of the bundle is tried again before the requests fail', () => {
    const pool = fixture.pool()
    const [note] = fixture.submit(pool, 1)
    fixture.at(0).exit(new FunctionError('WORKER_START_FAILED', 'the template died'))
    const [another] = fixture.submit(pool, 1)
    expect(note?.failure).toBeUndefined()
    expect(another?.failure).toBeUndefined()
    fixture.clock.advance(100)
    fixture.at(1).becomeReady()
    expect(fixture.at(1).inFlight).toBe(2)
  })

  test('repeatedly, without a fault of the bundle, fails the requests in the end', () => {
    const pool = fixture.pool()
    const [note] = fixture.submit(pool, 1)
    for (let i = 0; i < 3; i++) {
      fixture.at(i).exit(new FunctionError('WORKER_START_FAILED', 'no template'))
      fixture.clock.advance(1_000)
    }
    expect(note?.failure?.code).toBe('WORKER_START_FAILED')
    expect(note?.dones).toBe(1)
  })

  test('beside one that runs fails nobody: what waits goes to the other', () => {
    const pool = fixture.pool({ concurrency: 1 })
    const [, waiting] = fixture.submit(pool, 2)
    fixture.at(0).becomeReady()
    fixture.at(1).exit(LOAD)
    expect(waiting?.failure).toBeUndefined()
    finishOne(fixture.at(0))
    expect(fixture.at(0).inFlight).toBe(1)
  })

  test('warm tells why', async () => {
    const pool = fixture.pool()
    const warm = pool.warm()
    fixture.at(0).exit(LOAD)
    await expect(warm).rejects.toThrow('no luck')
    const other = fixture.pool()
    const ready = other.warm()
    fixture.at(1).becomeReady()
    await ready
    expect(other.workers.map((pooled) => pooled.state)).toEqual(['ready'])
  })
})

describe('replacing workers', () => {
  test('after so many invocations', () => {
    const pool = fixture.pool({ recycleAfter: 2, concurrency: 1, maxWorkers: 1 })
    const notes = fixture.submit(pool, 4)
    fixture.at(0).becomeReady()
    finishOne(fixture.at(0))
    expect(fixture.at(0).state).toBe('draining')
    fixture.at(1).becomeReady()
    expect(fixture.at(1).inFlight).toBe(1)
    finishOne(fixture.at(0))
    finishOne(fixture.at(1))
    expect(notes.filter((note) => note.dones === 1)).toHaveLength(3)
    expect(notes.some((note) => note.failure !== undefined)).toBe(false)
  })

  test('when it asks to be retired: it finishes what it runs', () => {
    const pool = fixture.pool()
    const [note] = fixture.submit(pool, 1)
    fixture.at(0).becomeReady()
    fixture.at(0).events.retire('memory limit met')
    expect(fixture.at(0).shutdownGraceMs).toBe(LIMITS.drainMs)
    fixture.submit(pool, 1)
    expect(fixture.started).toHaveLength(2)
    finishOne(fixture.at(0))
    expect(note?.dones).toBe(1)
    expect(pool.workers).toHaveLength(1)
  })
})
