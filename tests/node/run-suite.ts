/** Runs the tests of a suite, each in its own worker. */
import type { Bundle } from '../../src/bundles/bundle-store.ts'
import { stackMapper } from '../../src/bundles/source-map.ts'
import type { TestZygote } from '../worker/harness.ts'
import { readTestFile, testsOf } from './checkout.ts'
import type { TestResult } from './expectations.ts'
import { bundleTests, CAPABILITIES, type NodeTest, whySkipped } from './project.ts'

/** Bundles that are made and run at the same time. */
const WORKERS = 2
/** Tests in one bundle: making one takes longer than running its tests. */
const BATCH = 16
const TIMEOUT_MS = 30_000
const CPU_MS = 30_000

export async function runSuite(
  template: TestZygote,
  suite: string,
  part = '',
): Promise<TestResult[]> {
  const names = testsOf(suite).filter((name) => name.includes(part))
  const results = new Map<string, TestResult>()
  const runnable: NodeTest[] = []
  for (const name of names) {
    const source = readTestFile(`parallel/${name}`).toString('utf8')
    const why = whySkipped(source)
    if (why === undefined) runnable.push({ name, source })
    else results.set(name, { name, outcome: 'skip', message: why })
  }
  const batches: NodeTest[][] = []
  while (runnable.length > 0) batches.push(runnable.splice(0, BATCH))
  const queue = batches.values()
  async function work(): Promise<void> {
    for (const batch of queue) {
      for (const result of await runBatch(template, batch)) results.set(result.name, result)
    }
  }
  await Promise.all(Array.from({ length: WORKERS }, work))
  return names.flatMap((name) => results.get(name) ?? [])
}

async function runBatch(template: TestZygote, tests: readonly NodeTest[]): Promise<TestResult[]> {
  let bundle: Bundle
  try {
    bundle = await bundleTests(tests)
  } catch (error) {
    const [test, ...others] = tests
    if (test !== undefined && others.length === 0) {
      return [{ name: test.name, outcome: 'fail', message: textOf(error) }]
    }
    // The deployment is refused for one of them.
    const results: TestResult[] = []
    for (const one of tests) results.push(...(await runBatch(template, [one])))
    return results
  }
  const mapped = stackMapper(() => bundle.map)
  const results: TestResult[] = []
  for (const { name } of tests) {
    const { outcome, message } = await ask(template, bundle.code, name)
    results.push({ name, outcome, message: mapped(message) })
  }
  return results
}

const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

async function ask(
  template: TestZygote,
  bundle: Uint8Array,
  name: string,
): Promise<Pick<TestResult, 'outcome' | 'message'>> {
  const worker = await template.connect()
  try {
    worker.start({
      bundle,
      capabilities: CAPABILITIES,
      limits: { load_ms: TIMEOUT_MS, load_cpu_ms: CPU_MS },
    })
    await worker.ready()
    const url = `http://localhost/${name}`
    const result = await worker.invoke({ url, deadlineMs: TIMEOUT_MS, cpuMs: CPU_MS })
    if (result.error !== undefined) throw new Error(`${result.error.code}: ${result.error.message}`)
    return JSON.parse(result.text)
  } catch (error) {
    return { outcome: 'fail', message: textOf(error) }
  } finally {
    worker.close()
  }
}
