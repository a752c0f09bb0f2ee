/** The expectations of a suite: which of Node's tests pass, which fail and why, which do not run and why. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface TestResult {
  name: string
  outcome: 'pass' | 'fail' | 'skip'
  /** Why it failed or did not run. */
  message: string
}

export interface Expectations {
  passes: string[]
  /** Test -> reason. */
  fails: Record<string, string>
  /** Test -> why it cannot run here. */
  skips: Record<string, string>
}

export interface Verdict {
  passed: number
  failed: number
  skipped: number
  /** Differences from the expectations, one line each. */
  surprises: string[]
}

const MAX_REASON = 160

const pathOf = (suite: string) => join(import.meta.dir, 'expectations', `${suite}.json`)

export function readExpectations(suite: string): Expectations {
  const path = pathOf(suite)
  if (!existsSync(path)) return { passes: [], fails: {}, skips: {} }
  return JSON.parse(readFileSync(path, 'utf8')) as Expectations
}

function expected(name: string, known: Expectations): TestResult['outcome'] | undefined {
  if (known.passes.includes(name)) return 'pass'
  if (Object.hasOwn(known.fails, name)) return 'fail'
  return Object.hasOwn(known.skips, name) ? 'skip' : undefined
}

/**
 * Compares a run with the expectations.
 *
 * @param part only tests with it in their names were run
 */
export function judge(results: readonly TestResult[], known: Expectations, part = ''): Verdict {
  const surprises: string[] = []
  for (const { name, outcome, message } of results) {
    const before = expected(name, known)
    if (before === outcome) continue
    const text = message === '' ? '' : `: ${message}`
    surprises.push(`${name}: ${outcome}, expected ${before ?? 'nothing: it is new'}${text}`)
  }
  const names = new Set(results.map(({ name }) => name))
  const all = [...known.passes, ...Object.keys(known.fails), ...Object.keys(known.skips)]
  for (const name of all) {
    if (name.includes(part) && !names.has(name)) surprises.push(`${name}: is not in the checkout`)
  }
  const count = (outcome: TestResult['outcome']) =>
    results.filter((result) => result.outcome === outcome).length
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip'), surprises }
}

/**
 * Records the results as the new expectations. Keeps the reasons of failures that remain; a new
 * failure gets its message as the reason, until someone writes a better one.
 */
export function writeExpectations(
  suite: string,
  results: readonly TestResult[],
  known: Expectations,
): void {
  const next: Expectations = { passes: [], fails: {}, skips: {} }
  for (const { name, outcome, message } of results) {
    const line = (message.split('\n')[0] ?? '').slice(0, MAX_REASON)
    if (outcome === 'pass') next.passes.push(name)
    else if (outcome === 'fail') next.fails[name] = known.fails[name] ?? line
    else next.skips[name] = line
  }
  writeFileSync(pathOf(suite), `${JSON.stringify(next, null, 2)}\n`)
}
