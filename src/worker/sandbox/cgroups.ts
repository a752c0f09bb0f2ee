/** One cgroup for each function, below the cgroup of the service: it limits all workers of the function together. */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { WorkerSpec } from '../worker.ts'
import { maxProcesses } from './sandbox.ts'

const ROOT = '/sys/fs/cgroup'
const NEEDED = ['cpu', 'memory', 'pids']
/** The leaf for the service itself: a cgroup that delegates controllers must not contain processes. */
const SERVICE_LEAF = 'service'
/** Memory beyond a worker's limit, for the engine, stacks and kernel memory of its process. */
const OVERHEAD_BYTES = 32 * 2 ** 20
const CPU_WEIGHT = 100
/** The service has a higher weight, because all functions wait for it. */
const SERVICE_WEIGHT = 1000

const NO_CGROUPS =
  'this machine has no cgroup v2 at /sys/fs/cgroup: mount it, or boot with systemd.unified_cgroup_hierarchy=1'
const notDelegated = (group: string, code: string | undefined) =>
  `the cgroup ${group} is not delegated to the service (${code}): start it with scripts/functions.service, which has Delegate=yes`

interface Group {
  path: string
  /** What each process adds to the limits. Workers of two versions may differ. */
  processes: Map<number, { bytes: number; processes: number }>
  /** Kills for lack of memory that the death of a worker explained. */
  explainedKills: number
  /** How often the group had reached its own limit when that was last looked at. */
  reachedLimit: number
}

/** Why the kernel killed a process of a function for lack of memory. `limitBytes`: the function's own limit, if it was that. */
export interface MemoryKill {
  limitBytes?: number
}

export class Cgroups {
  readonly #base: string
  /** Added to the names of the functions' cgroups. */
  readonly #suffix: string
  readonly #groups = new Map<string, Group>()

  private constructor(base: string, suffix: string) {
    this.#base = base
    this.#suffix = suffix
  }

  /**
   * Takes the subtree that was delegated to the service, and moves the service into a leaf of it.
   *
   * @param root where the hierarchy is mounted
   * @param place this process's place in it; read from /proc unless given
   * @param successor this process was started by a service, in that service's leaf, to take over from it. Both have
   * workers of the same functions for a while, so its cgroups have names of their own
   * @returns the reason, as the start of a sentence, if there is no subtree to take
   */
  static take(root = ROOT, place = ownGroup(), successor = false): Cgroups | string {
    const inLeaf = successor && place !== undefined && basename(place) === SERVICE_LEAF
    const own = inLeaf ? dirname(place) : place
    const why = Cgroups.obstacle(root, own)
    if (why !== undefined) return why
    const base = join(root, own as string)
    try {
      const leaf = join(base, SERVICE_LEAF)
      mkdirSync(leaf, { recursive: true })
      for (const pid of pidsIn(base)) move(pid, leaf)
      const enabled = NEEDED.map((name) => `+${name}`).join(' ')
      writeFileSync(join(base, 'cgroup.subtree_control'), enabled)
      writeFileSync(join(leaf, 'cpu.weight'), `${SERVICE_WEIGHT}`)
      return new Cgroups(base, successor ? `@${process.pid}` : '')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      return notDelegated(own as string, code)
    }
  }

  /** The reason why there is no subtree to take, found without taking it. */
  static obstacle(root = ROOT, own = ownGroup()): string | undefined {
    if (own === undefined) return NO_CGROUPS
    try {
      const path = join(root, own, 'cgroup.controllers')
      const has = readFileSync(path, 'latin1').trim().split(/\s+/)
      const missing = NEEDED.filter((name) => !has.includes(name))
      if (missing.length > 0) {
        return `the cgroup ${own} of the service lacks the controllers ${missing.join(', ')}: enable them in cgroup.subtree_control of its parent`
      }
      accessSync(join(root, own, 'cgroup.subtree_control'), constants.W_OK)
      return undefined
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      return code === 'EACCES' || code === 'EPERM' ? notDelegated(own, code) : NO_CGROUPS
    }
  }

