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
import { join } from 'node:path'
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
  pids: Set<number>
}

export class Cgroups {
  readonly #base: string
  readonly #groups = new Map<string, Group>()

  private constructor(base: string) {
    this.#base = base
  }

  /**
   * Takes the subtree that was delegated to the service, and moves the service into a leaf of it.
   *
   * @param root where the hierarchy is mounted
   * @param own this process's place in it; read from /proc unless given
   * @returns the reason, as the start of a sentence, if there is no subtree to take
   */
  static take(root = ROOT, own = ownGroup()): Cgroups | string {
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
      return new Cgroups(base)
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
    group.pids.add(pid)
    try {
      this.#limit(group, spec)
      writeFileSync(join(group.path, 'cgroup.procs'), `${pid}`)
    } catch (error) {
      this.remove(spec, pid)
      throw error
    }
  }

  /** The process ended. The cgroup is removed with the last process. */
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
      // A process has not quite ended. The next worker of the function uses the cgroup again.
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
