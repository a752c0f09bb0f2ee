/** Deadlines, CPU and memory limits hold for any code. What Bun cannot enforce is marked. */
import { afterAll, describe, expect, test } from 'bun:test'
import {
  type Call,
  call,
  open,
  openFactory,
  RUNTIMES,
  type Started,
  start,
  until,
} from './harness.ts'

const MB = 1024 * 1024
const fixture = openFactory()
afterAll(() => fixture.close())

/** `/slow` answers after a moment, and `/bad` runs `bad`. */
function withNeighbour(bad: string): string {
  return `export default async (req) => {
    if (new URL(req.url).pathname === '/slow') {
      await new Promise((r) => setTimeout(r, 700))
      return new Response('slow')
    }
    ${bad}
  }`
}

const slow = { url: 'http://h.test/slow' }
const bad = { url: 'http://h.test/bad' }

describe.each(RUNTIMES)('%s', (runtime) => {
  /** Only an engine with an interrupt can stop one invocation and go on with the others. */
  const interrupts = runtime === 'quickjs-ng'

  /** Whether the other invocations are answered. With Bun they end with the process of the guilty one. */
  async function expectNeighbour(neighbour: Call, started: Started): Promise<void> {
    const answer = await neighbour.done
    if (interrupts) {
      expect(answer.body.toString()).toBe('slow')
      expect((await call(started.worker, slow)).body.toString()).toBe('slow')
    } else {
      expect(answer.error?.code).toBe('WORKER_CRASHED')
      expect(await started.exit).toBeDefined()
    }
  }

  test('a promise that never settles: TIMEOUT at the deadline, the slot free, the worker well', async () => {
    const source = withNeighbour('await new Promise(() => {})')
    const { worker } = await start(fixture.factory, runtime, source)
    const answer = await call(worker, { ...bad, deadlineMs: 200 })
    expect(answer.error?.code).toBe('TIMEOUT')
    expect(answer.answeredAfter).toBeGreaterThan(195)
    expect(answer.answeredAfter).toBeLessThan(1200)
    expect(worker.inFlight).toBe(0)
    expect((await call(worker, slow)).body.toString()).toBe('slow')
  })

  test('a deadline counts to the head: a body may take longer', async () => {
    const source = `export default () => new Response(new ReadableStream({
      async pull(c) {
        await new Promise((r) => setTimeout(r, 2500))
        c.enqueue(new TextEncoder().encode('late'))
        c.close()
      },
    }))`
    const { worker } = await start(fixture.factory, runtime, source)
    const answer = await call(worker, { deadlineMs: 2000 })
    expect(answer.error).toBeUndefined()
    expect(answer.body.toString()).toBe('late')
  })

  test.each([
    ['an endless loop', 'while (1);'],
    [
      'a storm of microtasks',
      'const storm = () => { Promise.resolve().then(storm) }; storm(); await new Promise(() => {})',
    ],
    [
      'a regular expression that backtracks for ever',
      `/^(([a-z])+.)+[A-Z]([a-z])+$/.test('a'.repeat(60)); while (1);`,
    ],
  ])(
    '%s: TIMEOUT within 1 s of its deadline, the neighbour as the runtime can',
    async (_what, code) => {
      const started = await start(fixture.factory, runtime, withNeighbour(code))
      const neighbour = open(started.worker, slow)
      const begun = performance.now()
      const running = open(started.worker, { ...bad, deadlineMs: 300, cpuMs: 20_000 })
      await running.answered
      expect(performance.now() - begun).toBeGreaterThan(250)
      expect(performance.now() - begun).toBeLessThan(1300)
      if (interrupts) await expectNeighbour(neighbour, started)
      else {
        // A silent worker is killed 250 ms after its latest deadline, which is the neighbour's.
        neighbour.invocation.cancel('the client is gone')
        expect((await started.exit)?.code).toBe('WORKER_CRASHED')
      }
      expect((await running.done).error?.code).toBe('TIMEOUT')
    },
  )

  test('more CPU than its budget: CPU_LIMIT, the neighbour as the runtime can', async () => {
    const started = await start(fixture.factory, runtime, withNeighbour('while (1);'), {
      capabilities: { maxCpu: 200 },
    })
    const neighbour = open(started.worker, { ...slow, cpuMs: 200 })
    await Bun.sleep(30)
    const answer = await call(started.worker, { ...bad, cpuMs: 200, deadlineMs: 10_000 })
    expect(answer.error?.code).toBe('CPU_LIMIT')
    expect(answer.answeredAfter).toBeLessThan(10_000)
    if (interrupts) await expectNeighbour(neighbour, started)
    else expect((await started.exit)?.code).toBe('CPU_LIMIT')
  })

  test('CPU that is burned with nothing in flight ends the worker', async () => {
    const source = `export default () => {
      setTimeout(() => { for (;;); }, 500)
      return new Response('answered')
    }`
    const started = await start(fixture.factory, runtime, source)
    const answer = await call(started.worker)
    // An engine with an interrupt gives the time to requests.
    if (interrupts) {
      await Bun.sleep(600)
      expect(answer.body.toString()).toBe('answered')
      expect((await call(started.worker)).body.toString()).toBe('answered')
    } else {
      expect(answer.body.toString()).toBe('answered')
      expect((await started.exit)?.code).toBe('CPU_LIMIT')
    }
  }, 60_000)

  test.each([
    ['without end', 'const all = []; for (;;) all.push(new Array(10_000).fill(1.5))'],
    [
      'without end, each error caught',
      'const all = []; for (;;) { try { all.push(new Array(10_000).fill(1.5)) } catch {} }',
    ],
    ['in one buffer', 'const all = []; for (;;) all.push(new Uint8Array(4e6).fill(7))'],
  ])(
    'allocation %s: MEMORY_LIMIT, and the next worker works',
    async (_what, code) => {
      const started = await start(fixture.factory, runtime, withNeighbour(code), {
        capabilities: { maxMemory: (interrupts ? 32 : 200) * MB, maxCpu: 20_000 },
      })
      const neighbour = open(started.worker, slow)
      await Bun.sleep(30)
      const answer = await call(started.worker, { ...bad, cpuMs: 20_000 })
      expect(answer.error?.code).toBe('MEMORY_LIMIT')
      if (interrupts) {
        expect((await neighbour.done).body.toString()).toBe('slow')
        expect(started.retirements).toHaveLength(1)
      } else {
        expect((await neighbour.done).error?.code).toBe('WORKER_CRASHED')
        expect((await started.exit)?.code).toBe('MEMORY_LIMIT')
      }
      const next = await start(
        fixture.factory,
        runtime,
        `export default () => new Response('next')`,
      )
      expect((await call(next.worker)).body.toString()).toBe('next')
    },
    15_000,
  )

  test('a blocked worker is called silent, and spoken of as well again when it answers', async () => {
    const source = `export default () => {
      const end = Date.now() + 250
      while (Date.now() < end);
      return new Response('back')
    }`
    const started = await start(fixture.factory, runtime, source)
    const running = open(started.worker)
    await until('silent', () => started.worker.silent)
    expect((await running.done).body.toString()).toBe('back')
    await until('well again', () => !started.worker.silent)
    expect(started.silences).toEqual([true, false])
  })
})

