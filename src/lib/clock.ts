/** Time, passed in so that a test can control it. */

export interface Clock {
  /** ms, monotonic, on the scale of performance.now(). */
  now(): number
  /** Calls `task` once after `ms`. The returned function cancels the call. */
  after(ms: number, task: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms)
    return () => clearTimeout(timer)
  },
}
