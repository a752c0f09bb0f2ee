/** For unit tests only: pools of fake workers, and requests that record what happens to them. */
import { expect } from 'bun:test'
import type { FunctionError } from '../errors.ts'
import type { PoolLimits } from '../pool/limits.ts'
import type { PendingRequest, PoolEvents, Waited } from '../pool/pending-request.ts'
import { Pool } from '../pool/pool.ts'
import { WorkerBudget } from '../pool/worker-budget.ts'
import type { WorkerGroup } from '../pool/worker-group.ts'
import type { Ended, Invocation, ResponseHead } from '../worker/worker.ts'
import { anySpec, type FakeWorker, FakeWorkerFactory, TestClock } from './fake-worker.ts'

export const LIMITS: PoolLimits = {
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

/** A request that records what happens to it. */
export class Note implements PendingRequest {
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
  readonly arrivedAt: number
  /** What `retryObstacle` answers for a request that was begun, and for one that was not. */
  obstacle: string | undefined
  unsentObstacle: string | undefined
  requeues = 0
  cpuUs = 0
  waited: Waited[] = []
  failure: FunctionError | undefined
  status: number | undefined
  dones = 0

  constructor(requestId: string, arrivedAt: number) {
    this.requestId = requestId
    this.arrivedAt = arrivedAt
  }

  dispatched(_: Invocation, waited: Waited): void {
    this.waited.push(waited)
  }
  began(initMs: number): void {
    const waited = this.waited.at(-1)
    if (waited !== undefined) waited.initMs = initMs
  }
  retryObstacle(begun: boolean): string | undefined {
    return begun ? this.obstacle : this.unsentObstacle
  }
  requeued(): void {
    this.requeues++
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
  done({ cpuUs }: Ended): void {
    this.dones++
    this.cpuUs += cpuUs
  }
}

/** Pools that share one worker budget; the test controls time and workers. */
export class PoolFixture {
  readonly clock = new TestClock()
  readonly factory = new FakeWorkerFactory()
  readonly budget: WorkerBudget
  readonly retries: [requestId: string, code: string][] = []
  readonly logged: [message: string, requestId: string | undefined][] = []

  constructor(maxWorkers = 1_000, startsAtOnce?: number) {
    this.budget = new WorkerBudget(maxWorkers, this.clock, startsAtOnce)
  }

  pool(limits: Partial<PoolLimits> = {}, name?: string, group?: WorkerGroup): Pool {
    const events: PoolEvents = {
      log: (entry, requestId) => this.logged.push([entry.message, requestId]),
      retried: (requestId, error) => this.retries.push([requestId, error.code]),
    }
    const all = { ...LIMITS, ...limits }
    return new Pool(anySpec(name), all, this.factory, this.budget, events, group)
  }

  /** The worker that was started as number `index`. */
  at(index: number): FakeWorker {
    return this.factory.at(index)
  }

  get started(): readonly FakeWorker[] {
    return this.factory.started
  }

  note(requestId = 'r'): Note {
    return new Note(requestId, this.clock.now())
  }

  /** @param obstacle why no worker may run them again after another was lost */
  submit(pool: Pool, count = 1, obstacle?: string): Note[] {
    return Array.from({ length: count }, (_, i) => {
      const note = this.note(`r${i}`)
      note.obstacle = obstacle
      pool.submit(note)
      return note
    })
  }
}

/** Ends the oldest invocation that a worker still runs. */
export function finishOne(worker: FakeWorker): void {
  const running = worker.taken.find((one) => one.cancelled !== 'finished')
  if (running === undefined) throw new Error('nothing runs')
  running.cancelled = 'finished'
  worker.finish(running)
}
