/** Which worker of a pool gets the next request, and whether the pool needs one more worker. */
import type { PoolLimits } from './limits.ts'
import type { PooledWorker } from './pooled-worker.ts'

/** Why a pool may need workers. */
export interface Demand {
  /** Requests that wait. */
  queued: number
  /** The pool is closing. */
  closing: boolean
  /** A worker is wanted even if no request waits. */
  warming: boolean
}

/**
 * The worker with the fewest requests among those that accept requests and answer pings.
 *
 * @param fits refuses workers that would do otherwise
 */
export function leastLoaded(
  workers: readonly PooledWorker[],
  concurrency: number,
  fits?: (pooled: PooledWorker) => boolean,
): PooledWorker | undefined {
  let best: PooledWorker | undefined
  for (const pooled of workers) {
    if (pooled.inFlight >= concurrency || !pooled.open || pooled.worker.silent) continue
    if (fits?.(pooled) === false) continue
    if (best === undefined || pooled.inFlight < best.inFlight) best = pooled
  }
  return best
}

/** Does the pool need a worker beyond those that are starting? */
export function wantsWorker(
  workers: readonly PooledWorker[],
  limits: PoolLimits,
  demand: Demand,
): boolean {
  const liveWorkers = workers.filter((pooled) => !pooled.draining)
  if (liveWorkers.length >= limits.maxWorkers) return false
  const starting = liveWorkers.filter((pooled) => pooled.worker.state === 'starting')
  const room = starting.reduce((sum, pooled) => sum + limits.concurrency - pooled.inFlight, 0)
  if (demand.queued > room) return true
  if (demand.closing) return false
  return liveWorkers.length < Math.max(limits.minWorkers, demand.warming ? 1 : 0)
}
