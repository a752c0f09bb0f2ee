/** What one worker uses, as the kernel and the clock have it: the worker's own word is not asked for. */
import { readCpuUs } from '../../lib/procfs.ts'
import type { WorkerSpec } from '../worker.ts'

/** How often a worker with work is measured, ms, and so how late its use is counted. */
const MEASURE_MS = 250

export class UseMeter {
  readonly #spec: WorkerSpec
  #countedCpuUs = 0
  #byteMs = 0
  /** Since when it has run requests, ms; undefined while it runs none. */
  #busySince: number | undefined
  #nextAt = performance.now() + MEASURE_MS

  constructor(spec: WorkerSpec) {
    this.#spec = spec
  }

  /** It runs a request, and ran none before. */
  busy(now: number): void {
    this.#busySince ??= now
  }

  /** It runs no request any more. */
  idle(now: number): void {
    if (this.#busySince === undefined) return
    this.#byteMs += (now - this.#busySince) * this.#spec.capabilities.maxMemory
    this.#busySince = undefined
  }

  /** Measures the process if it was not for a while. */
  look(now: number, pid: number | undefined): void {
    if (now >= this.#nextAt) this.measure(now, pid)
  }

  measure(now: number, pid: number | undefined): void {
    this.#nextAt = now + MEASURE_MS
    if (this.#busySince !== undefined) {
      this.idle(now)
      this.#busySince = now
    }
    this.#count(pid === undefined ? undefined : readCpuUs(pid))
  }

  /** The process ended, and used this much in its life. */
  exited(cpuUs: number): void {
    this.#count(cpuUs)
  }

  #count(cpuUs = 0): void {
    const increase = Math.max(0, cpuUs - this.#countedCpuUs)
    if (increase === 0 && this.#byteMs === 0) return
    this.#spec.meter?.worked(increase, this.#byteMs)
    this.#countedCpuUs += increase
    this.#byteMs = 0
  }
}
