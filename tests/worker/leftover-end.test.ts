/** A worker that has to end finishes what its requests left behind, and logs what it cannot finish. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { at, startCases } from './cases.ts'
import { startZygote, type TestZygote } from './harness.ts'
import type { TestWorker } from './test-worker.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

const cases = (code: Record<string, string>, limits: Record<string, number> = {}, more = '') =>
  startCases(zygote, code, `const ok = () => new Response('ok')\n${more}`, { limits })

/** What the worker logs from its shutdown to its end. */
async function end(worker: TestWorker, graceMs: number): Promise<{ id: unknown; text: string }[]> {
  worker.send({ type: 'shutdown', grace_ms: graceMs, reason: 'of a test' })
  await worker.inbox.untilClosed()
  const logs = worker.inbox.all.filter(({ type }) => type === 'log')
  return logs.map(({ id, message }) => ({ id, text: String(message) }))
}

const LONG_MS = 60_000

describe('before its worker ends', () => {
  const FINISHED: Record<string, string> = {
    'a timer fires': '() => { setTimeout(() => console.log("ran"), 200); return ok() }',
    'an interval runs once more':
      '() => { const i = setInterval(() => console.log("ran"), 200); return ok() }',
    'a chain of timers and promises ends': `() => {
      const sleep = (ms) => new Promise((r) => setTimeout(r, ms))
      sleep(50).then(() => sleep(50)).then(() => sleep(50)).then(() => console.log("ran"))
      return ok() }`,
    'promises settle': `() => {
      (async () => { for (let i = 0; i < 1e4; i++) await null; console.log("ran") })()
      return ok() }`,
  }
  for (const [name, leave] of Object.entries(FINISHED)) {
    test(name, async () => {
      const worker = await cases({ leave })
      await worker.invoke(at('leave'))
      const logs = await end(worker, LONG_MS)
      expect(logs[0]).toEqual({ id: 1, text: 'ran' })
    })
  }

  test('what it left while the last request ran is finished too', async () => {
    const worker = await cases({
      leave: '() => { setTimeout(() => console.log("ran"), 200); return ok() }',
      wait: 'async () => { await new Promise((r) => setTimeout(r, 100)); setTimeout(() => console.log("ran too"), 300); return ok() }',
    })
    await worker.invoke(at('leave'))
    const running = worker.begin(at('wait'))
    const logs = end(worker, LONG_MS)
    expect((await running.result).text).toBe('ok')
    expect((await logs).map(({ text }) => text)).toEqual(['ran', 'ran too'])
  })
})

describe('it does not wait for', () => {
  const ENDED: Record<string, [leave: string, line: string | RegExp]> = {
    'a timer that is due later': [
      'function leave() { setTimeout(() => {}, 3_600_000); return ok() }',
      /^Ended with this worker, because of a test: 1 timer\n {2}timer set\n {4}at leave \(bundle\.js:\d+:\d+\)\n/,
    ],
    'an interval that ran': [
      '() => { setInterval(() => {}, 10); return ok() }',
      'Ended with this worker, because of a test: 1 timer\n',
    ],
    'a loop that has used up its CPU time': [
      '() => { setInterval(() => { for (;;); }, 1); return ok() }',
      'Ended with this worker, because of a test: 1 timer\n',
    ],
    'promises that have used up their CPU time': [
      '() => { async function spin() { for (;;) await null }; spin(); return ok() }',
      /^Ended with this worker, because of a test: 1 promise callback\n {2}promise callback\n {4}at spin \(bundle\.js:\d+:\d+\)$/,
    ],
  }
  for (const [name, [leave, line]] of Object.entries(ENDED)) {
    test(name, async () => {
      const worker = await cases({ leave }, { cpu_ms: 200 })
      await worker.invoke(at('leave'))
      const last = (await end(worker, LONG_MS)).at(-1)
      expect(last?.id).toBe(1)
      expect(last?.text).toMatch(line)
    }, 60_000)
  }

  test('anything once it is paused', async () => {
    const worker = await cases(
      { leave: '() => { setTimeout(() => {}, 1000); return ok() }' },
      { background_ms: 50 },
    )
    await worker.invoke(at('leave'))
    await Bun.sleep(200)
    expect((await end(worker, LONG_MS)).at(-1)?.text).toContain('1 timer')
  })

  test('anything of the bundle', async () => {
    const worker = await cases({ ok: 'ok' }, {}, 'setInterval(() => {}, 50)')
    await worker.invoke(at('ok'))
    expect(await end(worker, LONG_MS)).toEqual([])
  })

  test('anything longer than the grace, not even for a loop', async () => {
    const worker = await cases(
      {
        leave:
          '() => { const again = () => { setTimeout(again, 1); for (;;); }; setTimeout(again, 1); setTimeout(() => {}, 9e5); return ok() }',
      },
      { cpu_ms: 3_600_000 },
    )
    await worker.invoke(at('leave'))
    const last = (await end(worker, 300)).at(-1)
    expect(last?.text).toStartWith('Ended with this worker, because of a test: 2 timers')
  }, 60_000)

  test('the rest of its grace when it is asked again', async () => {
    const worker = await cases({ leave: '() => { setTimeout(() => {}, 10_000); return ok() }' })
    await worker.invoke(at('leave'))
    worker.send({ type: 'shutdown', grace_ms: 3_600_000, reason: 'it was slow' })
    const last = (await end(worker, 0)).at(-1)
    expect(last?.text).toStartWith('Ended with this worker, because it was slow: 1 timer')
  })
})

test('what two requests left is logged for none of them', async () => {
  const worker = await cases({ leave: '() => { setTimeout(() => {}, 9e5); return ok() }' })
  await worker.invoke(at('leave'))
  await worker.invoke(at('leave'))
  const last = (await end(worker, 0)).at(-1)
  expect(last?.id).toBeUndefined()
  expect(last?.text).toContain('2 timers')
})
