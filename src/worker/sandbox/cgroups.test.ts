/** What is written to a cgroup subtree. A directory replaces it; the last test uses the kernel's own. */
import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { namedProfile } from '../../capabilities/profiles.ts'
import type { WorkerSpec } from '../worker.ts'
import { Cgroups } from './cgroups.ts'
import { niceOf } from './resource-control.ts'
import { maxProcesses } from './sandbox.ts'

const MB = 2 ** 20
const strict = namedProfile('strict', 'default')
const root = mkdtempSync(join(tmpdir(), 'functions-cgroups-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const spec = (functionId: string, changes: Partial<WorkerSpec> = {}): WorkerSpec => ({
  functionId,
  functionName: 'a',
  project: 'default',
  version: 'v1',
  handler: 'default',
  runtime: 'quickjs-ng',
  env: {},
  secrets: [],
  capabilities: namedProfile('strict', 'default'),
  loadBundle: async () => new Uint8Array(),
  mapStack: (stack: string) => stack,
  ...changes,
})

let count = 0
let own: string
beforeEach(() => {
  own = `/own${count++}`
  mkdirSync(join(root, own))
  writeFileSync(join(root, own, 'cgroup.controllers'), 'cpuset cpu io memory pids\n')
  writeFileSync(join(root, own, 'cgroup.procs'), '41\n')
  writeFileSync(join(root, own, 'cgroup.subtree_control'), '')
})
const read = (...path: string[]) => readFileSync(join(root, own, ...path), 'utf8')

describe('a delegated subtree', () => {
  test('is taken: we move into a leaf, and the controllers are handed down', () => {
    expect(Cgroups.take(root, own)).toBeInstanceOf(Cgroups)
    expect(read('service/cgroup.procs')).toBe('41')
    expect(read('cgroup.subtree_control')).toBe('+cpu +memory +pids')
  })

  test('is shared with a successor, which has cgroups of its own', () => {
    const before = Cgroups.take(root, own) as Cgroups
    before.add(spec('func-a'), 7)
    // Started by the service, so in its leaf.
    const next = Cgroups.take(root, join(own, 'service'), true) as Cgroups
    next.add(spec('func-a'), 8)
    next.add(spec('func-a'), 9)
    expect(read('func-a/memory.max')).toBe(`${132 * MB}`)
    expect(read(`func-a@${process.pid}/memory.max`)).toBe(`${264 * MB}`)
    expect(existsSync(join(root, own, 'service/service'))).toBe(false)
  })

  test('holds a function together: its limits follow the number of its workers', () => {
    const cgroups = Cgroups.take(root, own) as Cgroups
    cgroups.add(spec('func-a'), 7)
    expect(read('func-a/cgroup.procs')).toBe('7')
    expect(read('func-a/memory.max')).toBe(`${132 * MB}`)
    expect(read('func-a/memory.swap.max')).toBe('0')
    expect(read('func-a/pids.max')).toBe('1')
    expect(read('func-a/cpu.weight')).toBe('100')
    cgroups.add(spec('func-a'), 8)
    expect(read('func-a/memory.max')).toBe(`${264 * MB}`)
    expect(read('func-a/pids.max')).toBe('2')
    cgroups.remove(spec('func-a'), 7)
    expect(read('func-a/memory.max')).toBe(`${132 * MB}`)
  })

  test('sums what each worker may use: those of an older version keep theirs', () => {
    const cgroups = Cgroups.take(root, own) as Cgroups
    const old = spec('func-a', { capabilities: { ...strict, maxMemory: 500 * MB } })
    cgroups.add(old, 7)
    cgroups.add(spec('func-a'), 8)
    expect(read('func-a/memory.max')).toBe(`${(500 + 32 + 132) * MB}`)
    cgroups.remove(old, 7)
    expect(read('func-a/memory.max')).toBe(`${132 * MB}`)
  })

  test('leaves room for threads and programs where there are any', () => {
    const cgroups = Cgroups.take(root, own) as Cgroups
    cgroups.add(spec('func-b', { runtime: 'bun' }), 9)
    expect(read('func-b/pids.max')).toBe(`${maxProcesses()}`)
  })

  test('keeps functions apart', () => {
    const cgroups = Cgroups.take(root, own) as Cgroups
    cgroups.add(spec('func-a'), 7)
    cgroups.add(spec('func-shop.a'), 8)
    expect(read('func-a/cgroup.procs')).toBe('7')
    expect(read('func-shop.a/cgroup.procs')).toBe('8')
  })
})

