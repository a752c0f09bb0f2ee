/** Runs one variant of a test file in its own worker. */
import type { TestZygote } from '../worker/harness.ts'
import { serveFetches } from './broker.ts'
import { bundleOf, needsEval } from './bundle.ts'
import type { TestFile } from './checkout.ts'
import type { Surroundings } from './suites.ts'

/** As in testharness.js. */
const PASS = 0
const HARNESS = ['OK', 'ERROR', 'TIMEOUT', 'PRECONDITION_FAILED']

const MB = 1024 * 1024
const TIMEOUT_MS = 30_000
const LONG_TIMEOUT_MS = 120_000

export interface Subtest {
  /** Its name; when several have the same name, all but the first get a number. */
  name: string
  passed: boolean
  message: string
}

export interface FileResult {
  /** Path and variant, relative to the suite's folder. */
  name: string
  subtests: Subtest[]
  /** The error of the file as a whole. */
  failure: string | undefined
}

interface Answer {
  status: number
  message: string | null
  stack?: string
  tests: { name: string; status: number; message: string | null; stack?: string }[]
}

function subtestsOf(answer: Answer): Subtest[] {
  const seen = new Map<string, number>()
  return answer.tests.map(({ name: said, status, message }) => {
    // A server's port differs in each run.
    const name = said.replace(/(web-platform\.test:)\d+/g, '$18000')
    const count = (seen.get(name) ?? 0) + 1
    seen.set(name, count)
    return {
      name: count === 1 ? name : `${name} (${count})`,
      passed: status === PASS,
      message: message ?? '',
    }
  })
}

async function ask(
  template: TestZygote,
  test: TestFile,
  variant: string,
  { host, egress }: Surroundings,
): Promise<Answer> {
  const timeoutMs = test.long ? LONG_TIMEOUT_MS : TIMEOUT_MS
  const worker = await template.connect()
  try {
    worker.start({
      bundle: bundleOf(test, variant, host, timeoutMs),
      capabilities: { maxMemory: 512 * MB, allowEval: needsEval(test) },
      limits: { load_ms: 30_000, load_cpu_ms: 30_000 },
    })
    await worker.ready()
    if (egress !== undefined) serveFetches(worker, egress)
    const deadlineMs = timeoutMs + 30_000
    const result = await worker.invoke({ deadlineMs, cpuMs: deadlineMs })
    if (result.error !== undefined) throw new Error(`${result.error.code}: ${result.error.message}`)
    return JSON.parse(result.text) as Answer
  } finally {
    worker.close()
  }
}

export async function runFile(
  template: TestZygote,
  test: TestFile,
  variant: string,
  surroundings: Surroundings,
): Promise<Omit<FileResult, 'name'>> {
  try {
    const answer = await ask(template, test, variant, surroundings)
    const { status, message } = answer
    const failure = status === 0 ? undefined : `${HARNESS[status]}: ${message ?? ''}`
    return { subtests: subtestsOf(answer), failure }
  } catch (error) {
    return { subtests: [], failure: error instanceof Error ? error.message : String(error) }
  }
}
