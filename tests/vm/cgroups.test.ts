/** The limits of a function as a whole, on a kernel with all controllers, under the unit. */
import { beforeAll, expect, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { eventually } from '../../src/testing/eventually.ts'
import {
  ask,
  deploy,
  exists,
  figure,
  functions,
  groupOf,
  groupOfProcess,
  property,
  read,
  run,
  SERVICE_GROUP,
  workersOf,
} from './service.ts'

const MB = 2 ** 20
/** What a cgroup gets for each worker beyond its maxMemory. */
const OVERHEAD = 32 * MB
const PROGRAMS = { allowChildProcess: true, allowedPaths: [], maxMemory: '64MB', maxCpu: '30s' }
const ANSWER = `export default () => new Response('answer')`
const TIMEOUT = 120_000
/** An emulated machine is slow. */
const PATIENT = ['--timeout', '100s']

let service: string
beforeAll(async () => {
  service = await property('MainPID')
})

/** Starts `?program=`, a shell command, and answers with what it printed or how it ended. */
const SHELL = `import { execFile } from 'node:child_process'
export default (req: Request) => new Promise((done) => {
  execFile('/bin/sh', ['-c', new URL(req.url).searchParams.get('program') ?? ''], (error, out) =>
    done(new Response(error ? 'failed: ' + (error.signal ?? error.code) : out.trim())))
})`

const shell = (name: string, program: string) =>
  ask(`${name}?${new URLSearchParams({ program }).toString()}`)

test(
  'each function has a cgroup with its limits; it goes with the last worker',
  async () => {
    await deploy('plain', ANSWER, { maxMemory: '64MB' })
    expect(await ask('plain')).toBe('answer')
    const group = groupOf('plain')
    await eventually(
      'the worker is in it',
      () => exists(group) && read(group, 'cgroup.procs') !== '',
    )
    const [worker] = await workersOf('plain')
    expect(groupOfProcess(worker?.pid ?? 0)).toBe(group)
    expect(worker?.layers).toContain('cgroup')
    expect(read(group, 'memory.max')).toBe(`${64 * MB + OVERHEAD}`)
    expect(read(group, 'memory.swap.max')).toBe('0')
    expect(read(group, 'pids.max')).toBe('1')
    expect(read(group, 'cpu.weight')).toBe('100')
    expect(read(SERVICE_GROUP, 'cpu.weight')).toBe('1000')
    expect((await functions('delete', 'plain')).exitCode).toBe(0)
    await eventually('the cgroup is gone', () => !exists(group), 30_000)
  },
  TIMEOUT,
)

test(
  'a program that a bundle starts while it loads is in the cgroup of its function',
  async () => {
    const source = `import { spawn } from 'node:child_process'
const child = spawn('/bin/sleep', ['1000'])
export default () => new Response(String(child.pid))`
    await deploy('early', source, PROGRAMS)
    expect(await ask('early')).toMatch(/^\d+$/)
    const names = read(groupOf('early'), 'cgroup.procs').split('\n').map(nameOf)
    expect(names).toContain('sleep')
    expect(read(SERVICE_GROUP, 'cgroup.procs').split('\n').map(nameOf)).not.toContain('sleep')
    await functions('delete', 'early')
  },
  TIMEOUT,
)

test(
  'child programs cannot use more memory than the function has; its neighbour does not notice',
  async () => {
    await deploy('eater', SHELL, PROGRAMS, ...PATIENT)
    await deploy('neighbour', ANSWER, {})
    expect(await ask('neighbour')).toBe('answer')
    expect(await shell('eater', 'echo ready')).toBe('ready')
    // tail keeps a line without an end. Each program is below the limit of a process; together they exceed the cgroup.
    const eat = 'head -c 50000000 /dev/zero | tail -c 50000000 >/dev/null'
    const answer = await shell('eater', `${eat} & ${eat} & ${eat} & wait; echo done`)
    const group = groupOf('eater')
    expect(figure(group, 'memory.events', 'oom_kill')).toBeGreaterThan(0)
    expect(Number(read(group, 'memory.max'))).toBe(64 * MB + OVERHEAD)
    expect(answer).toMatch(/^done$|^failed|MEMORY_LIMIT/)
    expect(await ask('neighbour')).toBe('answer')
    expect(await shell('eater', 'echo again')).toBe('again')
  },
  TIMEOUT,
)

test(
  'nothing of a function is swapped',
  async () => {
    expect(read('/proc', 'swaps')).toContain('/dev/vdc')
    expect(read(groupOf('eater'), 'memory.swap.current')).toBe('0')
  },
  TIMEOUT,
)

test(
  'a worker that the kernel kills for its function’s memory answers MEMORY_LIMIT, with the limit',
  async () => {
    // A worker's own heap ends at maxMemory. A file in memory counts for the cgroup only.
    const folder = '/srv/memory'
    mkdirSync(folder)
    await run('mount', '-t', 'tmpfs', '-o', 'mode=1777', 'tmpfs', folder)
    const source = `import { writeFile } from 'node:fs/promises'
export default async () => {
  const part = new Uint8Array(1 << 20)
  for (let i = 0; i < 400; i++) await writeFile('${folder}/' + i, part)
  return new Response('all written')
}`
    await deploy(
      'filler',
      source,
      { ...PROGRAMS, allowFilesystem: true, allowedPaths: [folder] },
      ...PATIENT,
    )
    const answer = await ask('filler')
    expect(answer).toContain('MEMORY_LIMIT')
    expect(answer).toContain('96 MB')
  },
  TIMEOUT,
)

test(
  'a fork bomb ends at the processes of its function',
  async () => {
    await deploy('bomb', SHELL, PROGRAMS, ...PATIENT)
    await shell('bomb', 'echo ready')
    const group = groupOf('bomb')
    const most = Number(read(group, 'pids.max'))
    expect(most).toBe(64 + 2 * availableParallelism())
    const bomb = 'i=0; while [ $i -lt 300 ]; do sleep 2 & i=$((i+1)); done; wait'
    const [, answer] = await Promise.all([shell('bomb', bomb), ask('neighbour')])
    expect(answer).toBe('answer')
    expect(Number(read(group, 'pids.current'))).toBeLessThanOrEqual(most)
  },
  TIMEOUT,
)

test(
  'a function with many workers gets no more CPU than one with a single worker',
  async () => {
    const source = `export default () => { for (;;); }`
    const profile = { maxCpu: '20s', maxMemory: '32MB' }
    const flags = ['--timeout', '20s', '--concurrency', '1']
    await deploy('many', source, profile, ...flags, '--max-workers', '6')
    await deploy('single', source, profile, ...flags, '--max-workers', '1')
    const requests = [...Array(6).fill('many'), 'single'].map((name) => ask(name))
    const used = (name: string) => figure(groupOf(name), 'cpu.stat', 'usage_usec')
    const inGroup = (name: string, count: number) =>
      exists(groupOf(name)) && read(groupOf(name), 'cgroup.procs').split('\n').length === count
    await eventually('all compute', () => inGroup('many', 6) && inGroup('single', 1), 60_000)
    const before = { many: used('many'), single: used('single') }
    await Bun.sleep(5_000)
    const many = used('many') - before.many
    const single = used('single') - before.single
    // Without cgroups it would be six to one. One thread cannot use more than one of two cores.
    expect(many / single).toBeLessThan(3)
    await functions('delete', 'many')
    await functions('delete', 'single')
    await Promise.allSettled(requests)
  },
  TIMEOUT,
)

test(
  'nothing of this ended the service',
  async () => {
    expect(await property('MainPID')).toBe(service)
  },
  TIMEOUT,
)

function nameOf(pid: string): string {
  try {
    return read('/proc', `${pid}/comm`)
  } catch {
    return ''
  }
}