describe('quickjs-ng alone: built-ins that the interrupt never reaches', () => {
  const blocker = `'a'.repeat(4e5).concat('b').indexOf('a'.repeat(2e5) + 'c'); return new Response()`

  test('TIMEOUT on time, and the worker is killed and its neighbours answered', async () => {
    const { worker, exit, silences } = await start(
      fixture.factory,
      'quickjs-ng',
      withNeighbour(blocker),
    )
    const neighbour = open(worker, { ...slow, deadlineMs: 900 })
    await Bun.sleep(20)
    const answer = await call(worker, { ...bad, deadlineMs: 400 })
    expect(answer.error?.code).toBe('TIMEOUT')
    expect(answer.answeredAfter).toBeGreaterThan(395)
    expect(answer.answeredAfter).toBeLessThan(1400)
    const other = await neighbour.done
    expect(['TIMEOUT', 'WORKER_CRASHED']).toContain(other.error?.code ?? 'none')
    expect(other.doneAfter).toBeLessThan(3000)
    expect((await exit)?.code).toBe('WORKER_CRASHED')
    expect(silences).toEqual([true])
  })

  test('what had not left for the blocked worker can be dispatched again', async () => {
    const { worker } = await start(fixture.factory, 'quickjs-ng', withNeighbour(blocker))
    const guilty = open(worker, { ...bad, deadlineMs: 300 })
    await Bun.sleep(20)
    // Bodies fill the socket of a blocked worker, and the last ones wait in this process.
    const body = Buffer.alloc(65_536)
    const waiting = Array.from({ length: 20 }, () =>
      open(worker, { ...slow, method: 'POST', body, deadlineMs: 30_000 }),
    )
    await guilty.answered
    worker.kill(new (await import('../../src/errors.ts')).FunctionError('WORKER_CRASHED', 'test'))
    const answers = await Promise.all(waiting.map((running) => running.done))
    const unsent = answers.filter((answer) => answer.unsent)
    expect(unsent.length).toBeGreaterThan(5)
    expect(unsent.length).toBeLessThan(20)
    for (const answer of unsent) expect(answer.error).toBeUndefined()
    for (const answer of answers.filter((answer) => !answer.unsent)) {
      expect(answer.error?.code).toBe('WORKER_CRASHED')
    }
  })

  test('the CPU watch of the zygote ends a worker that cannot be interrupted', async () => {
    const { worker, exit } = await start(fixture.factory, 'quickjs-ng', withNeighbour(blocker), {
      capabilities: { maxCpu: 300 },
    })
    const answer = await call(worker, { ...bad, cpuMs: 300, deadlineMs: 20_000 })
    expect(answer.error?.code).toBe('CPU_LIMIT')
    expect(answer.doneAfter).toBeLessThan(20_000)
    expect((await exit)?.code).toBe('CPU_LIMIT')
  })
})
