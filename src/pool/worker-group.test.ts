/** The workers of a project's functions together. */
import { beforeEach, expect, test } from 'bun:test'
import { finishOne, PoolFixture } from '../testing/pool-fixture.ts'
import { WorkerGroup } from './worker-group.ts'

let fixture: PoolFixture
let group: WorkerGroup

beforeEach(() => {
  fixture = new PoolFixture(100)
  group = new WorkerGroup()
  fixture.budget.resizeGroup(group, 2)
})

const ONE_AT_A_TIME = { concurrency: 1, maxWorkers: 5, queue: 100 }
const pool = (name: string) => fixture.pool(ONE_AT_A_TIME, name, group)
const live = () => fixture.started.filter(({ state }) => state !== 'gone').length

/** Every worker that is starting becomes ready. */
function ready(): void {
  for (const worker of fixture.started) if (worker.state === 'starting') worker.becomeReady()
}

test('functions of a project have no more workers than it may have, those of others do', () => {
  fixture.submit(pool('a'), 4)
  fixture.submit(pool('b'), 4)
  ready()
  expect(live()).toBe(2)
  fixture.submit(fixture.pool(ONE_AT_A_TIME, 'other'), 3)
  expect(live()).toBe(5)
})

test('an idle worker makes room for another function of its project at once', () => {
  const first = pool('a')
  fixture.submit(first, 2)
  ready()
  finishOne(fixture.at(0))
  finishOne(fixture.at(1))
  const [note] = fixture.submit(pool('b'))
  ready()
  expect(live()).toBe(2)
  finishOne(fixture.at(2))
  expect(note?.dones).toBe(1)
})

test('a busy function lets another one of its project have a turn', () => {
  fixture.budget.resizeGroup(group, 1)
  fixture.submit(pool('a'), 20)
  ready()
  const [note] = fixture.submit(pool('b'))
  finishOne(fixture.at(0))
  expect(live()).toBe(1)
  fixture.clock.advance(250)
  finishOne(fixture.at(0))
  ready()
  expect(fixture.started.at(-1)?.spec.functionName).toBe('b')
  finishOne(fixture.started.at(-1) as never)
  expect(note?.dones).toBe(1)
  ready()
  expect(live()).toBe(1)
  expect(fixture.started.at(-1)?.spec.functionName).toBe('a')
})

test('a lower limit ends idle workers, and busy ones after a request; a higher one starts more', () => {
  fixture.submit(pool('a'), 10)
  ready()
  fixture.budget.resizeGroup(group, 1)
  expect(live()).toBe(2)
  finishOne(fixture.at(0))
  expect(live()).toBe(1)
  fixture.budget.resizeGroup(group, 3)
  ready()
  expect(live()).toBe(3)
})
