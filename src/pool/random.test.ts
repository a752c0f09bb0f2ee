/** Events in random order: every request ends, and the count of live workers stays right. */
import { expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import type { FakeWorker } from '../testing/fake-worker.ts'
import { finishOne, type Note, PoolFixture } from '../testing/pool-fixture.ts'
import { seeded } from '../testing/prng.ts'
import type { Pool } from './pool.ts'

const POOLS = 8
const STEPS = 300
const ENDS = ['WORKER_CRASHED', 'WORKER_PROTOCOL', 'BUNDLE_LOAD_ERROR', 'WORKER_START_FAILED']
const PATIENT = { queue: 100, queueTimeoutMs: 1e9, idleTimeoutMs: 5_000, maxBackoffMs: 2_000 }

class Play {
  readonly roll: (end: number) => number
  readonly fixture: PoolFixture
  readonly notes: Note[] = []
  #open: Pool[]

  constructor(seed: number) {
    this.roll = seeded(seed)
    this.fixture = new PoolFixture(2 + this.roll(5), 1)
    this.#open = Array.from({ length: POOLS }, (_, i) => {
      const limits = { concurrency: 1 + this.roll(2), minWorkers: this.roll(4) === 0 ? 1 : 0 }
      return this.fixture.pool({ ...PATIENT, ...limits }, `p${i}`)
    })
  }

  step(): void {
    const what = this.roll(40)
    if (what < 15) this.#submit()
    else if (what < 20) this.#one('starting')?.becomeReady()
    else if (what < 25) this.#finish(this.#one('ready'))
    else if (what < 27) this.#end(this.#one('starting') ?? this.#one('ready'))
    else if (what < 28) this.#end(this.#one('ready'))
    else if (what < 39) this.fixture.clock.advance(this.roll(this.roll(2) === 0 ? 8 : 400))
    else if (this.roll(6) === 0) void this.#open.pop()?.close(100, 'test')
  }

  /** Runs everything to its end, without further failures. */
  settle(): void {
    for (let turn = 0; turn < 1_000 && this.unanswered > 0; turn++) {
      for (const worker of this.fixture.started) {
        if (worker.state === 'starting') worker.becomeReady()
        while (worker.inFlight > 0) finishOne(worker)
      }
      this.fixture.clock.advance(50)
    }
  }

  get unanswered(): number {
    return this.notes.filter(({ dones }) => dones === 0).length
  }

  #submit(): void {
    const pool = this.#open[this.roll(POOLS)]
    if (pool !== undefined) this.notes.push(...this.fixture.submit(pool, 1 + this.roll(3)))
  }

  #finish(worker: FakeWorker | undefined): void {
    if (worker !== undefined && worker.inFlight > 0) finishOne(worker)
  }

  #end(worker: FakeWorker | undefined): void {
    worker?.exit(new FunctionError(ENDS[this.roll(ENDS.length)] as 'WORKER_CRASHED', 'gone'))
  }

  #one(state: string): FakeWorker | undefined {
    const some = this.fixture.started.filter((worker) => worker.state === state)
    return some[this.roll(some.length || 1)]
  }
}

test('pools that share a small budget and start workers in turn, with the seed in the failure', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const play = new Play(seed)
    for (let step = 0; step < STEPS; step++) play.step()
    play.settle()
    const live = play.fixture.started.filter(({ state }) => state !== 'gone').length
    const { budget } = play.fixture
    expect({ seed, unanswered: play.unanswered, live }).toEqual({
      seed,
      unanswered: 0,
      live: budget.live,
    })
    expect(live).toBeLessThanOrEqual(budget.maxWorkers)
  }
})
