/** Sees to it that no function takes more of the machine than is its own: by cgroups, else by nice. */
import { writeFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { leadsSession } from '../../lib/procfs.ts'
import type { LogLevel, Worker, WorkerSpec } from '../worker.ts'
import type { Cgroups } from './cgroups.ts'

/** From a worker's start until its process is looked for: nothing of a request waits for that. */
const SETTLE_MS = 25
const TRIES = 20
/** What the launcher gives every process of a tenant's. */
const FIRST_NICE = 5
const LAST_NICE = 19
/** And a session of it, on top: the launcher's 10 for the first. */
const SESSION_NICE = 5

type Layer = 'cgroup' | 'nice'

export class Shares {
  readonly #cgroups: Cgroups | undefined
  readonly #log: (level: LogLevel, message: string) => void
  /** Live processes by function: the more a function has, the less each of them counts. */
  readonly #counts = new Map<string, number>()
  readonly #placed = new Map<Worker, { pid: number; layer: Layer }>()

  /** @param cgroups the subtree that is ours, where there is one */
  constructor(log: (level: LogLevel, message: string) => void, cgroups: Cgroups | undefined) {
    this.#log = log
    this.#cgroups = cgroups
  }

  /** What holds a worker, as far as this class is concerned. The launcher nices every one. */
  layerOf(worker: Worker): Layer {
    return this.#placed.get(worker)?.layer ?? 'nice'
  }

  /** Finds the worker's process a little later, and puts it where it belongs. */
  place(worker: Worker, spec: WorkerSpec, tries = TRIES): void {
    setTimeout(() => {
      if (worker.state === 'gone') return
      const { pid } = worker
      if (pid !== undefined) this.#put(worker, spec, pid)
      else if (tries > 1) this.place(worker, spec, tries - 1)
    }, SETTLE_MS).unref()
  }

  remove(worker: Worker, spec: WorkerSpec): void {
    const placed = this.#placed.get(worker)
    if (placed === undefined) return
    this.#placed.delete(worker)
    const left = (this.#counts.get(spec.functionId) ?? 1) - 1
    if (left > 0) this.#counts.set(spec.functionId, left)
    else this.#counts.delete(spec.functionId)
    if (placed.layer === 'cgroup')
      this.#try('cgroup', () => this.#cgroups?.remove(spec, placed.pid))
  }

  #put(worker: Worker, spec: WorkerSpec, pid: number): void {
    const count = (this.#counts.get(spec.functionId) ?? 0) + 1
    this.#counts.set(spec.functionId, count)
    const cgroups = this.#cgroups
    const grouped = cgroups !== undefined && this.#try('cgroup', () => cgroups.add(spec, pid))
    this.#placed.set(worker, { pid, layer: grouped ? 'cgroup' : 'nice' })
    if (!grouped) this.#try('nice', () => yieldTo(pid, niceOf(count, getPriority())))
  }

  #try(layer: Layer, act: () => void): boolean {
    try {
      act()
      return true
    } catch (error) {
      // Its process ended in the meantime.
      if (!`${error}`.includes('ESRCH'))
        this.#log('warn', `a worker is not held by ${layer}: ${error}`)
      return false
    }
  }
}

/**
 * Of the n-th live worker of a function: all of them together weigh about as much as one.
 *
 * @param own of the service: none of its workers goes before it, and an ordinary user could not have that
 */
export function niceOf(count: number, own = 0): number {
  return Math.min(LAST_NICE, Math.max(FIRST_NICE, own) + 3 * Math.floor(Math.log2(count)))
}

/** A process with a session of its own counts by that, where the kernel groups by session. */
function yieldTo(pid: number, nice: number): void {
  setPriority(pid, nice)
  if (!leadsSession(pid)) return
  try {
    writeFileSync(`/proc/${pid}/autogroup`, `${Math.min(LAST_NICE, nice + SESSION_NICE)}`)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // No such groups here; or, to an ordinary user, too many asked for at once, or of a process in
    // which that user may not look. The launcher lowered the session.
    if (code !== 'ENOENT' && code !== 'EAGAIN' && code !== 'EACCES') throw error
  }
}