  /** Moves a worker's process into the cgroup of its function. A process that cannot be moved raises no limit. */
  add(spec: WorkerSpec, pid: number): void {
    const group = this.#group(spec.functionId)
    const { capabilities, runtime } = spec
    const processes = runtime === 'bun' || capabilities.allowChildProcess ? maxProcesses() : 1
    group.processes.set(pid, { bytes: capabilities.maxMemory + OVERHEAD_BYTES, processes })
    try {
      limit(group)
      writeFileSync(join(group.path, 'cgroup.procs'), `${pid}`)
    } catch (error) {
      this.remove(spec, pid)
      throw error
    }
  }

  /** The process ended. The cgroup is removed with the last process. */
  remove(spec: WorkerSpec, pid: number): void {
    const group = this.#groups.get(spec.functionId)
    if (group === undefined || !group.processes.delete(pid)) return
    if (group.processes.size > 0) {
      limit(group)
      return
    }
    this.#groups.delete(spec.functionId)
    try {
      rmdirSync(group.path)
    } catch {
      // A process has not quite ended. The next worker of the function uses the cgroup again.
    }
  }

  /**
   * Did the kernel kill a worker of the function for lack of memory? Called once for each worker that
   * died of SIGKILL, while it still counts. Each kill explains one death. Kills of child programs are
   * counted too, so where there are such, a worker's death takes all that were counted before it.
   */
  memoryKill(spec: WorkerSpec): MemoryKill | undefined {
    const group = this.#groups.get(spec.functionId)
    if (group === undefined) return undefined
    const { oom_kill: kills = 0, oom: reached = 0 } = memoryEvents(group.path)
    if (kills <= group.explainedKills) return undefined
    group.explainedKills = spec.capabilities.allowChildProcess ? kills : group.explainedKills + 1
    const own = reached > group.reachedLimit
    if (group.explainedKills === kills) group.reachedLimit = reached
    return own ? { limitBytes: total(group, 'bytes') } : {}
  }

  #group(functionId: string): Group {
    let group = this.#groups.get(functionId)
    if (group === undefined) {
      const path = join(this.#base, functionId + this.#suffix)
      mkdirSync(path, { recursive: true })
      const { oom_kill: explainedKills = 0, oom: reachedLimit = 0 } = memoryEvents(path)
      group = { path, processes: new Map(), explainedKills, reachedLimit }
      forbidSwap(group.path)
      writeFileSync(join(group.path, 'cpu.weight'), `${CPU_WEIGHT}`)
      this.#groups.set(functionId, group)
    }
    return group
  }
}

/** The limits of all processes of a group together. */
function limit(group: Group): void {
  writeFileSync(join(group.path, 'memory.max'), `${total(group, 'bytes')}`)
  writeFileSync(join(group.path, 'pids.max'), `${total(group, 'processes')}`)
}

function total(group: Group, what: 'bytes' | 'processes'): number {
  let sum = 0
  for (const process of group.processes.values()) sum += process[what]
  return sum
}

/** `memory.events` of a cgroup; empty if it cannot be read. */
function memoryEvents(path: string): Record<string, number> {
  try {
    const text = readFileSync(join(path, 'memory.events'), 'latin1')
    return Object.fromEntries(
      [...text.matchAll(/^(\w+) (\d+)$/gm)].map(([, name, count]) => [name, Number(count)]),
    )
  } catch {
    return {}
  }
}

function ownGroup(): string | undefined {
  try {
    return /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'latin1'))?.[1]
  } catch {
    return undefined
  }
}

/** Ignores a process that has ended. */
function move(pid: string, group: string): void {
  try {
    writeFileSync(join(group, 'cgroup.procs'), pid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A kernel that does not account for swap has no such file, and does not allow to create it. */
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
