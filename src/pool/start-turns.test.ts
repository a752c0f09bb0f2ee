/** Workers of all pools start one after the other. */
import { expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import { finishOne, PoolFixture } from '../testing/pool-fixture.ts'

test('the next start waits for the one before, in the order of asking', () => {
  const fixture = new PoolFixture(1_000, 1)
  const pools = ['a', 'b', 'c'].map((name) => fixture.pool({}, name))
  for (const pool of pools) fixture.submit(pool)
  expect(fixture.started).toHaveLength(1)
  fixture.at(0).becomeReady()
  fixture.clock.advance(0)
  expect(fixture.started).toHaveLength(2)
  expect(fixture.at(1).spec.functionName).toBe('b')
  fixture.at(1).exit(new FunctionError('BUNDLE_LOAD_ERROR', 'no luck'))
  fixture.clock.advance(0)
  expect(fixture.at(2).spec.functionName).toBe('c')
})

test('a bundle that loads slowly delays the next start only briefly', () => {
  const fixture = new PoolFixture(1_000, 1)
  fixture.submit(fixture.pool({}, 'slow'))
  fixture.submit(fixture.pool({}, 'next'))
  fixture.clock.advance(4)
  expect(fixture.started).toHaveLength(1)
  fixture.clock.advance(1)
  expect(fixture.started).toHaveLength(2)
})

test('a pool that wants several gets them in turn with the others', () => {
  const fixture = new PoolFixture(1_000, 1)
  const many = fixture.pool({ concurrency: 1 }, 'many')
  fixture.submit(many, 3)
  fixture.submit(fixture.pool({}, 'one'))
  for (let i = 0; i < 4; i++) {
    fixture.at(i).becomeReady()
    fixture.clock.advance(0)
  }
  expect(fixture.started.map(({ spec }) => spec.functionName)).toEqual([
    'many',
    'many',
    'one',
    'many',
  ])
})

test('room is given to the pool that waited for it, not to pools that asked later', () => {
  const fixture = new PoolFixture(2, 1)
  for (const [i, name] of ['a', 'b'].entries()) {
    fixture.submit(fixture.pool({}, name))
    fixture.at(i).becomeReady()
    fixture.clock.advance(0)
  }
  fixture.submit(fixture.pool({}, 'first'))
  fixture.submit(fixture.pool({}, 'second'))
  finishOne(fixture.at(0))
  fixture.submit(fixture.pool({}, 'late'))
  finishOne(fixture.at(1))
  fixture.at(2).becomeReady()
  fixture.clock.advance(0)
  const names = fixture.started.map(({ spec }) => spec.functionName)
  expect(names).toEqual(['a', 'b', 'first', 'second'])
})

test('no more idle workers are evicted than pools wait for room', () => {
  const fixture = new PoolFixture(4, 1)
  for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) {
    fixture.submit(fixture.pool({}, name))
    fixture.at(i).becomeReady()
    fixture.clock.advance(0)
    finishOne(fixture.at(i))
  }
  for (let i = 0; i < 3; i++) fixture.at(i).shutdown = () => new Promise(() => {}) // never finishes
  for (const name of ['first', 'second', 'third']) fixture.submit(fixture.pool({}, name))
  fixture.at(0).exit()
  fixture.at(1).exit()
  for (const start of [4, 5]) {
    fixture.at(start).becomeReady()
    fixture.clock.advance(0)
  }
  expect(fixture.started.at(-1)?.spec.functionName).toBe('second')
  expect(fixture.at(3).state).toBe('ready')
})
