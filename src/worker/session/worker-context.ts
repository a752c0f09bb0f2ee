/** What the worker factory gives to each of its workers. */
import type { Egress } from '../../egress/egress.ts'
import type { Ticker } from '../../lib/ticker.ts'
import type { ResourceControl } from '../sandbox/resource-control.ts'
import type { LogLevel } from '../worker.ts'

export interface WorkerContext {
  ticker: Ticker
  /** Limits each function's share of the machine. */
  resources: ResourceControl
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
