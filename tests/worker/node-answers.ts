/** What functions answer, for tests of Node's modules. */
import { afterAll, beforeAll } from 'bun:test'
import { bundleOf, startZygote, type TestZygote } from './node-harness.ts'

/** For the tests of a file: what a function of a source answers in a worker, as JSON. */
export function useAnswers(): (source: string) => Promise<unknown> {
  let zygote: TestZygote
  beforeAll(async () => {
    zygote = await startZygote()
  })
  afterAll(() => zygote.close())
  return async (source) => {
    const worker = await zygote.worker({ bundle: await bundleOf(source) })
    try {
      return await worker.json()
    } finally {
      worker.close()
    }
  }
}
