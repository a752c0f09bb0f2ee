/** Counts what a worker's life used up, and says when it is better replaced. */
import { cpuLifeMs } from '../protocol/start-message.ts'

/** A heap that grew by so much since its first invocation is given back by a new process. */
const MAX_HEAP_GROWTH_BYTES = 32 * 1024 * 1024

export class Wear {
  readonly #cpuLifeUs: number
  #cpuUs = 0
  #baseHeapBytes = -1

  constructor(maxCpuMs: number) {
    this.#cpuLifeUs = cpuLifeMs(maxCpuMs) * 1000
  }

  /** One invocation more; the reason to retire, if there is one now. */
  add(cpuUs: number, heapBytes: number): string | undefined {
    this.#cpuUs += cpuUs
    if (this.#baseHeapBytes < 0) this.#baseHeapBytes = heapBytes
    if (heapBytes - this.#baseHeapBytes > MAX_HEAP_GROWTH_BYTES) return 'its heap grew by 32 MB'
    if (this.#cpuUs > this.#cpuLifeUs / 2) return 'half of the CPU time of its life is used up'
    return undefined
  }
}
