/** `bun run node-tests [--details] [--update] [SUITE [PART OF A NAME]]`: runs suites, prints the table. */
import { parseArgs } from 'node:util'
import { startZygote } from '../worker/harness.ts'
import { NODE_TESTS, SUITES } from './checkout.ts'
import { judge, readExpectations, type TestResult, writeExpectations } from './expectations.ts'
import { runSuite } from './run-suite.ts'

const { values, positionals } = parseArgs({
  options: {
    details: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const [only, part = ''] = positionals

function fail(message: string): never {
  console.error(message)
  process.exit(2)
}

function printDetails(results: TestResult[]): void {
  for (const { name, outcome, message } of results) {
    if (outcome !== 'pass') console.log(`${outcome} ${name}: ${message}`)
  }
}

function row(name: string, passed: number, failed: number, skipped: number): string {
  const run = passed + failed
  const rate = run === 0 ? '-' : ((100 * passed) / run).toFixed(1)
  const numbers = [passed, failed, skipped].map((number) => `${number}`.padStart(8)).join('')
  return `${name.padEnd(16)}${numbers}${rate.padStart(8)}`
}

if (NODE_TESTS === undefined) fail('FUNCTIONS_NODE_TESTS has to name a checkout of nodejs/node')
if (only !== undefined && !SUITES.includes(only)) {
  fail(`There is no suite '${only}'. There are ${SUITES.join(', ')}.`)
}
if (values.update && part !== '') fail('--update takes whole suites')

console.log(`${'suite'.padEnd(16)}  passed  failed skipped       %`)
const sum = { passed: 0, failed: 0, skipped: 0 }
const surprises: string[] = []
const template = await startZygote()
for (const suite of only === undefined ? SUITES : [only]) {
  const results = await runSuite(template, suite, part)
  const known = readExpectations(suite)
  const verdict = judge(results, known, part)
  if (values.details) printDetails(results)
  console.log(row(suite, verdict.passed, verdict.failed, verdict.skipped))
  sum.passed += verdict.passed
  sum.failed += verdict.failed
  sum.skipped += verdict.skipped
  if (values.update) writeExpectations(suite, results, known)
  else surprises.push(...verdict.surprises.map((line) => `${suite}/${line}`))
}
await template.close()
console.log(row('all', sum.passed, sum.failed, sum.skipped))
for (const line of surprises) console.log(line)
process.exit(surprises.length === 0 ? 0 : 1)
