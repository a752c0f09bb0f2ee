/** How a worker's process ended, as the one who reaped it reports it. */
export interface ProcessExit {
  status: number
  /** Number of the signal that ended it; 0 if it exited by itself. */
  signal: number
  /** The CPU watch killed it. */
  cpu: boolean
  cpuUs: number
  /** The kernel killed it for lack of memory. */
  oom?: boolean
}
