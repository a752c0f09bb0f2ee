/** Node's own tests, where FUNCTIONS_NODE_TESTS names a checkout: each is as its expectations say. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { startZygote, type TestZygote } from '../worker/harness.ts'
import { NODE_TESTS, SUITES } from './checkout.ts'
import { judge, readExpectations } from './expectations.ts'
import { runSuite } from './run-suite.ts'

const SUITE_MS = 900_000

if (NODE_TESTS === undefined) {
  test.skip("Node's own tests (FUNCTIONS_NODE_TESTS names no checkout)", () => undefined)
} else {
  describe("Node's own tests", () => {
    let template: TestZygote
    beforeAll(async () => {
      template = await startZygote()
    }, SUITE_MS)
    afterAll(() => template.close())

    for (const suite of SUITES) {
      const run = async () => {
        const results = await runSuite(template, suite)
        expect(judge(results, readExpectations(suite)).surprises).toEqual([])
      }
      test(suite, run, SUITE_MS)
    }
  })
}
