/** One cgroup for each function, below our own: what its workers use together has an end. */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { WorkerSpec } from '../worker.ts'
import { maxProcesses } from './sandbox.ts'

const ROOT = '/sys/fs/cgroup'
const NEEDED = ['cpu', 'memory', 'pids']
/** Our own processes lie beside the functions: a group with controllers for others holds none itself. */
const OWN_LEAF = 'service'
/** Beyond what a tenant may use: the engine, its stacks, what the kernel counts to a process. */
const OVERHEAD_BYTES = 32 * 2 ** 20
const CPU_WEIGHT = 100
/** Of our own processes, which all functions wait for. */
const OWN_WEIGHT = 1000

interface Group {
  path: string
  pids: Set<number>
}

export class Cgroups {
  readonly #base: string
  readonly #groups = new Map<string, Group>()

  private constructor(base: string) {
    this.#base = base
  }

  /**
   * Takes the subtree that was delegated to us, and moves us into a leaf of it.
   *
   * @param root where the hierarchy is mounted
   * @param own this process's place in it; read from /proc unless given
   * @returns why not, where there is none
   */
  static take(root = ROOT, own = ownGroup()): Cgroups | string {
    const why = Cgroups.obstacle(root, own)
    if (why !== undefined) return why
    const base = join(root, own as string)
    try {
      const leaf = join(base, OWN_LEAF)
      mkdirSync(leaf, { recursive: true })
      for (const pid of pidsIn(base)) move(pid, leaf)
      const enabled = NEEDED.map((name) => `+${name}`).join(' ')
      writeFileSync(join(base, 'cgroup.subtree_control'), enabled)
      writeFileSync(join(leaf, 'cpu.weight'), `${OWN_WEIGHT}`)
      return new Cgroups(base)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      return `our cgroup is not delegated to us (${code}); scripts/functions.service has it delegated`
    }
  }

  /** Why there is no subtree to take, as far as can be seen without taking it. */
  static obstacle(root = ROOT, own = ownGroup()): string | undefined {
    if (own === undefined) return 'this machine has no cgroup v2'
    try {
      const path = join(root, own, 'cgroup.controllers')
      const has = readFileSync(path, 'latin1').trim().split(/\s+/)
      const missing = NEEDED.filter((name) => !has.includes(name))
      if (missing.length > 0) return `our cgroup lacks the controllers ${missing.join(', ')}`
      accessSync(join(root, own, 'cgroup.subtree_control'), constants.W_OK)
      return undefined
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      return code === 'EACCES' || code === 'EPERM'
        ? 'our cgroup is not delegated to us; scripts/functions.service has it delegated'
        : 'this machine has no cgroup v2 at /sys/fs/cgroup'
    }
  }

  /** Moves a worker's process in with those of its function; one that cannot be moved raises no limit. */
  add(spec: WorkerSpec, pid: number): void {
    const group = this.#group(spec.functionId)
    group.pids.add(pid)
    try {
      this.#limit(group, spec)
      writeFileSync(join(group.path, 'cgroup.procs'), `${pid}`)
    } catch (error) {
      this.remove(spec, pid)
      throw error
    }
  }

  /** Its process is gone; the group goes with the last one. */
  remove(spec: WorkerSpec, pid: number): void {
    const group = this.#groups.get(spec.functionId)
    if (group === undefined || !group.pids.delete(pid)) return
    if (group.pids.size > 0) {
      this.#limit(group, spec)
      return
    }
    this.#groups.delete(spec.functionId)
    try {
      rmdirSync(group.path)
    } catch {
      // A process of it is not quite gone: the next worker of the function finds the group again.
    }
  }

  #group(functionId: string): Group {
    let group = this.#groups.get(functionId)
    if (group === undefined) {
      group = { path: join(this.#base, functionId), pids: new Set() }
      mkdirSync(group.path, { recursive: true })
      forbidSwap(group.path)
      writeFileSync(join(group.path, 'cpu.weight'), `${CPU_WEIGHT}`)
      this.#groups.set(functionId, group)
    }
    return group
  }

  #limit({ path, pids }: Group, { capabilities, runtime }: WorkerSpec): void {
    const threads = runtime === 'bun' || capabilities.allowChildProcess ? maxProcesses() : 1
    const bytes = pids.size * (capabilities.maxMemory + OVERHEAD_BYTES)
    writeFileSync(join(path, 'memory.max'), `${bytes}`)
    writeFileSync(join(path, 'pids.max'), `${pids.size * threads}`)
  }
}

function ownGroup(): string | undefined {
  try {
    return /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'latin1'))?.[1]
  } catch {
    return undefined
  }
}

/** A process that ended meanwhile needs no place. */
function move(pid: string, group: string): void {
  try {
    writeFileSync(join(group, 'cgroup.procs'), pid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A kernel that does not count swap has no file for it, and lets none be made. */
function forbidSwap(group: string): void {
  const path = join(group, 'memory.swap.max')
  try {
    writeFileSync(path, '0')
  } catch (error) {
    if (existsSync(path)) throw error
  }
}

function pidsIn(path: string): string[] {
  return readFileSync(join(path, 'cgroup.procs'), 'latin1').split('\n').filter(Boolean)
}
