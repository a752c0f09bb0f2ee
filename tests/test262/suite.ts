/** Runs the whole sample in several workers, and compares the result with the expected failures. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestZygote } from '../worker/harness.ts'
import { runTest } from './run-test.ts'
import { type Area, sample } from './sample.ts'

const WORKERS = 4
/** By name: the reason of the failure. */
export type Expectations = Record<string, string>

export interface AreaResult {
  run: number
  passed: number
  skipped: Map<string, number>
}

export interface SuiteResult {
  areas: Map<Area, AreaResult>
  /** By name: the message of the failure. */
  failures: Map<string, string>
  /** Unexpected failures and unexpected passes. */
  surprises: string[]
}

export const EXPECTATIONS = join(import.meta.dir, 'expectations.json')

export async function runSuite(template: TestZygote, root: string): Promise<SuiteResult> {
  const expected = JSON.parse(readFileSync(EXPECTATIONS, 'utf8')) as Expectations
  const areas = new Map<Area, AreaResult>()
  const failures = new Map<string, string>()
  const surprises: string[] = []
  const files = sample(root).values()
  const work = async () => {
    for (const file of files) {
      const area = areas.get(file.area) ?? { run: 0, passed: 0, skipped: new Map() }
      areas.set(file.area, area)
      if (file.skipped !== undefined) {
        area.skipped.set(file.skipped, (area.skipped.get(file.skipped) ?? 0) + 1)
        continue
      }
      area.run++
      const failure = await runTest(template, root, file)
      if (failure === undefined) area.passed++
      else failures.set(file.name, failure)
      const known = Object.hasOwn(expected, file.name)
      if (failure !== undefined && !known) surprises.push(`${file.name}: ${failure}`)
      if (failure === undefined && known) surprises.push(`${file.name}: passes`)
    }
  }
  await Promise.all(Array.from({ length: WORKERS }, work))
  return { areas, failures, surprises }
}
