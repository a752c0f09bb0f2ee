/** What the worker factory gives to each of its workers. */
import type { Egress } from '../../egress/egress.ts'
import type { Ticker } from '../../lib/ticker.ts'
import type { OomKills } from '../process/oom-kills.ts'
import type { LogLevel, Worker } from '../worker.ts'

export interface WorkerContext {
  ticker: Ticker
  /** The layer that limits the worker's share of the machine: `cgroup` or `nice`. */
  resourceLayerOf(worker: Worker): string
  oomKills: OomKills
  /** Makes every outbound request of a worker. */
  egress: Egress
  /** For the operator: what happens to processes, not what tenants print. */
  log: (level: LogLevel, message: string) => void
  /** From the start of a process until it reads its bundle, ms. */
  processStartMs: number
  /** Wall and CPU time that a bundle has to load, ms. */
  loadMs: number
  loadCpuMs: number
}
