/** The expectations of a suite: how many subtests each file has, which of them fail, and why. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FileResult } from './run-file.ts'

/** Stands for the whole file: it did not load or did not finish. */
const WHOLE = '*'

export interface Expectations {
  /**
   * File and variant -> number of subtests in a run that finished. Subtests that do not run count
   * as failed.
   */
  subtests: Record<string, number>
  /** File and variant -> subtest, or `*` -> reason. */
  failures: Record<string, Record<string, string>>
}

export interface Verdict {
  total: number
  passed: number
  /** Differences from the expectations, one line each. */
  surprises: string[]
}

const pathOf = (suite: string) =>
  join(import.meta.dir, 'expectations', `${suite.replaceAll('/', '-')}.json`)

export function readExpectations(suite: string): Expectations {
  const path = pathOf(suite)
  if (!existsSync(path)) return { subtests: {}, failures: {} }
  return JSON.parse(readFileSync(path, 'utf8')) as Expectations
}

/** The failures of a file: subtest, or `*`, -> message. */
function failuresOf(result: FileResult): Map<string, string> {
  const failed = result.subtests.filter(({ passed }) => !passed)
  const failures = new Map(failed.map(({ name, message }) => [name, message]))
  if (result.failure !== undefined) failures.set(WHOLE, result.failure)
  return failures
}

/** Subtests that were expected to run, or did run. */
function countOf(result: FileResult, known: Expectations): number {
  return Math.max(result.subtests.length, known.subtests[result.name] ?? 0)
}

function surprisesOf(result: FileResult, known: Expectations): string[] {
  const failures = failuresOf(result)
  const expected = known.failures[result.name] ?? {}
  const surprises: string[] = []
  for (const [name, message] of failures) {
    if (!(name in expected)) surprises.push(`${result.name}: fails: ${name}: ${message}`)
  }
  for (const name of Object.keys(expected)) {
    if (!failures.has(name)) surprises.push(`${result.name}: does not fail as expected: ${name}`)
  }
  const count = known.subtests[result.name] ?? 0
  if (result.failure === undefined && count !== result.subtests.length)
    surprises.push(`${result.name}: ${result.subtests.length} subtests, expected ${count}`)
  return surprises
}

/** Compares a run of a suite, or of some of its files, with the expectations. */
export function judge(results: FileResult[], known: Expectations): Verdict {
  const passed = results.flatMap(({ subtests }) => subtests).filter((one) => one.passed).length
  const total = results.reduce((sum, result) => sum + countOf(result, known), 0)
  return { total, passed, surprises: results.flatMap((result) => surprisesOf(result, known)) }
}

/**
 * Records the results as the new expectations. Keeps the reasons of failures that remain; a new
 * failure gets its message as the reason, until someone writes a better one.
 */
export function writeExpectations(suite: string, results: FileResult[], known: Expectations): void {
  const next: Expectations = { subtests: {}, failures: {} }
  for (const result of results) {
    const reasons = known.failures[result.name] ?? {}
    next.subtests[result.name] =
      result.failure === undefined ? result.subtests.length : countOf(result, known)
    const failures = [...failuresOf(result)].map(([name, message]) => [
      name,
      reasons[name] ?? message,
    ])
    if (failures.length > 0) next.failures[result.name] = Object.fromEntries(failures)
  }
  writeFileSync(pathOf(suite), `${JSON.stringify(next, null, 2)}\n`)
}
