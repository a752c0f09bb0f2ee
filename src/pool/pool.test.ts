import { beforeEach, describe, expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import type { Invocation, ResponseHead } from '../worker/worker.ts'
import { Fleet } from './fleet.ts'
import type { Job, Waited } from './job.ts'
import type { PoolLimits } from './limits.ts'
import { Pool } from './pool.ts'
import { anySpec, LauncherDouble, TestClock, type WorkerDouble } from './worker-double.ts'

const LIMITS: PoolLimits = {
  minWorkers: 0,
  maxWorkers: 3,
  concurrency: 2,
  queue: 4,
  queueTimeoutMs: 10_000,
  idleTimeoutMs: 300_000,
  recycleAfter: 100_000,
  maxBackoffMs: 30_000,
  drainMs: 5_000,
}

let clock: TestClock
let launcher: LauncherDouble
let fleet: Fleet
let logged: [string, string | undefined][]

beforeEach(() => {
  clock = new TestClock()
  launcher = new LauncherDouble()
  fleet = new Fleet(1_000, clock)
  logged = []
})

function newPool(limits: Partial<PoolLimits> = {}, name?: string): Pool {
  return new Pool(anySpec(name), { ...LIMITS, ...limits }, launcher, fleet, {
    log: (entry, requestId) => logged.push([entry.message, requestId]),
  })
}

/** A job that notes what happens to it. */
class Note implements Job {
  readonly request = {
    method: 'GET',
    url: 'http://x/',
    headers: [],
    deadline: 30_000,
    cpuMs: 1_000,
    body: undefined,
    end: true,
  }
  readonly requestId: string
  readonly arrivedAt = clock.now()
  replayable = true
  waited: Waited[] = []
  failure: FunctionError | undefined
  status: number | undefined
  dones = 0

  constructor(requestId = 'r') {
    this.requestId = requestId
  }

  dispatched(_: Invocation, waited: Waited): void {
    this.waited.push(waited)
  }
  response(head: ResponseHead): void {
    this.status = head.status
  }
  chunk(): void {}
  end(): void {}
  drain(): void {}
  bodyUnwanted(): void {}
  fail(error: FunctionError): void {
    expect(this.failure).toBeUndefined()
    this.failure = error
  }
  done(): void {
    this.dones++
  }
}

function submit(pool: Pool, count = 1): Note[] {
  return Array.from({ length: count }, (_, i) => {
    const note = new Note(`r${i}`)
    pool.submit(note)
    return note
  })
}

function finishOne(worker: WorkerDouble): void {
  const running = worker.taken.find((one) => one.cancelled !== 'finished')
  if (running === undefined) throw new Error('nothing runs')
  running.cancelled = 'finished'
  worker.finish(running)
}

const CRASH = new FunctionError('WORKER_CRASHED', 'gone')
const LOAD = new FunctionError('BUNDLE_LOAD_ERROR', 'no luck')

describe('scaling', () => {
  test('starts from nothing, one worker for as many as it takes at once', () => {
    const pool = newPool()
    expect(launcher.started).toHaveLength(0)
    submit(pool, 2)
    expect(launcher.started).toHaveLength(1)
    submit(pool, 1)
    expect(launcher.started).toHaveLength(2)
    launcher.at(0).becomeReady()
    expect(launcher.at(0).inFlight).toBe(2)
    launcher.at(1).becomeReady()
    expect(launcher.at(1).inFlight).toBe(1)
    expect(pool.queued).toBe(0)
  })

  test('gives work to the ready worker with least in flight', () => {
    const pool = newPool()
    submit(pool, 3)
    launcher.at(0).becomeReady()
    launcher.at(1).becomeReady()
    submit(pool, 1)
    expect(launcher.started.map((worker) => worker.inFlight)).toEqual([2, 2])
    finishOne(launcher.at(0))
    finishOne(launcher.at(0))
    submit(pool, 1)
    expect(launcher.started.map((worker) => worker.inFlight)).toEqual([1, 2])
  })

  test('stops at maxWorkers, then queues, then refuses', () => {
    const pool = newPool({ maxWorkers: 1 })
    const notes = submit(pool, 2)
    launcher.at(0).becomeReady()
    notes.push(...submit(pool, 4))
    expect(pool.queued).toBe(4)
    const [refused] = submit(pool, 1)
    expect(refused?.failure?.code).toBe('OVERLOADED')
    expect(refused?.failure?.retryAfter).toBeGreaterThan(0)
    expect(refused?.dones).toBe(1)
    expect(launcher.started).toHaveLength(1)
    finishOne(launcher.at(0))
    expect(pool.queued).toBe(3)
  })

  test('a wait in the queue ends after queueTimeout', () => {
    const pool = newPool({ maxWorkers: 1, concurrency: 1 })
    const [running, waiting] = submit(pool, 2)
    launcher.at(0).becomeReady()
    clock.advance(9_900)
    expect(waiting?.failure).toBeUndefined()
    clock.advance(200)
    expect(waiting?.failure?.code).toBe('OVERLOADED')
    expect(waiting?.dones).toBe(1)
    expect(running?.failure).toBeUndefined()
  })

  test('says how long a job waited, and how much of it was the start of its worker', () => {
    const pool = newPool({ maxWorkers: 1, concurrency: 1 })
    const [first, second] = submit(pool, 2)
    clock.advance(7)
    launcher.at(0).becomeReady()
    clock.advance(5)
    finishOne(launcher.at(0))
    expect(first?.waited).toEqual([{ queueMs: 0, initMs: 7 }])
    expect(second?.waited).toEqual([{ queueMs: 5, initMs: 7 }])
  })

  test('ends workers that idled too long, down to minWorkers', () => {
    const pool = newPool({ minWorkers: 1, concurrency: 1 })
    submit(pool, 3)
    for (const worker of launcher.started) worker.becomeReady()
    for (const worker of launcher.started) finishOne(worker)
    clock.advance(299_000)
    expect(pool.slots).toHaveLength(3)
    clock.advance(3_000)
    expect(pool.slots).toHaveLength(1)
    clock.advance(600_000)
    expect(pool.slots).toHaveLength(1)
  })

  test('no timer runs when no worker lives', () => {
    const pool = newPool()
    submit(pool, 1)
    launcher.at(0).becomeReady()
    finishOne(launcher.at(0))
    clock.advance(400_000)
    expect(pool.slots).toHaveLength(0)
    expect(clock.pending).toBe(0)
  })
})

describe('a silent worker', () => {
  test('gets no work: another is started, and it takes part again when it answers', () => {
    const pool = newPool()
    submit(pool, 1)
    launcher.at(0).becomeReady()
    launcher.at(0).becomeSilent(true)
    submit(pool, 1)
    expect(launcher.at(0).inFlight).toBe(1)
    expect(launcher.started).toHaveLength(2)
    launcher.at(1).becomeReady()
    expect(launcher.at(1).inFlight).toBe(1)
    launcher.at(0).becomeSilent(false)
    submit(pool, 2)
    expect(launcher.started.map((worker) => worker.inFlight)).toEqual([2, 2])
  })

  test('with no other to be had, its return empties the queue', () => {
    const pool = newPool({ maxWorkers: 1 })
    submit(pool, 1)
    launcher.at(0).becomeReady()
    launcher.at(0).becomeSilent(true)
    submit(pool, 1)
    expect(pool.queued).toBe(1)
    launcher.at(0).becomeSilent(false)
    expect(pool.queued).toBe(0)
  })
})

describe('a worker that dies', () => {
  test('fails what it ran; what was unsent goes to another worker', () => {
    const pool = newPool()
    const [sent, unsent] = submit(pool, 2)
    const worker = launcher.at(0)
    worker.becomeReady()
    worker.exit(CRASH, [worker.last])
    expect(sent?.failure?.code).toBe('WORKER_CRASHED')
    expect(sent?.dones).toBe(1)
    expect(unsent?.failure).toBeUndefined()
    expect(unsent?.dones).toBe(0)
    launcher.at(1).becomeReady()
    expect(launcher.at(1).inFlight).toBe(1)
    finishOne(launcher.at(1))
    expect(unsent?.dones).toBe(1)
  })

  test('a job that is lost time and again fails in the end', () => {
    const pool = newPool()
    const [note] = submit(pool, 1)
    for (let i = 0; i < 3; i++) {
      const worker = launcher.at(i)
      worker.becomeReady()
      worker.exit(CRASH, worker.taken)
    }
    expect(note?.failure?.code).toBe('WORKER_CRASHED')
    expect(note?.dones).toBe(1)
    expect(launcher.started).toHaveLength(3)
  })

  test('a job whose body was already written is not dispatched again', () => {
    const pool = newPool()
    const note = new Note()
    note.replayable = false
    pool.submit(note)
    const worker = launcher.at(0)
    worker.becomeReady()
    worker.exit(CRASH, worker.taken)
    expect(note.failure?.code).toBe('WORKER_CRASHED')
    expect(pool.queued).toBe(0)
  })
})

describe('a worker that does not start', () => {
  test('a bundle that fails to load answers at once, and is tried again later and later', () => {
    const pool = newPool()
    const [first] = submit(pool, 1)
    launcher.at(0).exit(LOAD)
    expect(first?.failure?.code).toBe('BUNDLE_LOAD_ERROR')
    const [second] = submit(pool, 1)
    expect(second?.failure?.code).toBe('BUNDLE_LOAD_ERROR')
    expect(launcher.started).toHaveLength(1)
    const waits: number[] = []
    for (let tries = 1; tries < 12; tries++) {
      const from = clock.now()
      while (launcher.started.length === tries) {
        clock.advance(50)
        submit(pool, 1)
      }
      waits.push(clock.now() - from)
      launcher.at(tries).exit(LOAD)
    }
    expect(waits.slice(0, 3)).toEqual([100, 200, 400])
    expect(Math.max(...waits)).toBe(30_000)
    const note = new Note()
    clock.advance(30_000)
    pool.submit(note)
    launcher.at(-1).becomeReady()
    finishOne(launcher.at(-1))
    expect(note.failure).toBeUndefined()
  })

  test('through no fault of the bundle is tried again before anybody is told', () => {
    const pool = newPool()
    const [note] = submit(pool, 1)
    launcher.at(0).exit(new FunctionError('WORKER_START_FAILED', 'the template died'))
    const [another] = submit(pool, 1)
    expect(note?.failure).toBeUndefined()
    expect(another?.failure).toBeUndefined()
    clock.advance(100)
    launcher.at(1).becomeReady()
    expect(launcher.at(1).inFlight).toBe(2)
  })

  test('over and over, through no fault of the bundle, is told in the end', () => {
    const pool = newPool()
    const [note] = submit(pool, 1)
    for (let i = 0; i < 3; i++) {
      launcher.at(i).exit(new FunctionError('WORKER_START_FAILED', 'no template'))
      clock.advance(1_000)
    }
    expect(note?.failure?.code).toBe('WORKER_START_FAILED')
    expect(note?.dones).toBe(1)
  })

  test('beside one that runs fails nobody: what waits goes to the other', () => {
    const pool = newPool({ concurrency: 1 })
    const [, waiting] = submit(pool, 2)
    launcher.at(0).becomeReady()
    launcher.at(1).exit(LOAD)
    expect(waiting?.failure).toBeUndefined()
    finishOne(launcher.at(0))
    expect(launcher.at(0).inFlight).toBe(1)
  })

  test('warm tells why', async () => {
    const pool = newPool()
    const warm = pool.warm()
    launcher.at(0).exit(LOAD)
    await expect(warm).rejects.toThrow('no luck')
    const other = newPool()
    const ready = other.warm()
    launcher.at(1).becomeReady()
    await ready
    expect(other.slots.map((slot) => slot.state)).toEqual(['ready'])
  })
})

describe('replacing workers', () => {
  test('after so many invocations', () => {
    const pool = newPool({ recycleAfter: 2, concurrency: 1, maxWorkers: 1 })
    const notes = submit(pool, 4)
    launcher.at(0).becomeReady()
    finishOne(launcher.at(0))
    expect(launcher.at(0).state).toBe('draining')
    launcher.at(1).becomeReady()
    expect(launcher.at(1).inFlight).toBe(1)
    finishOne(launcher.at(0))
    finishOne(launcher.at(1))
    expect(notes.filter((note) => note.dones === 1)).toHaveLength(3)
    expect(notes.some((note) => note.failure !== undefined)).toBe(false)
  })

  test('when it asks to be retired: it finishes what it runs', () => {
    const pool = newPool()
    const [note] = submit(pool, 1)
    launcher.at(0).becomeReady()
    launcher.at(0).events.retire('memory limit met')
    expect(launcher.at(0).shutdownGraceMs).toBe(LIMITS.drainMs)
    submit(pool, 1)
    expect(launcher.started).toHaveLength(2)
    finishOne(launcher.at(0))
    expect(note?.dones).toBe(1)
    expect(pool.slots).toHaveLength(1)
  })
})

describe('cancelling', () => {
  test('takes a waiting job out of the queue, and stops a running one', () => {
    const pool = newPool({ maxWorkers: 1, concurrency: 1 })
    const running = new Note()
    const dispatch = pool.submit(running)
    launcher.at(0).becomeReady()
    const waiting = new Note()
    pool.submit(waiting).cancel('client gone')
    expect(waiting.dones).toBe(1)
    expect(pool.queued).toBe(0)
    dispatch.cancel('client gone')
    expect(running.dones).toBe(0)
    expect(launcher.at(0).last.cancelled).toBe('client gone')
    launcher.at(0).finish(launcher.at(0).last)
    expect(running.dones).toBe(1)
    expect(launcher.at(0).inFlight).toBe(0)
  })
})

describe('closing', () => {
  test('finishes what waits and what runs, then ends the workers', async () => {
    const pool = newPool({ maxWorkers: 1, concurrency: 1 })
    const notes = submit(pool, 2)
    launcher.at(0).becomeReady()
    let closed = false
    const closing = pool.close(7_000).then(() => {
      closed = true
    })
    expect(launcher.at(0).state).toBe('ready')
    finishOne(launcher.at(0))
    expect(launcher.at(0).shutdownGraceMs).toBe(7_000)
    expect(closed).toBe(false)
    finishOne(launcher.at(0))
    await closing
    expect(notes.map((note) => [note.dones, note.failure])).toEqual([
      [1, undefined],
      [1, undefined],
    ])
    expect([...fleet.members]).toEqual([])
    expect(fleet.live).toBe(0)
  })

  test('of an unused pool is at once', async () => {
    await newPool().close(1_000)
  })

  test('kill fails what waits and ends the workers now', () => {
    const pool = newPool({ maxWorkers: 1, concurrency: 1 })
    const [running, waiting] = submit(pool, 2)
    launcher.at(0).becomeReady()
    pool.kill(new FunctionError('SHUTTING_DOWN', 'now'))
    expect(running?.failure?.code).toBe('SHUTTING_DOWN')
    expect(waiting?.failure?.code).toBe('SHUTTING_DOWN')
    expect(launcher.at(0).killed?.code).toBe('SHUTTING_DOWN')
  })
})

describe('the cap on live workers', () => {
  test('ends the worker that idled longest, of whatever function', () => {
    fleet = new Fleet(2, clock)
    const [a, b, c] = [newPool({}, 'a'), newPool({}, 'b'), newPool({}, 'c')]
    for (const pool of [a, b]) {
      submit(pool, 1)
      launcher.at(-1).becomeReady()
      finishOne(launcher.at(-1))
      clock.advance(10)
    }
    submit(c, 1)
    expect(a.slots).toHaveLength(0)
    expect(b.slots).toHaveLength(1)
    expect(launcher.at(2).spec.functionName).toBe('c')
    expect(fleet.live).toBe(2)
  })

  test('with all busy, waits for the first that goes idle', () => {
    fleet = new Fleet(1, clock)
    const [a, b] = [newPool({}, 'a'), newPool({}, 'b')]
    submit(a, 2)
    launcher.at(0).becomeReady()
    const [waiting] = submit(b, 1)
    expect(launcher.started).toHaveLength(1)
    finishOne(launcher.at(0))
    expect(launcher.started).toHaveLength(1)
    finishOne(launcher.at(0))
    expect(launcher.started).toHaveLength(2)
    launcher.at(1).becomeReady()
    finishOne(launcher.at(1))
    expect(waiting?.dones).toBe(1)
    expect(waiting?.failure).toBeUndefined()
  })
})

test('a log is told with the request that it belongs to', () => {
  const pool = newPool()
  submit(pool, 1)
  launcher.at(0).becomeReady()
  const { events, last } = launcher.at(0)
  events.log({ invocation: last.id, level: 'info', message: 'in' })
  events.log({ invocation: undefined, level: 'info', message: 'load' })
  finishOne(launcher.at(0))
  events.log({ invocation: last.id, level: 'info', message: 'late' })
  expect(logged).toEqual([
    ['in', 'r0'],
    ['load', undefined],
    ['late', undefined],
  ])
})
