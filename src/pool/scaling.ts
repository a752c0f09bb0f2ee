/** Which worker of a pool gets the next job, and whether the pool needs one more. */
import type { PoolLimits } from './limits.ts'
import type { Slot } from './pooled-worker.ts'

/** What asks a pool for workers. */
export interface Demand {
  /** Jobs that wait. */
  queued: number
  /** The pool goes out of service. */
  closing: boolean
  /** A worker is wanted although nothing waits. */
  warming: boolean
}

/** The one with the least to do of those that may be given work and are not silent. */
export function freest(slots: readonly Slot[], concurrency: number): Slot | undefined {
  let best: Slot | undefined
  for (const slot of slots) {
    if (slot.inFlight >= concurrency || !slot.open || slot.worker.silent) continue
    if (best === undefined || slot.inFlight < best.inFlight) best = slot
  }
  return best
}

/** Is there more to do than the workers that are starting will take? */
export function wantsWorker(slots: readonly Slot[], limits: PoolLimits, demand: Demand): boolean {
  const staffed = slots.filter((slot) => !slot.draining)
  if (staffed.length >= limits.maxWorkers) return false
  const starting = staffed.filter((slot) => slot.worker.state === 'starting')
  const room = starting.reduce((sum, slot) => sum + limits.concurrency - slot.inFlight, 0)
  if (demand.queued > room) return true
  if (demand.closing) return false
  return staffed.length < Math.max(limits.minWorkers, demand.warming ? 1 : 0)
}
