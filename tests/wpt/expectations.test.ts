/** The comparison of a run with its expectations. */
import { expect, test } from 'bun:test'
import { type Expectations, judge } from './expectations.ts'
import type { FileResult } from './run-file.ts'

const known: Expectations = {
  subtests: { 'a.any.js': 2, 'b.any.js?x': 3 },
  failures: { 'a.any.js': { bad: 'not built' }, 'b.any.js?x': { '*': 'needs a document' } },
}

const file = (name: string, passed: string[], failed: string[], failure?: string): FileResult => ({
  name,
  subtests: [
    ...passed.map((name) => ({ name, passed: true, message: '' })),
    ...failed.map((name) => ({ name, passed: false, message: 'wrong' })),
  ],
  failure,
})

test('a run that is as expected holds no surprise', () => {
  const results = [file('a.any.js', ['good'], ['bad']), file('b.any.js?x', [], [], 'no document')]
  expect(judge(results, known)).toEqual({ total: 5, passed: 1, surprises: [] })
})

test('a failure that nobody expected', () => {
  const { surprises } = judge([file('a.any.js', [], ['good', 'bad'])], known)
  expect(surprises).toEqual(['a.any.js: fails: good: wrong'])
})

test('a pass that nobody expected', () => {
  const { surprises } = judge([file('a.any.js', ['good', 'bad'], [])], known)
  expect(surprises).toEqual(['a.any.js: does not fail as expected: bad'])
})

test('a subtest that did not run counts as failed, and is named by its number', () => {
  const { total, passed, surprises } = judge([file('a.any.js', [], ['bad'])], known)
  expect({ total, passed }).toEqual({ total: 2, passed: 0 })
  expect(surprises).toEqual(['a.any.js: 1 subtests, expected 2'])
})

test('a file that comes to no end, and one that does so after all', () => {
  const stuck = judge([file('a.any.js', ['good'], ['bad'], 'TIMEOUT')], known)
  expect(stuck.surprises).toEqual(['a.any.js: fails: *: TIMEOUT'])
  const through = judge([file('b.any.js?x', ['one', 'two', 'three'], [])], known)
  expect(through.surprises).toEqual(['b.any.js?x: does not fail as expected: *'])
})

test('a file that is not known yet', () => {
  const { total, surprises } = judge([file('c.any.js', ['one'], [])], known)
  expect(total).toBe(1)
  expect(surprises).toEqual(['c.any.js: 1 subtests, expected 0'])
})
