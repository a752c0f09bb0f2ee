/** The zygote: every connection is a fork, and no worker outlives the zygote or its connection. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { SANITIZED, startZygote, type TestZygote } from './harness.ts'
import type { TestWorker } from './test-worker.ts'

const HELLO = 'export default () => new Response("hello")'
const SPIN =
  'export default (req) => { if (req.method === "POST") for (;;); return new Response("ok") }'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote(['--pid-namespace', 'off'])
})

afterAll(() => zygote.close())

async function pidOf(worker: TestWorker): Promise<number> {
  const forked = await zygote.inbox.find(
    (message) => message.type === 'forked' && message.worker === worker.number,
  )
  return forked.pid as number
}

/** The zygote reads in order: what was sent before has been handled when this worker is gone. */
async function untilRead(): Promise<void> {
  const last = await zygote.connect()
  await pidOf(last)
  zygote.send({ type: 'kill', worker: last.number })
  await zygote.exited(last)
}

async function untilGone(pid: number): Promise<void> {
  while (existsSync(`/proc/${pid}`)) await Bun.sleep(10)
}

describe('zygote', () => {
  test('gives each worker its own number, from 1 on, and reports each fork', async () => {
    const own = await startZygote(['--pid-namespace', 'off'])
    const workers = [await own.connect(), await own.connect(), await own.connect()]
    const numbers = workers.map(({ number }) => number)
    expect(new Set(numbers).size).toBe(3)
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(1)
    for (const number of numbers) {
      const forked = await own.inbox.find((m) => m.type === 'forked' && m.worker === number)
      const stat = readFileSync(`/proc/${forked.pid}/stat`, 'latin1')
      expect(/\) \w (\d+) /.exec(stat)?.[1]).toBe(`${own.pid}`) // its parent
    }
    await own.close()
  })

  test('forks for each of 1,000 connections that come at once', async () => {
    const count = SANITIZED ? 50 : 1000
    const crowd = await startZygote(['--pid-namespace', 'off'])
    const open = async (): Promise<TestWorker> => {
      for (;;) {
        try {
          return await crowd.connect()
        } catch {
          await Bun.sleep(5) // a full backlog is refused; the service tries again too
        }
      }
    }
    const workers = await Promise.all(Array.from({ length: count }, open))
    expect(new Set(workers.map(({ number }) => number)).size).toBe(count)
    for (const worker of workers) worker.start({ bundle: HELLO })
    await Promise.all(workers.map((worker) => worker.ready()))
    const last = workers.at(-1) as TestWorker
    expect((await last.invoke()).text).toBe('hello')
    await crowd.close()
  }, 60_000)

  test('draws what must differ in each worker after the fork', async () => {
    const bundle = `export default () => Response.json({
      random: [Math.random(), Math.random()], uuid: crypto.randomUUID(),
      bytes: [...crypto.getRandomValues(new Uint8Array(8))], origin: performance.timeOrigin })`
    const seen: Record<string, Set<string>> = {}
    for (let i = 0; i < 8; i++) {
      const worker = await zygote.worker({ bundle })
      const drawn = (await worker.json()) as Record<string, unknown>
      for (const [what, value] of Object.entries(drawn)) {
        seen[what] ??= new Set()
        seen[what].add(JSON.stringify(value))
      }
      worker.close()
      await Bun.sleep(2)
    }
    for (const values of Object.values(seen)) expect(values.size).toBe(8)
  })

  test('sets the limits of the worker alone, after the fork', async () => {
    const worker = await zygote.worker({ bundle: HELLO, capabilities: { maxCpu: 2000 } })
    const limits = readFileSync(`/proc/${await pidOf(worker)}/limits`, 'latin1')
    const limit = (name: string) => new RegExp(`${name} +(\\S+) +(\\S+)`).exec(limits)?.slice(1)
    expect(limit('Max cpu time')).toEqual(['80', '80'])
    expect(limit('Max open files')).toEqual(['10', '10'])
    for (const name of ['processes', 'file size', 'core file size', 'locked memory']) {
      expect(limit(`Max ${name}`)).toEqual(['0', '0'])
    }
    if (!SANITIZED) {
      const [bytes] = limit('Max address space') ?? []
      expect(Number(bytes)).toBeGreaterThan(132 * 2 ** 20)
      expect(Number(bytes)).toBeLessThan(160 * 2 ** 20)
    }
    expect(readFileSync(`/proc/${zygote.pid}/limits`, 'latin1')).not.toMatch(/processes +0/)
  })

  test('leaves a worker nothing but its channel and its loop', async () => {
    const worker = await zygote.worker({ bundle: HELLO })
    const fds = `/proc/${await pidOf(worker)}/fd`
    const { readdirSync, readlinkSync } = await import('node:fs')
    const kinds = readdirSync(fds).map((fd) => readlinkSync(`${fds}/${fd}`).replace(/\d+/, ''))
    expect(kinds.filter((kind) => kind.startsWith('socket'))).toHaveLength(1)
    expect(kinds).not.toContain('anon_inode:[signalfd]')
  })

  test.skipIf(SANITIZED)('shares its memory: a worker owns less than 1 MB', async () => {
    const worker = await zygote.worker({ bundle: HELLO })
    await worker.invoke()
    const rollup = readFileSync(`/proc/${await pidOf(worker)}/smaps_rollup`, 'latin1')
    const kilobytes = [...rollup.matchAll(/Private_\w+: +(\d+) kB/g)].map(([, kb]) => Number(kb))
    expect(kilobytes.reduce((sum, kb) => sum + kb)).toBeWithin(1, 1024)
  })

  test('a start line that is not whole within 5 s ends its worker', async () => {
    const worker = await zygote.connect()
    const begin = performance.now()
    worker.sendRaw('{"type":"sta')
    const exited = await zygote.exited(worker)
    expect(exited).toMatchObject({ status: 1, signal: 0 })
    expect(performance.now() - begin).toBeGreaterThan(4000)
  }, 15_000)

  test('a connection without a word ends its worker with itself', async () => {
    const worker = await zygote.connect()
    worker.close()
    expect(await zygote.exited(worker)).toMatchObject({ status: 0, signal: 0 })
  })

  test('half a start line, or one too long, does not start anything', async () => {
    const long = await zygote.connect()
    long.sendRaw(`{"type":"start","x":"${'y'.repeat(17_000)}"}\n`)
    expect(await zygote.exited(long)).toMatchObject({ status: 70 })
    const half = await zygote.connect()
    half.sendRaw('{"type":"sta')
    half.close()
    expect(await zygote.exited(half)).toMatchObject({ status: 0 })
    const other = await zygote.connect()
    other.send({ type: 'ping', n: 1 })
    expect(await zygote.exited(other)).toMatchObject({ status: 70 })
  })

  test('kills a worker by its number', async () => {
    const worker = await zygote.worker({ bundle: HELLO })
    zygote.send({ type: 'kill', worker: worker.number })
    const exited = await zygote.exited(worker)
    expect(exited).toMatchObject({ status: 0, signal: 9 })
    expect(exited.reason).toBeUndefined()
    expect(exited.cpu_us as number).toBeGreaterThan(0)
    expect(exited.max_rss as number).toBeGreaterThan(0)
    zygote.send({ type: 'kill', worker: worker.number }) // it is gone: no matter
  })

  test('kills a worker that burns more CPU than it was allowed', async () => {
    const worker = await zygote.worker({ bundle: SPIN })
    zygote.send({ type: 'limit', worker: worker.number, cpu_ms: 200 })
    worker.begin({ method: 'POST', cpuMs: 60_000, deadlineMs: 60_000 })
    const exited = await zygote.exited(worker)
    expect(exited).toMatchObject({ signal: 9, reason: 'cpu' })
    expect(exited.cpu_us as number).toBeGreaterThan(190_000)
    expect(exited.cpu_us as number).toBeLessThan(2_000_000)
  })

  test('a new limit takes the place of the one before', async () => {
    const worker = await zygote.worker({ bundle: SPIN })
    zygote.send({ type: 'limit', worker: worker.number, cpu_ms: 150 })
    zygote.send({ type: 'limit', worker: worker.number, cpu_ms: 30_000 })
    await untilRead()
    const result = await worker.invoke({ method: 'POST', cpuMs: 500, deadlineMs: 60_000 })
    expect(result.error?.code).toBe('CPU_LIMIT')
    expect((await worker.invoke()).text).toBe('ok')
  })

  test('ends when its channel closes, and its workers with it', async () => {
    const own = await startZygote(['--pid-namespace', 'off'])
    await own.worker({ bundle: HELLO })
    const pid = own.inbox.all.find(({ type }) => type === 'forked')?.pid as number
    await own.close()
    await untilGone(pid)
    await untilGone(own.pid)
  })

  test('takes its workers with it when it is killed', async () => {
    const own = await startZygote(['--pid-namespace', 'off'])
    await own.worker({ bundle: HELLO })
    const pid = own.inbox.all.find(({ type }) => type === 'forked')?.pid as number
    process.kill(own.pid, 'SIGKILL')
    await untilGone(pid)
    await own.close()
  })

  test('ends at a message that it does not know', async () => {
    const own = await startZygote(['--pid-namespace', 'off'])
    const worker = await own.worker({ bundle: HELLO })
    own.sendRaw('{"type":"dance"}\n')
    await worker.inbox.untilClosed()
    await own.inbox.untilClosed()
    await own.close()
  })
})

describe('zygote in a pid namespace, where there is one', () => {
  test('keeps the CPU watch, and takes its workers with it', async () => {
    const own = await startZygote(['--pid-namespace', 'preferred'])
    const spinning = await own.worker({ bundle: SPIN })
    own.send({ type: 'limit', worker: spinning.number, cpu_ms: 200 })
    spinning.begin({ method: 'POST', cpuMs: 60_000, deadlineMs: 60_000 })
    expect(await own.exited(spinning)).toMatchObject({ signal: 9, reason: 'cpu' })
    const idle = await own.worker({ bundle: HELLO })
    process.kill(own.pid, 'SIGKILL')
    await idle.inbox.untilClosed()
    await own.close()
  })
})
