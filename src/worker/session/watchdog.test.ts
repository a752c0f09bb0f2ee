/** The watches of a worker. Each is given the time, so that its rule can be tested to the millisecond. */
import { describe, expect, test } from 'bun:test'
import { readProcessUse } from '../../lib/procfs.ts'
import { CpuBudget } from './cpu-budget.ts'
import { explainExit, firstPosition, mapSafely } from './failures.ts'
import { LogLimiter } from './log-relay.ts'
import { RecyclePolicy } from './recycle-policy.ts'
import { Liveness } from './watchdog.ts'

const MB = 1024 * 1024

describe('the silent-worker rule', () => {
  test('pings after 25 ms without a message, and calls silent what does not answer in 50 ms', () => {
    const liveness = new Liveness()
    liveness.heard(1000)
    expect(liveness.due(1024)).toBe(0)
    expect(liveness.due(1025)).toBe(1)
    expect(liveness.due(1060)).toBe(0)
    expect(liveness.judge(1074)).toBe(false)
    expect(liveness.judge(1075)).toBe(true)
    expect(liveness.silent).toBe(true)
    expect(liveness.judge(1100)).toBe(false)
  })

  test('a pong ends the silence, and only the one that is awaited', () => {
    const liveness = new Liveness()
    liveness.heard(0)
    expect(liveness.answered(0)).toBe(false)
    const n = liveness.due(30)
    liveness.judge(80)
    expect(liveness.answered(n + 1)).toBe(false)
    expect(liveness.silent).toBe(true)
    expect(liveness.answered(n)).toBe(true)
    expect(liveness.silent).toBe(false)
    expect(liveness.answered(n)).toBe(false)
  })

  test('a worker that sends other messages is not silent', () => {
    const liveness = new Liveness()
    liveness.heard(0)
    liveness.due(30)
    liveness.heard(70)
    expect(liveness.judge(100)).toBe(false)
    expect(liveness.judge(120)).toBe(true)
  })
})

describe('the log limit', () => {
  test('admits 1,000 lines a second and counts the rest', () => {
    const limiter = new LogLimiter()
    let admitted = 0
    for (let i = 0; i < 1500; i++) if (limiter.admits(10, 5000)) admitted++
    expect(admitted).toBe(1000)
    expect(limiter.takeDropped(5999)).toBe(0)
    expect(limiter.takeDropped(6000)).toBe(500)
    expect(limiter.takeDropped(6000)).toBe(0)
    expect(limiter.admits(10, 6000)).toBe(true)
  })

  test('admits 1 MiB a second', () => {
    const limiter = new LogLimiter()
    let admitted = 0
    for (let i = 0; i < 40; i++) if (limiter.admits(32 * 1024, 0)) admitted++
    expect(admitted).toBe(32)
  })
})

describe('the CPU budget', () => {
  test('is announced only when it changed, and not more often than the interval allows', () => {
    const announced: number[] = []
    const cpu = new CpuBudget(1000, 500, (ms) => announced.push(ms))
    cpu.sync(0)
    cpu.began(300)
    cpu.began(200.5)
    cpu.sync(499)
    expect(announced).toEqual([1000])
    cpu.sync(500)
    expect(announced).toEqual([1000, 1501])
    cpu.sync(2000)
    expect(announced).toHaveLength(2)
    cpu.ended(300)
    cpu.ended(200.5)
    expect(cpu.settled).toBe(false)
    cpu.sync(2001)
    expect(announced).toEqual([1000, 1501, 1000])
    expect(cpu.settled).toBe(true)
  })
})

describe('the recycle policy', () => {
  test('32 MB of heap over its first invocation is too much', () => {
    const policy = new RecyclePolicy(1000)
    expect(policy.add(0, 5 * MB)).toBeUndefined()
    expect(policy.add(0, 37 * MB)).toBeUndefined()
    expect(policy.add(0, 37 * MB + 1)).toContain('heap')
  })

  test('half of its CPU life is enough', () => {
    const policy = new RecyclePolicy(1000)
    expect(policy.add(35_000_000, 0)).toBeUndefined()
    expect(policy.add(1, 0)).toContain('CPU')
  })
})

describe('how a process ended', () => {
  const exit = { status: 0, signal: 0, cpu: false, cpuUs: 0 }

  test.each([
    ['by the CPU watch', { ...exit, signal: 9, cpu: true }, 'CPU_LIMIT', 'BUNDLE'],
    ['by RLIMIT_CPU', { ...exit, signal: 24 }, 'CPU_LIMIT', 'BUNDLE'],
    ['by the hard RLIMIT_CPU', { ...exit, signal: 9, cpuUs: 70_000_000 }, 'CPU_LIMIT', 'BUNDLE'],
    ['by the oom killer', { ...exit, signal: 9, memoryKill: {} }, 'MEMORY_LIMIT', 'START'],
    [
      'by the oom killer, at the limit of the function',
      { ...exit, signal: 9, memoryKill: { limitBytes: 100_663_296 } },
      'MEMORY_LIMIT',
      'BUNDLE',
    ],
    ['by somebody else', { ...exit, signal: 9 }, 'WORKER_CRASHED', 'START'],
    ['by a crash', { ...exit, signal: 11 }, 'WORKER_CRASHED', 'BUNDLE'],
    ['by its seccomp filter', { ...exit, signal: 31 }, 'SANDBOX_VIOLATION', 'BUNDLE'],
    ['by itself', { ...exit, status: 1 }, 'WORKER_CRASHED', 'BUNDLE'],
    ['unknown', undefined, 'WORKER_CRASHED', 'START'],
  ] as const)('%s', (_how, how, code, loading) => {
    expect(explainExit(how, 70_000, 'serving').code).toBe(code)
    const fault = loading === 'BUNDLE' ? 'BUNDLE_LOAD_ERROR' : 'WORKER_START_FAILED'
    expect(explainExit(how, 70_000, 'loading').code).toBe(fault)
    expect(explainExit(how, 70_000, 'launching').code).toBe('WORKER_START_FAILED')
  })
})

