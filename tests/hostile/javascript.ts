/** Hostile functions, each in its own worker, with a neighbour that must keep answering. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { startZygote, type TestZygote } from '../worker/harness.ts'
import type { InvokeResult } from '../worker/running.ts'
import type { TestWorker } from '../worker/test-worker.ts'

export interface Attempt {
  /** A handler. What it returns is answered as JSON, or, in `rawAttempts`, as it is. */
  code: string
  /** The outcome: the JSON, the text of a Response, or the code of an error. */
  outcome: unknown
  /** Statements of the module before the handler. */
  before?: string
  cpuMs?: number
  memory?: number
  allowEval?: boolean
  /** The function ruins its own worker, so only the neighbour is asked afterwards. */
  ruined?: boolean
}

const HELPERS = `
  const { Response: SafeResponse, RangeError: SafeRangeError } = globalThis
  const { stringify } = JSON
  const attempt = (run) => { try { return run() } catch (error) { return error?.constructor?.name ?? String(error) } }
  const stillAlive = () => new SafeResponse('alive')
  const json = (value) => new SafeResponse(stringify(value) ?? 'undefined')
`

const bundleOf = ({ code, before = '' }: Attempt, raw: boolean) => `${HELPERS}
  ${before}
  const startsWith = Function.prototype.call.bind(String.prototype.startsWith)
  const getUrl = Function.prototype.call.bind(Object.getOwnPropertyDescriptor(Request.prototype, 'url').get)
  const attack = ${raw ? code : `async (request, ctx) => json(await (${code})(request, ctx))`}
  export default (request, ctx) => startsWith(getUrl(request), 'http://localhost/alive') ? stillAlive() : attack(request, ctx)`

/** The outcome of a result, as `Attempt` describes it. */
function outcomeOf(result: InvokeResult): unknown {
  if (result.error !== undefined) return result.error.code
  try {
    return JSON.parse(result.text)
  } catch {
    return result.text
  }
}

const isAlive = async (worker: TestWorker) => {
  const { text, error } = await worker.invoke({ url: 'http://localhost/alive' })
  return error?.code ?? text
}

async function run(zygote: TestZygote, one: Attempt, raw: boolean): Promise<void> {
  const { cpuMs = 5000, memory = 64, allowEval = false } = one
  const worker = await zygote.worker({
    bundle: bundleOf(one, raw),
    capabilities: { maxMemory: memory * 2 ** 20, allowEval },
  })
  const running = worker.begin({ cpuMs, deadlineMs: 30_000 })
  expect(outcomeOf(await running.result)).toEqual(one.outcome)
  if (one.ruined !== true) expect(await isAlive(worker)).toBe('alive')
  worker.close()
}

/** One test for each. The handler runs once; then its worker and the neighbour are asked. */
function define(table: Record<string, Attempt>, raw: boolean): void {
  let zygote: TestZygote
  let neighbour: TestWorker
  beforeAll(async () => {
    zygote = await startZygote()
    neighbour = await zygote.worker({ bundle: bundleOf({ code: '() => 1', outcome: 1 }, true) })
  })
  afterAll(() => zygote.close())
  for (const [name, one] of Object.entries(table)) {
    test(name, async () => {
      await run(zygote, one, raw)
      expect(await isAlive(neighbour)).toBe('alive')
    })
  }
}

export const attempts = (table: Record<string, Attempt>) => define(table, false)
export const rawAttempts = (table: Record<string, Attempt>) => define(table, true)
