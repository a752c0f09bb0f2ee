/** What every worker of a launcher gets from it. */
import type { Egress } from '../../egress/egress.ts'
import type { Ticker } from '../../lib/ticker.ts'
import type { OomKills } from '../process/oom-kills.ts'
import type { LogLevel, Worker } from '../worker.ts'

export interface WorkerServices {
  ticker: Ticker
  /** What keeps a worker's function from taking more than its own: `cgroup` or `nice`. */
  shareOf(worker: Worker): string
  oomKills: OomKills
  /** Every outbound request of a worker goes through it. */
  egress: Egress
  /** For the operator: what happens to processes, not what tenants print. */
  log: (level: LogLevel, message: string) => void
  /** From the start of a process until it takes a bundle. */
  processStartMs: number
  /** Wall and CPU time that a bundle has to load. */
  loadMs: number
  loadCpuMs: number
}
