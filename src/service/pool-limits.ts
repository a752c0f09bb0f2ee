import type { Config } from '../config/schema.ts'
import type { PoolLimits } from '../pool/limits.ts'

/** For what ends last in a worker that goes: `waitUntil` after the longest response. */
const AFTER_RESPONSE_MS = 60_000
/** Where responses may last for ever, a worker that has to go waits so long for them. */
const LONGEST_DRAIN_MS = 3_600_000

/** What holds for the workers of every function that does not say otherwise. */
export function poolLimits({ pool, server }: Config): PoolLimits {
  const longest = server.maxDuration === 0 ? LONGEST_DRAIN_MS : server.maxDuration
  return {
    minWorkers: pool.minWorkersPerFunction,
    maxWorkers: pool.maxWorkersPerFunction,
    concurrency: pool.concurrency,
    queue: pool.queue,
    queueTimeoutMs: pool.queueTimeout,
    idleTimeoutMs: pool.idleTimeout,
    recycleAfter: pool.recycleAfter,
    maxBackoffMs: pool.maxBackoff,
    drainMs: longest + AFTER_RESPONSE_MS,
  }
}
