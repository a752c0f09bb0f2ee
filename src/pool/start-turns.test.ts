/** Workers of all pools start one after the other. */
import { expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import { Bench } from './bench-double.ts'

test('the next start waits for the one before, in the order of asking', () => {
  const bench = new Bench(1_000, 1)
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
  const bench = new Bench(1_000, 1)
  bench.submit(bench.pool({}, 'slow'))
  bench.submit(bench.pool({}, 'next'))
  bench.clock.advance(4)
  expect(bench.started).toHaveLength(1)
  bench.clock.advance(1)
  expect(bench.started).toHaveLength(2)
})

test('a pool that wants several gets them in turn with the others', () => {
  const bench = new Bench(1_000, 1)
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
