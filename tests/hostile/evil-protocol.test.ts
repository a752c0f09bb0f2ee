/** An attacker at the worker's end of the channel: floods and lies, while a neighbour is answered. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { call, open, openLauncher, start, until } from '../conformance/harness.ts'
import { attack, stand } from './evil.ts'

const evil = stand('quickjs-ng', {})
const good = openLauncher()
const neighbour = { answered: 0, failed: 0, stop: false }
let running: Promise<void>

beforeAll(async () => {
  const bundle = `export default (req) => new Response(new URL(req.url).search)`
  const { worker } = await start(good.launcher, 'quickjs-ng', bundle)
  running = (async () => {
    for (let i = 0; !neighbour.stop; i++) {
      const answer = await call(worker, { url: `http://probe.test/?${i}` })
      if (answer.body.toString() === `?${i}`) neighbour.answered++
      else neighbour.failed++
      await Bun.sleep(1)
    }
  })()
})

afterAll(async () => {
  neighbour.stop = true
  await running
  await evil.bench.close()
  await good.close()
})

/** What its invocation was told, and why the worker had to go. */
async function attempt(name: string, cancelAfterMs?: number) {
  const started = attack(evil, name)
  await started.ready
  const running = open(started.worker, { deadlineMs: 5_000, pauseAfter: 0 })
  if (cancelAfterMs !== undefined) {
    setTimeout(() => running.invocation.cancel('client gone'), cancelAfterMs)
  }
  const answer = await running.done
  return { started, answer }
}

test.each(['garbage', 'huge-line', 'nested', 'foreign-id', 'ready-twice', 'endless-body'])(
  '%s is a breach: the request is told, the worker is gone',
  async (name) => {
    const { started, answer } = await attempt(name)
    expect(answer.error?.code).toBe('WORKER_PROTOCOL')
    expect((await started.exit)?.code).toBe('WORKER_PROTOCOL')
    expect(started.worker.state).toBe('gone')
  },
)

test.each(['answer-twice', 'done-twice'])('%s is a breach after the answer', async (name) => {
  const { started, answer } = await attempt(name)
  expect([200, 0]).toContain(answer.status)
  expect((await started.exit)?.code).toBe('WORKER_PROTOCOL')
})

test('answers after cancel are dropped until done, and a breach from then on', async () => {
  const { started, answer } = await attempt('answer-after-cancel', 50)
  expect(answer.status).toBe(0)
  expect(answer.error).toBeUndefined()
  expect((await started.exit)?.code).toBe('WORKER_PROTOCOL')
})

test('a second announcement is a breach', async () => {
  const { exit } = attack(evil, 'accepted-again')
  expect((await exit)?.code).toBe('WORKER_PROTOCOL')
})

test('a worker that holds its pipe is ended at its deadline', async () => {
  const { started, answer } = await attempt('hold')
  expect(['TIMEOUT', 'WORKER_CRASHED']).toContain(answer.error?.code as string)
  expect((await started.exit)?.code).toBe('WORKER_CRASHED')
}, 20_000)

test('of a million lines of log few are kept, and the request is answered or times out', async () => {
  const { started, answer } = await attempt('million-logs')
  expect([200, 0]).toContain(answer.status)
  expect(started.logs.length).toBeLessThan(20_000)
  started.worker.kill(new Error('enough') as never)
}, 60_000)

test('100,000 fetches are no more than a worker that goes', async () => {
  const { started, answer } = await attempt('many-fetches')
  expect(['WORKER_PROTOCOL', 'TIMEOUT']).toContain(answer.error?.code as string)
  await started.exit
  expect(started.worker.state).toBe('gone')
}, 60_000)

test('the neighbour answered all the while', async () => {
  await until('its answers', () => neighbour.answered > 100)
  expect(neighbour.failed).toBe(0)
})
