/** Decides when a worker is replaced because of what it has used up. */
import { cpuLifeMs } from '../protocol/start-message.ts'

/** A worker whose heap grew by more than this since its first invocation is replaced. */
const MAX_HEAP_GROWTH_BYTES = 32 * 1024 * 1024

export class RecyclePolicy {
  readonly #cpuLifeUs: number
  #cpuUs = 0
  #baseHeapBytes = -1

  constructor(maxCpuMs: number) {
    this.#cpuLifeUs = cpuLifeMs(maxCpuMs) * 1000
  }

  /** Adds background work. @returns the reason to replace the worker, if there is one now */
  addBackground(cpuUs: number): string | undefined {
    this.#cpuUs += cpuUs
    return this.#cpuUsed()
  }

  /** Adds one invocation. @returns the reason to replace the worker, if there is one now */
  add(cpuUs: number, heapBytes: number): string | undefined {
    this.#cpuUs += cpuUs
    if (this.#baseHeapBytes < 0) this.#baseHeapBytes = heapBytes
    if (heapBytes - this.#baseHeapBytes > MAX_HEAP_GROWTH_BYTES) return 'its heap grew by 32 MB'
    return this.#cpuUsed()
  }

  #cpuUsed(): string | undefined {
    const used = this.#cpuUs > this.#cpuLifeUs / 2
    return used ? 'it used half of the CPU time that a worker may use in its life' : undefined
  }
}
