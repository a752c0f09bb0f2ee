/** How invocations and workers end, and what ends with them, in both runtimes. */
import { afterAll, describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { FunctionError } from '../../src/errors.ts'
import {
  begin,
  call,
  makeSpec,
  open,
  openFactory,
  parentOf,
  RUNTIMES,
  type Started,
  start,
  until,
} from './harness.ts'

const fixture = openFactory()
afterAll(() => fixture.close())

const hello = `export default () => new Response('hello')`
const never = `export default () => {
  console.log('running')
  return new Promise(() => {})
}`

/** Waits until the handler has logged its first line. */
const handlerRuns = ({ logs }: Pick<Started, 'logs'>) =>
  until('the handler runs', () => logs.length > 0)

describe.each(RUNTIMES)('%s: an invocation', (runtime) => {
  test('that is cancelled gets an abort event, and its slot is free', async () => {
    const source = `export default (req) => new Promise(() => {
      req.signal.addEventListener('abort', () => console.log('aborted', req.signal.aborted))
      console.log('running')
    })`
    const { worker, logs } = await start(fixture.factory, runtime, source)
    const running = open(worker)
    await handlerRuns({ logs })
    running.invocation.cancel('client gone')
    const answer = await running.done
    expect(answer.error).toBeUndefined()
    expect(worker.inFlight).toBe(0)
    await until('the log', () => logs.length > 1)
    expect(logs[1]?.message).toBe('aborted true')
    expect(worker.state).toBe('ready')
  })

  test('that is cancelled amid its body stops sending', async () => {
    const source = `export default () => new Response(new ReadableStream({
      async pull(c) {
        await new Promise((r) => setTimeout(r, 5))
        c.enqueue(new Uint8Array(100))
      },
    }))`
    const { worker } = await start(fixture.factory, runtime, source)
    const running = open(worker)
    await until('a part', () => running.received() > 200)
    running.invocation.cancel('client gone')
    await running.done
    const received = running.received()
    // Proves that nothing more arrives: ten times the interval between parts.
    await Bun.sleep(50)
    expect(running.received()).toBe(received)
    expect(worker.inFlight).toBe(0)
  })

  test('keeps its slot for waitUntil, also for what that adds to it', async () => {
    const source = `const sleep = (ms) => new Promise((r) => setTimeout(r, ms))
      export default (req, ctx) => {
        ctx.waitUntil((async () => {
          await sleep(100)
          console.log('first')
          ctx.waitUntil(sleep(100).then(() => console.log('second')))
        })())
        return new Response('now')
      }`
    const { worker, logs } = await start(fixture.factory, runtime, source)
    const answer = await call(worker)
    expect(answer.doneAfter).toBeGreaterThan(190)
    expect(answer.doneAfter - answer.answeredAfter).toBeGreaterThan(150)
    expect(logs).toEqual([
      { invocation: 1, level: 'info', message: 'first' },
      { invocation: 1, level: 'info', message: 'second' },
    ])
  })

  test('whose waitUntil rejects is logged, and done', async () => {
    const source = `export default (req, ctx) => {
      ctx.waitUntil(Promise.reject(new Error('in the background')))
      return new Response('now')
    }`
    const { worker, logs } = await start(fixture.factory, runtime, source)
    expect((await call(worker)).body.toString()).toBe('now')
    const entry = logs.find((log) => log.message.includes('in the background'))
    expect(entry).toMatchObject({ invocation: 1, level: 'error' })
  })

  test('tells what CPU time it took', async () => {
    const source = `export default () => {
      let sum = 0
      for (let i = 0; i < 4e6; i++) sum = (sum + i * i) % 1000003
      return new Response(String(sum))
    }`
    const { worker } = await start(fixture.factory, runtime, source)
    const { cpuUs } = await call(worker)
    // The least time that the loop takes, even on a busy processor.
    expect(cpuUs).toBeGreaterThan(2_000)
    expect(cpuUs).toBeLessThan(2_000_000)
  })
})

describe.each(RUNTIMES)('%s: a worker', (runtime) => {
  test('names its process, its layers and its start', async () => {
    const { worker } = await start(fixture.factory, runtime, hello)
    await call(worker)
    expect(worker.runtime).toBe(runtime)
    expect(worker.layers).toContain('no_new_privs')
    expect(Date.now() - worker.startedAt.getTime()).toBeLessThan(10_000)
    await until('its pid', () => worker.pid !== undefined)
    const status = readFileSync(`/proc/${worker.pid}/status`, 'latin1')
    if (process.getuid?.() === 0) expect(status).toMatch(/^Uid:\t65534\t/m)
    worker.kill(new FunctionError('WORKER_CRASHED', 'test'))
    await until('its process is gone', () => !existsSync(`/proc/${worker.pid}`))
  })

  test('that is shut down finishes what runs, takes no more, and goes in peace', async () => {
    const source = `export default async () => {
      console.log('running')
      await new Promise((r) => setTimeout(r, 150))
      return new Response('finished')
    }`
    const { worker, exit, logs } = await start(fixture.factory, runtime, source)
    const running = open(worker)
    await handlerRuns({ logs })
    const gone = worker.shutdown(5000, 'of a test')
    expect(worker.state).toBe('draining')
    expect(() => open(worker)).toThrow()
    expect((await running.done).body.toString()).toBe('finished')
    await gone
    expect(await exit).toBeUndefined()
    expect(worker.state).toBe('gone')
  })

  test('that does not finish within its grace is ended', async () => {
    const { worker, exit, logs } = await start(fixture.factory, runtime, never)
    const running = open(worker)
    await handlerRuns({ logs })
    const begun = performance.now()
    await worker.shutdown(200, 'of a test')
    expect(performance.now() - begun).toBeLessThan(2000)
    expect((await running.done).error).toBeDefined()
    expect(await exit).toBeUndefined()
  })

  test('that is killed answers for what was in flight with the reason', async () => {
    const { worker, exit, logs } = await start(fixture.factory, runtime, never)
    const running = open(worker)
    await handlerRuns({ logs })
    const reason = new FunctionError('OVERLOADED', 'make room')
    worker.kill(reason)
    expect((await running.done).error).toBe(reason)
    expect(await exit).toBe(reason)
    worker.kill(new FunctionError('INTERNAL', 'again'))
    expect(worker.state).toBe('gone')
  })

  test('that dies between two requests leaves a line in the log', async () => {
    const { worker, exit, logs } = await start(fixture.factory, runtime, hello)
    await call(worker)
    await until('its pid', () => worker.pid !== undefined)
    process.kill(worker.pid as number, 'SIGKILL')
    expect((await exit)?.code).toBe('WORKER_CRASHED')
    const line = logs.find(({ message }) => message.includes('ended between two requests'))
    expect(line?.message).toContain('killed by signal 9')
  })

  test('may be killed or shut down while it starts', async () => {
    const reason = new FunctionError('SHUTTING_DOWN', 'not any more')
    const first = begin(fixture.factory, makeSpec(runtime, hello))
    first.worker.kill(reason)
    expect(await first.exit).toBe(reason)
    const second = begin(fixture.factory, makeSpec(runtime, hello))
    await second.worker.shutdown(1000, 'of a test')
    expect(await second.exit).toBeUndefined()
    const third = await start(fixture.factory, runtime, hello)
    expect((await call(third.worker)).body.toString()).toBe('hello')
  })

  test('whose heap grew by 32 MB asks to be replaced, once', async () => {
    const source = `const kept = []
      export default () => {
        for (let i = 0; i < 12; i++) kept.push(new Array(131_072).fill(i + 0.5))
        return new Response()
      }`
    const { worker, retirements } = await start(fixture.factory, runtime, source, {
      capabilities: { maxMemory: 512 * 1024 * 1024 },
    })
    for (let i = 0; i < 6; i++) await call(worker)
    expect(retirements).toHaveLength(1)
    expect(retirements[0]).toContain('heap')
  })

  test('takes a request whose headers do not fit a line as its sender’s fault', async () => {
    const { worker } = await start(fixture.factory, runtime, hello)
    const answer = await call(worker, { headers: [['x-bytes', '\xff'.repeat(60_000)]] })
    expect(answer.error?.code).toBe('HEADERS_TOO_LARGE')
    expect(worker.inFlight).toBe(0)
    expect((await call(worker)).body.toString()).toBe('hello')
  })
})

describe('the zygote', () => {
  test('dies: its workers with it, and the next start works', async () => {
    const own = openFactory()
    try {
      const first = await start(own.factory, 'quickjs-ng', never)
      const idle = await start(own.factory, 'quickjs-ng', hello)
      const running = open(first.worker)
      await handlerRuns(first)
      const { pid } = idle.worker
      process.kill(parentOf(pid as number), 'SIGKILL')
      expect((await running.done).error?.code).toBe('WORKER_CRASHED')
      expect((await first.exit)?.code).toBe('WORKER_CRASHED')
      expect((await idle.exit)?.code).toBe('WORKER_CRASHED')
      await until('its workers are gone', () => !existsSync(`/proc/${pid}`))
      const next = await start(own.factory, 'quickjs-ng', hello)
      expect((await call(next.worker)).body.toString()).toBe('hello')
    } finally {
      await own.close()
    }
  })

  test('forks 1,000 workers that are asked for at once, and each answers', async () => {
    const own = openFactory()
    try {
      await own.factory.warm()
      const answers = await Promise.all(
        Array.from({ length: 1000 }, async (_, i) => {
          const source = `export default () => new Response('${i}')`
          const { worker } = await start(own.factory, 'quickjs-ng', source)
          return (await call(worker)).body.toString()
        }),
      )
      expect(answers).toEqual(answers.map((_, i) => `${i}`))
    } finally {
      await own.close()
    }
  }, 60_000)

  test('that dies in a burst of starts leaves none of them hanging', async () => {
    const own = openFactory({ log: () => {} })
    try {
      const first = await start(own.factory, 'quickjs-ng', hello)
      await until('its pid', () => first.worker.pid !== undefined)
      const zygote = parentOf(first.worker.pid as number)
      const all = Array.from({ length: 300 }, () =>
        begin(own.factory, makeSpec('quickjs-ng', hello)),
      )
      await until('some are there', () => all.some(({ worker }) => worker.state === 'ready'))
      process.kill(zygote, 'SIGKILL')
      const ends = await Promise.all(
        all.map(({ ready, exit }) => Promise.race([exit, ready.then(() => 'ready' as const)])),
      )
      for (const end of ends) {
        if (end === 'ready') continue
        expect(['WORKER_CRASHED', 'WORKER_START_FAILED', 'BUNDLE_LOAD_ERROR']).toContain(
          end?.code as string,
        )
      }
      const next = await start(own.factory, 'quickjs-ng', hello)
      expect((await call(next.worker)).body.toString()).toBe('hello')
    } finally {
      await own.close()
    }
  })

  test('that is held up answers when it goes on', async () => {
    const own = openFactory()
    try {
      const first = await start(own.factory, 'quickjs-ng', hello)
      await until('its pid', () => first.worker.pid !== undefined)
      const zygote = parentOf(first.worker.pid as number)
      process.kill(zygote, 'SIGSTOP')
      const all = Array.from({ length: 200 }, () =>
        begin(own.factory, makeSpec('quickjs-ng', hello)),
      )
      await Bun.sleep(100)
      // Two were connected before, and each of two spare children takes a connection.
      const starting = all.filter(({ worker }) => worker.state === 'starting')
      expect(starting.length).toBeGreaterThanOrEqual(196)
      expect((await call(first.worker)).body.toString()).toBe('hello')
      process.kill(zygote, 'SIGCONT')
      await Promise.all(all.map(({ ready }) => ready))
    } finally {
      await own.close()
    }
  })

  test('leaves nothing behind when the launcher is closed', async () => {
    const own = openFactory()
    const started = await Promise.all([
      start(own.factory, 'quickjs-ng', hello),
      start(own.factory, 'quickjs-ng', never),
      start(own.factory, 'bun', hello),
    ])
    await until('all pids', () => started.every(({ worker }) => worker.pid !== undefined))
    const pids = started.map(({ worker }) => worker.pid)
    const running = open(started[1].worker)
    await handlerRuns(started[1])
    await own.close()
    expect((await running.done).error?.code).toBe('SHUTTING_DOWN')
    // Pid 1 reaps what the zygote left: none of these processes may still run.
    await until('the processes are gone', () => pids.every((pid) => !runs(pid as number)))
    expect(readdirSync('/proc/self/fd').length).toBeLessThan(200)
  })
})

function runs(pid: number): boolean {
  try {
    return !/^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false
  }
}
