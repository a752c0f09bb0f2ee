/** The suites of web-platform-tests, where WPT_ROOT names a checkout: each is as its expectations say. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { startZygote, type TestZygote } from '../worker/harness.ts'
import { WPT_ROOT } from './checkout.ts'
import { judge, readExpectations } from './expectations.ts'
import { startServer, type WptServer } from './server.ts'
import { needsServer, runSuite, SUITES } from './suites.ts'

const SUITE_MS = 300_000

if (WPT_ROOT === undefined) {
  test.skip('web-platform-tests (WPT_ROOT names no checkout)', () => undefined)
} else {
  describe('web-platform-tests', () => {
    let template: TestZygote
    let server: WptServer
    beforeAll(async () => {
      template = await startZygote()
      server = await startServer()
    }, SUITE_MS)
    afterAll(async () => {
      server.close()
      await template.close()
    })

    for (const suite of SUITES) {
      const run = async () => {
        const results = await runSuite(template, suite, '', needsServer(suite) ? server : undefined)
        expect(judge(results, readExpectations(suite)).surprises).toEqual([])
      }
      test(suite, run, SUITE_MS)
    }
  })
}
