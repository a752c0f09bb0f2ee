/** The parts of the runner of Node's tests that need no checkout. */
import { describe, expect, test } from 'bun:test'
import { type Expectations, judge, type TestResult } from './expectations.ts'
import { whySkipped } from './project.ts'

const known: Expectations = {
  passes: ['test-a.js'],
  fails: { 'test-b.js': 'not built' },
  skips: { 'test-c.js': 'needs node:tls' },
}

const results = (...outcomes: TestResult['outcome'][]): TestResult[] =>
  outcomes.map((outcome, i) => ({ name: `test-${'abc'[i]}.js`, outcome, message: 'why' }))

describe('a run', () => {
  test('that is as expected holds no surprise', () => {
    const verdict = judge(results('pass', 'fail', 'skip'), known)
    expect(verdict).toEqual({ passed: 1, failed: 1, skipped: 1, surprises: [] })
  })

  test('with a new failure, a new pass and a test that runs after all', () => {
    expect(judge(results('fail', 'pass', 'pass'), known).surprises).toEqual([
      'test-a.js: fail, expected pass: why',
      'test-b.js: pass, expected fail: why',
      'test-c.js: pass, expected skip: why',
    ])
  })

  test('of another checkout names what is missing and what is new', () => {
    const other: TestResult = { name: 'test-d.js', outcome: 'pass', message: '' }
    expect(judge([...results('pass', 'fail'), other], known).surprises).toEqual([
      'test-d.js: pass, expected nothing: it is new',
      'test-c.js: is not in the checkout',
    ])
  })

  test('of some tests only', () => {
    expect(judge(results('pass'), known, 'test-a').surprises).toEqual([])
  })
})

test('a test that cannot run in a worker says what it needs', () => {
  for (const [source, why] of [
    [
      "const { internalBinding } = require('internal/test/binding')",
      'tests what is internal to Node',
    ],
    ['// Flags: --expose-internals\n', 'tests what is internal to Node'],
    ["'use strict'\n// Flags: --no-warnings --expose-gc\n", 'needs the flag --expose-gc'],
    ["const tls = require('tls')", 'needs node:tls'],
    ["import { readFileSync } from 'node:fs'", 'needs allowFilesystem'],
    ["require('child_process').spawn('x')", 'needs allowChildProcess'],
    ["const vm = require('vm'), { test } = require('node:test')\nrequire('buffer')", undefined],
  ]) {
    expect(whySkipped(source as string)).toBe(why)
  }
})
