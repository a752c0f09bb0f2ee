/** Limits for the workers of one function version. */
export interface PoolLimits {
  minWorkers: number
  maxWorkers: number
  /** Invocations that one worker runs at once. */
  concurrency: number
  /** Requests that may wait for a worker; further ones are refused. */
  queue: number
  queueTimeoutMs: number
  idleTimeoutMs: number
  /** Invocations after which a worker is replaced. */
  recycleAfter: number
  /** Longest wait between two attempts to start a worker that fails to start. */
  maxBackoffMs: number
  /** Time that a worker which is being replaced has to finish its requests. */
  drainMs: number
}
