/** Sees to it that no function takes more of the machine than is its own: by cgroups, else by nice. */
import { setPriority } from 'node:os'
import type { Cgroups } from './cgroups.ts'
import type { LogLevel } from './messages.ts'
import type { Worker, WorkerSpec } from './worker.ts'

/** From a worker's start until its process is looked for: nothing of a request waits for that. */
const SETTLE_MS = 25
const TRIES = 20

export class Shares {
  readonly #cgroups: Cgroups | undefined
  readonly #log: (level: LogLevel, message: string) => void
  /** Live processes by function: the more a function has, the less each of them counts. */
  readonly #counts = new Map<string, number>()
  readonly #placed = new Map<Worker, number>()

  /** @param cgroups the subtree that is ours, where there is one */
  constructor(log: (level: LogLevel, message: string) => void, cgroups: Cgroups | undefined) {
    this.#log = log
    this.#cgroups = cgroups
  }

  /** The layer that holds a worker, as far as this class is concerned. */
  get layer(): string {
    return this.#cgroups === undefined ? 'nice' : 'cgroup'
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
    const pid = this.#placed.get(worker)
    if (pid === undefined) return
    this.#placed.delete(worker)
    const left = (this.#counts.get(spec.functionId) ?? 1) - 1
    if (left > 0) this.#counts.set(spec.functionId, left)
    else this.#counts.delete(spec.functionId)
    this.#try(() => this.#cgroups?.remove(spec, pid))
  }

  #put(worker: Worker, spec: WorkerSpec, pid: number): void {
    const count = (this.#counts.get(spec.functionId) ?? 0) + 1
    this.#counts.set(spec.functionId, count)
    this.#placed.set(worker, pid)
    this.#try(() => {
      if (this.#cgroups !== undefined) this.#cgroups.add(spec, pid)
      else setPriority(pid, niceOf(count))
    })
  }

  #try(act: () => void): void {
    try {
      act()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // Its process ended in the meantime.
      if (code !== 'ESRCH') this.#log('warn', `a worker is not held by ${this.layer}: ${error}`)
    }
  }
}

/** Of the n-th live worker of a function. The control plane itself is at 0. */
export function niceOf(count: number): number {
  return Math.min(15, 1 + 3 * Math.floor(Math.log2(count)))
}
