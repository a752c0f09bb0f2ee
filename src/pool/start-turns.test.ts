/** Workers of all pools start one after the other. */
import { expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import { finishOne, PoolFixture } from '../testing/pool-fixture.ts'

test('the next start waits for the one before, in the order of asking', () => {
  const bench = new PoolFixture(1_000, 1)
  const pools = ['a', 'b', 'c'].map((name) => bench.pool({}, name))
  for (const pool of pools) bench.submit(pool)
  expect(bench.started).toHaveLength(1)
  bench.at(0).becomeReady()
  bench.clock.advance(0)
  expect(bench.started).toHaveLength(2)
  expect(bench.at(1).spec.functionName).toBe('b')
  bench.at(1).exit(new FunctionError('BUNDLE_LOAD_ERROR', 'no luck'))
  bench.clock.advance(0)
  expect(bench.at(2).spec.functionName).toBe('c')
})

test('a bundle that takes its time to load holds nobody up for long', () => {
  const bench = new PoolFixture(1_000, 1)
  bench.submit(bench.pool({}, 'slow'))
  bench.submit(bench.pool({}, 'next'))
  bench.clock.advance(4)
  expect(bench.started).toHaveLength(1)
  bench.clock.advance(1)
  expect(bench.started).toHaveLength(2)
})

test('a pool that wants several gets them in turn with the others', () => {
  const bench = new PoolFixture(1_000, 1)
  const many = bench.pool({ concurrency: 1 }, 'many')
  bench.submit(many, 3)
  bench.submit(bench.pool({}, 'one'))
  for (let i = 0; i < 4; i++) {
    bench.at(i).becomeReady()
    bench.clock.advance(0)
  }
  expect(bench.started.map(({ spec }) => spec.functionName)).toEqual([
    'many',
    'many',
    'one',
    'many',
  ])
})

test('room goes to whoever waited for it, not to those who asked for their turn since', () => {
  const bench = new PoolFixture(2, 1)
  for (const [i, name] of ['a', 'b'].entries()) {
    bench.submit(bench.pool({}, name))
    bench.at(i).becomeReady()
    bench.clock.advance(0)
  }
  bench.submit(bench.pool({}, 'first'))
  bench.submit(bench.pool({}, 'second'))
  finishOne(bench.at(0))
  bench.submit(bench.pool({}, 'late'))
  finishOne(bench.at(1))
  bench.at(2).becomeReady()
  bench.clock.advance(0)
  const names = bench.started.map(({ spec }) => spec.functionName)
  expect(names).toEqual(['a', 'b', 'first', 'second'])
})

test('no more idle workers end than there are that wait for their room', () => {
  const bench = new PoolFixture(4, 1)
  for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) {
    bench.submit(bench.pool({}, name))
    bench.at(i).becomeReady()
    bench.clock.advance(0)
    finishOne(bench.at(i))
  }
  for (let i = 0; i < 3; i++) bench.at(i).shutdown = () => new Promise(() => {}) // takes its time
  for (const name of ['first', 'second', 'third']) bench.submit(bench.pool({}, name))
  bench.at(0).exit()
  bench.at(1).exit()
  for (const start of [4, 5]) {
    bench.at(start).becomeReady()
    bench.clock.advance(0)
  }
  expect(bench.started.at(-1)?.spec.functionName).toBe('second')
  expect(bench.at(3).state).toBe('ready')
})
