/** Functions run in UTC, and asking for the local time does not escape the sandbox. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { startZygote, type TestZygote } from './harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

test('local time is UTC, whatever the machine has', async () => {
  const bundle = `const at = new Date(Date.UTC(2026, 6, 1, 12))
    export default () => Response.json([at.getTimezoneOffset(), at.getHours(), at.toString(),
      at.toLocaleString(), new Date(2026, 0, 1).toISOString(), Date.parse('2026-01-01T00:00') ])`
  const worker = await zygote.worker({ bundle })
  const [offset, hours, text, , start, parsed] = (await worker.json()) as unknown[]
  expect([offset, hours, start, parsed]).toEqual([
    0,
    12,
    '2026-01-01T00:00:00.000Z',
    Date.UTC(2026, 0, 1),
  ])
  expect(text).toBe('Wed Jul 01 2026 12:00:00 GMT+0000')
})
