/** An invocation that is sent after `start`, before its worker is ready. */
import { afterAll, expect, test } from 'bun:test'
import type { WorkerSpec } from '../../src/worker/worker.ts'
import {
  begin,
  call,
  makeSpec,
  open,
  openFactory,
  parentOf,
  type Started,
  start,
  until,
} from './harness.ts'

const fixture = openFactory()
afterAll(() => fixture.close())

const hello = `export default () => new Response('hello')`

/** The bundle is available at once, as from a small file. */
function atOnce(source: string): WorkerSpec {
  const bytes = new TextEncoder().encode(source)
  return { ...makeSpec('quickjs-ng', source), loadBundle: () => bytes }
}

/** A worker whose process was connected before: it takes an invocation at once. */
async function early(source: string): Promise<Started> {
  let started = begin(fixture.factory, atOnce(source))
  for (let tries = 0; !started.worker.takesEarly && tries < 200; tries++) {
    await Bun.sleep(5)
    await started.worker.shutdown(0, 'of a test')
    started = begin(fixture.factory, atOnce(source))
  }
  expect(started.worker.takesEarly).toBe(true)
  expect(started.worker.state).toBe('starting')
  return started
}

test('begins when the bundle is loaded', async () => {
  await start(fixture.factory, 'quickjs-ng', hello)
  const { worker, ready } = await early(`
    await new Promise((resolve) => setTimeout(resolve, 150))
    const loaded = 'loaded'
    export default () => new Response(loaded)`)
  const running = open(worker)
  expect(worker.takesEarly).toBe(false)
  await ready
  expect((await running.done).body.toString()).toBe('loaded')
  expect((await call(worker)).body.toString()).toBe('loaded')
})

test('that is cancelled while the bundle loads does not begin, and its worker lives', async () => {
  const { worker, logs } = await early(`
    await new Promise((resolve) => setTimeout(resolve, 400))
    export default (req) => {
      console.log('began', new URL(req.url).pathname)
      return new Response('hello')
    }`)
  const running = open(worker, { url: 'http://probe.test/first' })
  await Bun.sleep(20)
  running.invocation.cancel('client gone')
  expect((await running.done).error).toBeUndefined()
  expect((await call(worker)).body.toString()).toBe('hello')
  await until('the log', () => logs.length > 0)
  expect(worker.state).toBe('ready')
})

test('whose deadline passes while the bundle loads is TIMEOUT, and its worker lives', async () => {
  const { worker, ready } = await early(`
    const end = Date.now() + 700
    while (Date.now() < end);
    ${hello}`)
  const running = open(worker, { deadlineMs: 100 })
  await running.answered
  expect(worker.state).toBe('starting')
  expect((await running.done).error?.code).toBe('TIMEOUT')
  await ready
  expect((await call(worker)).body.toString()).toBe('hello')
})

test('has its deadline from when it was sent, not from when the bundle was loaded', async () => {
  const { worker } = await early(`
    const end = Date.now() + 300
    while (Date.now() < end);
    export default (req, ctx) => new Response(String(ctx.deadline - Date.now()))`)
  const left = Number((await call(worker, { deadlineMs: 5000 })).body.toString())
  expect(left).toBeGreaterThan(0)
  expect(left).toBeLessThanOrEqual(4750)
})

test('that spins is stopped when its own deadline passes', async () => {
  const { worker } = await early(`
    const end = Date.now() + 600
    while (Date.now() < end);
    export default (req) => {
      if (req.url.endsWith('spin')) for (;;);
      return new Response('hello')
    }`)
  const spinning = open(worker, { url: 'http://probe.test/spin', deadlineMs: 900 })
  const answer = await spinning.done
  expect(answer.error?.code).toBe('TIMEOUT')
  // Counted from the end of loading it would be 1,500 ms at least.
  expect(answer.doneAfter).toBeLessThan(1450)
  expect((await call(worker)).body.toString()).toBe('hello')
})

test('of a bundle that does not load fails with the reason', async () => {
  const { worker } = await early(`throw new Error('not today')`)
  const answer = await open(worker).done
  expect(answer.error?.code).toBe('BUNDLE_LOAD_ERROR')
  expect(answer.unsent).toBe(false)
})

test('of a worker whose zygote dies before it is ready is returned as unsent', async () => {
  const { worker } = await early(`await new Promise(() => {}); ${hello}`)
  const running = open(worker)
  await until('its pid', () => worker.pid !== undefined)
  process.kill(parentOf(worker.pid as number), 'SIGKILL')
  const answer = await running.done
  expect(answer.unsent).toBe(true)
  expect(answer.error).toBeUndefined()
})