describe('kills for lack of memory', () => {
  const events = (oom: number, kills: number) =>
    writeFileSync(
      join(root, own, 'func-a/memory.events'),
      `low 0\nhigh 0\nmax 9\noom ${oom}\noom_kill ${kills}\noom_group_kill 0\n`,
    )

  test('each explains one death of a worker of that function', () => {
    const cgroups = Cgroups.take(root, own) as Cgroups
    cgroups.add(spec('func-a'), 7)
    cgroups.add(spec('func-b'), 8)
    expect(cgroups.memoryKill(spec('func-a'))).toBeUndefined()
    events(1, 2)
    expect(cgroups.memoryKill(spec('func-b'))).toBeUndefined()
    expect(cgroups.memoryKill(spec('func-a'))).toEqual({ limitBytes: 132 * MB })
    expect(cgroups.memoryKill(spec('func-a'))).toEqual({ limitBytes: 132 * MB })
    expect(cgroups.memoryKill(spec('func-a'))).toBeUndefined()
  })

  test('without the limit of the function: the machine had no memory left', () => {
    const cgroups = Cgroups.take(root, own) as Cgroups
    cgroups.add(spec('func-a'), 7)
    events(0, 1)
    expect(cgroups.memoryKill(spec('func-a'))).toEqual({})
  })

  test('those of child programs explain no later death', () => {
    const cgroups = Cgroups.take(root, own) as Cgroups
    const programs = spec('func-a', { capabilities: { ...strict, allowChildProcess: true } })
    cgroups.add(programs, 7)
    events(3, 3)
    expect(cgroups.memoryKill(programs)).toBeDefined()
    expect(cgroups.memoryKill(programs)).toBeUndefined()
  })

  test('those before the service looked count for nothing', () => {
    const cgroups = Cgroups.take(root, own) as Cgroups
    mkdirSync(join(root, own, 'func-a'))
    events(4, 4)
    cgroups.add(spec('func-a'), 7)
    expect(cgroups.memoryKill(spec('func-a'))).toBeUndefined()
  })
})

describe('a write that fails', () => {
  /** Root may write to any file, but nobody can write to a directory. */
  const block = (...path: string[]) => mkdirSync(join(root, own, ...path), { recursive: true })

  test('of a limit: the process is not moved, and the caller gets the error', () => {
    const cgroups = Cgroups.take(root, own) as Cgroups
    block('func-a/memory.max')
    expect(() => cgroups.add(spec('func-a'), 7)).toThrow('EISDIR')
    expect(existsSync(join(root, own, 'func-a/cgroup.procs'))).toBe(false)
  })

  test('of the move: its limits are there, and the next one is taken in', () => {
    const cgroups = Cgroups.take(root, own) as Cgroups
    block('func-a/cgroup.procs')
    expect(() => cgroups.add(spec('func-a'), 7)).toThrow('EISDIR')
    expect(read('func-a/memory.max')).toBe(`${132 * MB}`)
    rmSync(join(root, own, 'func-a/cgroup.procs'), { recursive: true })
    cgroups.add(spec('func-a'), 8)
    expect(read('func-a/cgroup.procs')).toBe('8')
  })

  test('of the move: a process that is not in it does not raise the limits of those that are', () => {
    const cgroups = Cgroups.take(root, own) as Cgroups
    cgroups.add(spec('func-a'), 6)
    rmSync(join(root, own, 'func-a/cgroup.procs'))
    block('func-a/cgroup.procs')
    expect(() => cgroups.add(spec('func-a'), 7)).toThrow('EISDIR')
    expect(read('func-a/memory.max')).toBe(`${132 * MB}`)
    expect(read('func-a/pids.max')).toBe('1')
  })

  test('when the subtree is taken: there is none, and the reason names the unit that delegates', () => {
    rmSync(join(root, own, 'cgroup.subtree_control'))
    block('cgroup.subtree_control')
    expect(Cgroups.take(root, own)).toMatch(
      /not delegated to the service \(EISDIR\).* scripts\/functions/,
    )
  })

  test('of the leaf: no controllers are enabled while processes are in the group', () => {
    block('service/cgroup.procs')
    expect(Cgroups.take(root, own)).toContain('not delegated')
    expect(read('cgroup.subtree_control')).toBe('')
  })
})

describe('no subtree', () => {
  test('because of what it lacks', () => {
    writeFileSync(join(root, own, 'cgroup.controllers'), 'hugetlb\n')
    expect(Cgroups.take(root, own)).toContain('cpu, memory, pids')
    expect(existsSync(join(root, own, 'service'))).toBe(false)
  })

  test('because there is none', () => {
    expect(Cgroups.take(root, '/nowhere')).toContain('no cgroup v2')
    expect(Cgroups.obstacle(root, own)).toBeUndefined()
  })
})

test('the more workers a function has, the less each counts', () => {
  const values = [1, 2, 4, 10, 100, 1000].map(niceOf)
  expect(values).toEqual(values.toSorted((a, b) => a - b))
  expect(values[0]).toBe(5)
  expect(values.at(-1)).toBe(19)
})

const delegated = kernelGroup()

/** The cgroup of this process, if the kernel allows to make groups with limits in it. */
function kernelGroup(): string {
  try {
    const path = /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'latin1'))?.[1] ?? ''
    const has = readFileSync(join('/sys/fs/cgroup', path, 'cgroup.controllers'), 'latin1')
    return ['cpu', 'memory', 'pids'].every((name) => has.includes(name)) ? path : ''
  } catch {
    return ''
  }
}

test.skipIf(delegated === '')(
  'the kernel’s own: a process over memory.max is killed (no controllers on this machine)',
  async () => {
    const cgroups = Cgroups.take('/sys/fs/cgroup', delegated) as Cgroups
    expect(cgroups).toBeInstanceOf(Cgroups)
    const hog = Bun.spawn(['/bin/sh', '-c', 'read -r x; head -c 400000000 /dev/zero | tail'], {
      stdin: 'pipe',
    })
    cgroups.add(spec('func-hog', { capabilities: namedProfile('permissive', 'default') }), hog.pid)
    cgroups.add(spec('func-hog'), hog.pid)
    hog.stdin.write('\n')
    hog.stdin.end()
    await hog.exited
    expect(hog.exitCode).not.toBe(0)
    cgroups.remove(spec('func-hog'), hog.pid)
  },
)
