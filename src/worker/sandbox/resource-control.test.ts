/** What limits a worker: the cgroup of its function, or its nice value if the kernel refuses the cgroup. */
import { afterAll, beforeEach, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { getPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { namedProfile } from '../../capabilities/profiles.ts'
import type { Worker, WorkerSpec } from '../worker.ts'
import { Cgroups } from './cgroups.ts'
import { niceOf, ResourceControl } from './resource-control.ts'

const root = mkdtempSync(join(tmpdir(), 'functions-shares-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const spec: WorkerSpec = {
  functionId: 'func-a',
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
}

let count = 0
let own: string
let warnings: string[]
const processes: Bun.Subprocess[] = []
afterAll(() => {
  for (const child of processes) child.kill()
})

beforeEach(() => {
  own = `/own${count++}`
  mkdirSync(join(root, own))
  writeFileSync(join(root, own, 'cgroup.controllers'), 'cpu memory pids\n')
  writeFileSync(join(root, own, 'cgroup.procs'), '')
  writeFileSync(join(root, own, 'cgroup.subtree_control'), '')
  warnings = []
})

/** A process stands for a worker's; only what ResourceControl looks at is there. */
function begin(): Worker & { pid: number } {
  const child = Bun.spawn(['sleep', '60'])
  processes.push(child)
  return { pid: child.pid, state: 'ready' } as Worker & { pid: number }
}

async function placed(shares: ResourceControl, worker: Worker): Promise<void> {
  shares.place(worker, spec)
  await Bun.sleep(100)
}

const shares = (cgroups?: Cgroups) =>
  new ResourceControl((_, message) => warnings.push(message), cgroups)

test('without cgroups: the more workers, the nicer each', async () => {
  const all = shares()
  const workers = [begin(), begin(), begin(), begin()]
  for (const worker of workers) await placed(all, worker)
  expect(workers.map(({ pid }) => getPriority(pid))).toEqual([5, 8, 8, 11])
  expect(all.layerOf(workers[0] as Worker)).toBe('nice')
  expect(warnings).toEqual([])
})

test('with one: the process is moved, and shown so once it is', async () => {
  const all = shares(Cgroups.take(root, own) as Cgroups)
  const worker = begin()
  expect(all.layerOf(worker)).toBe('nice')
  await placed(all, worker)
  expect(all.layerOf(worker)).toBe('cgroup')
  expect(readFileSync(join(root, own, 'func-a/cgroup.procs'), 'utf8')).toBe(`${worker.pid}`)
  expect(getPriority(worker.pid)).toBe(getPriority())
})

test('a process that may start programs is moved at once', () => {
  const all = shares(Cgroups.take(root, own) as Cgroups)
  const worker = begin()
  all.placeNow(worker, spec, worker.pid)
  expect(all.layerOf(worker)).toBe('cgroup')
  expect(readFileSync(join(root, own, 'func-a/cgroup.procs'), 'utf8')).toBe(`${worker.pid}`)
  expect(all.memoryKill(worker, spec)).toBeUndefined()
  writeFileSync(join(root, own, 'func-a/memory.events'), 'oom 1\noom_kill 1\n')
  expect(all.memoryKill(worker, spec)).toEqual({ limitBytes: expect.any(Number) })
})

test('if the kernel refuses: the nice value is set and shown, and a warning is logged', async () => {
  const all = shares(Cgroups.take(root, own) as Cgroups)
  mkdirSync(join(root, own, 'func-a/memory.max'), { recursive: true })
  const worker = begin()
  await placed(all, worker)
  expect(all.layerOf(worker)).toBe('nice')
  expect(getPriority(worker.pid)).toBe(5)
  expect(warnings.join()).toMatch(
    /^a worker of function 'a', version '\w+', is not limited by cgroup: /,
  )
  all.remove(worker, spec)
})

test('a process that ended meanwhile is no matter', async () => {
  const all = shares()
  const worker = begin()
  const child = processes.at(-1) as Bun.Subprocess
  child.kill()
  await child.exited
  await placed(all, worker)
  expect(warnings).toEqual([])
})

test('a limit that cannot be lowered when a worker is gone is logged, and ends nothing else', async () => {
  const all = shares(Cgroups.take(root, own) as Cgroups)
  const workers = [begin(), begin()]
  for (const worker of workers) await placed(all, worker)
  const limit = join(root, own, 'func-a/memory.max')
  rmSync(limit)
  mkdirSync(limit)
  for (const worker of workers) all.remove(worker, spec)
  expect(warnings).toEqual([expect.stringContaining('EISDIR')])
})

test('no worker has a higher priority than its service', () => {
  expect([1, 2, 100].map((workers) => niceOf(workers, 10))).toEqual([10, 13, 19])
  expect(niceOf(1, 19)).toBe(19)
  expect(niceOf(1, -5)).toBe(5)
})
