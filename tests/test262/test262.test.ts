/** The engine's conformance: a sample of test262, where TEST262_ROOT names a checkout of it. */
import { expect, test } from 'bun:test'
import { startZygote } from '../worker/harness.ts'
import { metadataOf } from './metadata.ts'
import { TEST262_ROOT } from './sample.ts'
import { runSuite } from './suite.ts'

test('what a file says of itself is read', () => {
  const source = `// x
/*---
description: a
negative:
  phase: parse
  type: SyntaxError
flags: [onlyStrict, async]
includes:
  - a.js
  - b.js
features: [ BigInt,
  class ]
---*/
throw 1`
  expect(metadataOf(source)).toEqual({
    flags: ['onlyStrict', 'async'],
    includes: ['a.js', 'b.js'],
    features: ['BigInt', 'class'],
    negative: { phase: 'parse', type: 'SyntaxError' },
  })
})

test.skipIf(TEST262_ROOT === undefined)(
  'a sample of test262 (TEST262_ROOT names no checkout)',
  async () => {
    const template = await startZygote()
    const { areas, surprises } = await runSuite(template, TEST262_ROOT as string)
    await template.close()
    expect(surprises).toEqual([])
    for (const { run } of areas.values()) expect(run).toBeGreaterThan(500)
  },
  600_000,
)
