/** What bounds the workers of one function version. */
export interface PoolLimits {
  minWorkers: number
  maxWorkers: number
  /** Invocations that one worker takes at once. */
  concurrency: number
  /** Jobs that may wait for a worker. */
  queue: number
  queueTimeoutMs: number
  idleTimeoutMs: number
  /** Invocations after which a worker is replaced. */
  recycleAfter: number
  /** Longest wait between two tries to start a worker that fails to start. */
  maxBackoffMs: number
  /** What a worker that is replaced has left for what it runs. */
  drainMs: number
}
