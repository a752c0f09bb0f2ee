/** A worker with one handler for each case, chosen by the path of the request. */
import type { TestZygote } from './harness.ts'
import type { TestWorker, WorkerOptions } from './test-worker.ts'

/**
 * @param code name of a case -> source of its handler
 * @param prelude source before all handlers
 */
export function startCases(
  zygote: TestZygote,
  code: Record<string, string>,
  prelude = '',
  options: Omit<WorkerOptions, 'bundle'> = {},
): Promise<TestWorker> {
  const table = Object.entries(code).map(([name, source]) => `${JSON.stringify(name)}: ${source}`)
  const bundle = `${prelude}
    const cases = {${table.join(',\n')}}
    export default (req, ctx) => cases[decodeURIComponent(new URL(req.url).pathname.slice(1))](req, ctx)`
  return zygote.worker({ ...options, bundle })
}

/** The request for a case. */
export const at = (name: string) => ({ url: `http://localhost/${encodeURIComponent(name)}` })
