/** `bun run test262`: runs the sample and prints the table. */
import { startZygote } from '../worker/harness.ts'
import { TEST262_ROOT } from './sample.ts'
import { runSuite } from './suite.ts'

if (TEST262_ROOT === undefined) {
  console.error('TEST262_ROOT has to name a checkout of tc39/test262')
  process.exit(2)
}
const template = await startZygote()
const { areas, surprises } = await runSuite(template, TEST262_ROOT)
await template.close()
console.log(`${'area'.padEnd(12)}     run  passed      %`)
for (const [name, { run, passed, skipped }] of areas) {
  const rate = ((100 * passed) / run).toFixed(1)
  console.log(
    `${name.padEnd(12)} ${`${run}`.padStart(7)} ${`${passed}`.padStart(7)} ${rate.padStart(6)}`,
  )
  for (const [why, count] of skipped) console.log(`  not run: ${count}, ${why}`)
}
for (const line of surprises) console.log(line)
process.exit(surprises.length === 0 ? 0 : 1)
