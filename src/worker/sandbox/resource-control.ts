/** Limits each function's share of the machine, by cgroups or else by nice values. */
import { writeFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { leadsSession } from '../../lib/procfs.ts'
import type { LogLevel, Worker, WorkerSpec } from '../worker.ts'
import type { Cgroups, MemoryKill } from './cgroups.ts'
import { OomKills } from './oom-kills.ts'

/** Delay before a new worker's process is looked for, ms. No request waits for this. */
const SETTLE_MS = 25
const TRIES = 20
/** The nice value that the launcher gives to every worker. */
const FIRST_NICE = 5
const LAST_NICE = 19
/** Added to the nice value for the process's autogroup; 5 + 5 matches session_nice in native/launcher/priority.c. */
const SESSION_NICE = 5

type Layer = 'cgroup' | 'nice'

export class ResourceControl {
  readonly #cgroups: Cgroups | undefined
  readonly #log: (level: LogLevel, message: string) => void
  /** Live processes by function. The more a function has, the lower the priority of each. */
  readonly #counts = new Map<string, number>()
  readonly #placed = new Map<Worker, { pid: number; layer: Layer }>()
  readonly #oomKills = new OomKills()

  /** @param cgroups the delegated subtree, if there is one */
  constructor(log: (level: LogLevel, message: string) => void, cgroups: Cgroups | undefined) {
    this.#log = log
    this.#cgroups = cgroups
  }

  /** The layer that limits a worker. The launcher sets a nice value for every worker. */
  layerOf(worker: Worker): Layer {
    return this.#placed.get(worker)?.layer ?? 'nice'
  }

  /**
   * Moves a process into its cgroup, or sets its nice value, before it has read a byte of the tenant:
   * a child program that it starts is in the cgroup too.
   */
  placeNow(worker: Worker, spec: WorkerSpec, pid: number): void {
    this.#put(worker, spec, pid)
  }

  /**
   * Finds the worker's process a little later, and does the same. For workers that cannot start
   * programs: a cold start does not wait for it.
   */
  place(worker: Worker, spec: WorkerSpec, tries = TRIES): void {
    if (this.#placed.has(worker)) return
    setTimeout(() => {
      if (worker.state === 'gone') return
      const { pid } = worker
      if (pid !== undefined) this.#put(worker, spec, pid)
      else if (tries > 1) this.place(worker, spec, tries - 1)
    }, SETTLE_MS).unref()
  }

  /** Did the kernel kill this worker, which died of SIGKILL, for lack of memory? Asked once, before `remove`. */
  memoryKill(worker: Worker, spec: WorkerSpec): MemoryKill | undefined {
    if (this.layerOf(worker) === 'cgroup') return this.#cgroups?.memoryKill(spec)
    return this.#oomKills.explains() ? {} : undefined
  }

  remove(worker: Worker, spec: WorkerSpec): void {
    const placed = this.#placed.get(worker)
    if (placed === undefined) return
    this.#placed.delete(worker)
    const left = (this.#counts.get(spec.functionId) ?? 1) - 1
    if (left > 0) this.#counts.set(spec.functionId, left)
    else this.#counts.delete(spec.functionId)
    if (placed.layer === 'cgroup')
      this.#try(spec, 'cgroup', () => this.#cgroups?.remove(spec, placed.pid))
  }

  #put(worker: Worker, spec: WorkerSpec, pid: number): void {
    const count = (this.#counts.get(spec.functionId) ?? 0) + 1
    this.#counts.set(spec.functionId, count)
    const cgroups = this.#cgroups
    const grouped = cgroups !== undefined && this.#try(spec, 'cgroup', () => cgroups.add(spec, pid))
    this.#placed.set(worker, { pid, layer: grouped ? 'cgroup' : 'nice' })
    if (!grouped) this.#try(spec, 'nice', () => lowerPriority(pid, niceOf(count, getPriority())))
  }

  #try(spec: WorkerSpec, layer: Layer, act: () => void): boolean {
    try {
      act()
      return true
    } catch (error) {
      // ESRCH: the process has ended.
      if (!`${error}`.includes('ESRCH')) {
        const { functionName, version } = spec
        const whose = `a worker of function '${functionName}', version '${version}',`
        this.#log('warn', `${whose} is not limited by ${layer}: ${error}`)
      }
      return false
    }
  }
}

/**
 * The nice value of the n-th live worker of a function, so that all of them together weigh about as
 * much as one.
 *
 * @param own the nice value of the service. No worker gets a lower one: an ordinary user cannot set it
 */
export function niceOf(count: number, own = 0): number {
  return Math.min(LAST_NICE, Math.max(FIRST_NICE, own) + 3 * Math.floor(Math.log2(count)))
}

/** If the kernel groups processes by session, the value of the session counts for a session leader. */
function lowerPriority(pid: number, nice: number): void {
  setPriority(pid, nice)
  if (!leadsSession(pid)) return
  try {
    writeFileSync(`/proc/${pid}/autogroup`, `${Math.min(LAST_NICE, nice + SESSION_NICE)}`)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // The kernel has no autogroups; or an ordinary user asked too often, or may not see the process.
    // The launcher has lowered the priority of the session already.
    if (code !== 'ENOENT' && code !== 'EAGAIN' && code !== 'EACCES') throw error
  }
}
