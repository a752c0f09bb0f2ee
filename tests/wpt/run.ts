/** `bun run wpt [--details] [--update] [SUITE [PART OF A FILE'S NAME]]`: runs suites, prints the table. */
import { parseArgs } from 'node:util'
import { startZygote } from '../worker/harness.ts'
import { WPT_ROOT } from './checkout.ts'
import { judge, readExpectations, writeExpectations } from './expectations.ts'
import type { FileResult } from './run-file.ts'
import { startServer } from './server.ts'
import { needsServer, runSuite, SUITES } from './suites.ts'

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

function printDetails(results: FileResult[]): void {
  for (const { name, subtests, failure } of results) {
    const failed = subtests.filter(({ passed }) => !passed)
    if (failed.length === 0 && failure === undefined) continue
    console.log(`${name}: ${subtests.length - failed.length} of ${subtests.length}`)
    if (failure !== undefined) console.log(`  * ${failure}`)
    for (const subtest of failed) console.log(`  ${subtest.name}\n    ${subtest.message}`)
  }
}

function row(name: string, total: number, passed: number): string {
  const rate = total === 0 ? '-' : ((100 * passed) / total).toFixed(1)
  return `${name.padEnd(20)} ${`${total}`.padStart(8)} ${`${passed}`.padStart(8)} ${rate.padStart(6)}`
}

if (WPT_ROOT === undefined) fail('WPT_ROOT has to name a checkout of web-platform-tests')
if (only !== undefined && !SUITES.includes(only))
  fail(`there is no suite '${only}', only ${SUITES.join(', ')}`)
if (values.update && part !== '') fail('--update takes whole suites')

console.log(`${'suite'.padEnd(20)} subtests   passed      %`)
const sum = { total: 0, passed: 0 }
const surprises: string[] = []
const template = await startZygote()
const wanted = only === undefined ? SUITES : [only]
const server = wanted.some(needsServer) ? await startServer() : undefined
for (const suite of wanted) {
  const results = await runSuite(template, suite, part, needsServer(suite) ? server : undefined)
  const known = readExpectations(suite)
  const verdict = judge(results, known)
  if (values.details) printDetails(results)
  console.log(row(suite, verdict.total, verdict.passed))
  sum.total += verdict.total
  sum.passed += verdict.passed
  if (values.update) writeExpectations(suite, results, known)
  else surprises.push(...verdict.surprises.map((line) => `${suite}/${line}`))
}
await template.close()
server?.close()
console.log(row('all', sum.total, sum.passed))
for (const line of surprises) console.log(line)
process.exit(surprises.length === 0 ? 0 : 1)