describe('the position of an error', () => {
  test.each([
    ['Error: x\n    at load (src/a.ts:3:7)\n    at src/b.ts:1:1', ['src/a.ts', 3, 7]],
    ['    at src/main.ts:10:2', ['src/main.ts', 10, 2]],
    ['    at bundle.js:1:1\n    at f (src/x.ts:2:3)', ['src/x.ts', 2, 3]],
    [
      '    at get (functions:absent:0:3:41)\n    at node_modules/p/i.js:1:1',
      ['node_modules/p/i.js', 1, 1],
    ],
    ['    at functions:node:fs:3:41\n    at f (src/x.ts:2:3)', ['src/x.ts', 2, 3]],
    ['    at map (native)\n    at async g (lib/y.js:4:5)', ['lib/y.js', 4, 5]],
  ] as const)('%j', (stack, [file, line, column]) => {
    expect(firstPosition(stack)).toEqual({ file, line, column })
  })

  test('is unknown if no frame is in the tenant’s files', () => {
    expect(firstPosition('Error: x\n    at bundle.js:1:1\n    at f (native)')).toBeUndefined()
    expect(firstPosition('')).toBeUndefined()
  })
})

const mapped = (stack: string) => mapSafely({ mapStack: (text: string) => text } as never, stack)

describe('frames of the platform’s own modules', () => {
  test('are left out, so that the position is the tenant’s', () => {
    const stack = `TypeError: x
    at coded (functions:part:part-1a.js:1:2)
    at async functions:own:url:3:4
    at handler (src/a.ts:5:6)
    at functions:node:stream:7:8 {
  code: 'X'
}`
    const seen = mapped(stack)
    expect(seen).toBe("TypeError: x\n    at handler (src/a.ts:5:6) {\n  code: 'X'\n}")
    expect(firstPosition(seen)).toEqual({ file: 'src/a.ts', line: 5, column: 6 })
  })

  test('and no other lines', () => {
    for (const stack of ['Error: at functions:x', 'a\n  at f (functions/a.ts:1:2)', '', '\n']) {
      expect(mapped(stack)).toBe(stack)
    }
  })
})

describe('a stack that a worker made up', () => {
  test.each([
    '\r',
    '\u2028',
    ' ',
    '(',
    ':1',
    '(a:1:1',
    ' at a:1:1',
    'functions:',
    '(functions:1:1',
  ])('of many %j is looked through in no time', (part) => {
    const stack = `    at ${part.repeat(16_000 / part.length)}x`
    const blank = part.repeat(16_000 / part.length)
    const begin = performance.now()
    for (let i = 0; i < 10; i++) {
      expect(firstPosition(stack)).toBeUndefined()
      firstPosition(blank)
      mapped(stack)
      mapped(`${blank}\n`)
    }
    // Quadratic search took 100 ms for one.
    expect(performance.now() - begin).toBeLessThan(300)
  })
})

describe('what a process uses', () => {
  // In a process of its own: this one may fill memory that an earlier test has freed.
  test('grows with its memory and its work', async () => {
    const code = `process.stdout.write('1')
      const kept = await new Promise((go) => process.stdin.once('data', () => go(Buffer.alloc(${64 * MB}, 1))))
      const end = performance.now() + 150
      while (performance.now() < end);
      process.stdout.write(String(kept[0]))
      process.stdin.once('data', () => process.exit())`
    const child = Bun.spawn([process.execPath, '-e', code], { stdin: 'pipe', stdout: 'pipe' })
    const output = child.stdout.getReader()
    await output.read()
    const before = readProcessUse(child.pid)
    child.stdin.write('go')
    let after = before
    const grown = () => (after?.residentBytes ?? 0) - (before?.residentBytes ?? 0)
    const worked = () => (after?.cpuMs ?? 0) - (before?.cpuMs ?? 0)
    // The output may arrive in pieces, so what is awaited is the figure itself. The test's time bounds it.
    while (grown() <= 32 * MB || worked() < 50) {
      await Bun.sleep(10)
      after = readProcessUse(child.pid)
    }
    child.kill()
    await child.exited
    expect(grown()).toBeLessThan(512 * MB)
    expect(worked()).toBeLessThan(60_000)
  })

  test('is unknown if there is no process', () => {
    expect(readProcessUse(2 ** 30)).toBeUndefined()
  })
})
