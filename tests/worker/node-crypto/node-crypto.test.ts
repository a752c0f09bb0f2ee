/** node:crypto in the real worker against what Node itself answered (make-reference.mjs). */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleOf, startZygote, type TestZygote } from '../node-harness.ts'
import different from './differences.json'
import reference from './reference.json'

const normalize = readFileSync(join(import.meta.dir, 'normalize.mjs'), 'utf8').replace(
  'export ',
  '',
)

/** A function that evaluates every expression, and answers with the results in their order. */
function bundleSource(sources: string[]): string {
  const cases = sources.map((source) => `(c, k, m, b, data) => ${source}`)
  return `import c from 'node:crypto'
    ${normalize}
    const k = ${JSON.stringify(reference.keys)}
    const m = ${JSON.stringify(reference.made)}
    const b = (hex) => Buffer.from(hex, 'hex')
    const data = Buffer.from('the data of every signature')
    const cases = [${cases.join(',\n')}]
    export default () => Response.json(cases.map((run) => normalize(() => run(c, k, m, b, data))))`
}

setDefaultTimeout(120_000)

let zygote: TestZygote
let answers: unknown[]
const sources = Object.keys(reference.results)

beforeAll(async () => {
  zygote = await startZygote()
  const bundle = await bundleOf(bundleSource(sources))
  const worker = await zygote.worker({
    bundle,
    limits: { memory_bytes: 256 << 20, load_ms: 60_000 },
  })
  answers = (await worker.json('/', { cpuMs: 100_000, deadlineMs: 100_000 })) as unknown[]
  worker.close()
}, 120_000)

afterAll(() => zygote.close())

describe('node:crypto answers as Node does', () => {
  const known = different as Record<string, { why: string; here: unknown }>

  test('the table of differences names only expressions of the reference', () => {
    expect(Object.keys(known).filter((source) => !sources.includes(source))).toEqual([])
  })

  for (const [i, source] of sources.entries()) {
    test(source, () => {
      const expected = known[source]?.here ?? reference.results[source as never]
      expect(answers[i]).toEqual(expected)
    })
  }
})
