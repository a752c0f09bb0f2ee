import type { MemoryKill } from '../sandbox/cgroups.ts'

/** How a worker's process ended, as its parent reports it: the zygote or the launcher. */
export interface ProcessExit {
  status: number
  /** Number of the signal that ended it; 0 if it exited by itself. */
  signal: number
  /** The zygote killed it because it used up its CPU time. */
  cpu: boolean
  cpuUs: number
  /** The kernel killed it for lack of memory. */
  memoryKill?: MemoryKill
}
