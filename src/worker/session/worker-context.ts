/** What the worker factory gives to each of its workers. */
import type { Egress } from '../../egress/egress.ts'
import type { Ticker } from '../../lib/ticker.ts'
import type { StartSettings } from '../protocol/start-message.ts'
import type { ResourceControl } from '../sandbox/resource-control.ts'
import type { LogLevel } from '../worker.ts'

export interface WorkerContext extends StartSettings {
  ticker: Ticker
  /** Limits each function's share of the machine. */
  resources: ResourceControl
  /** Makes every outbound request of a worker. */
  egress: Egress
  /** For the operator: what happens to processes, not what tenants print. */
  log: (level: LogLevel, message: string) => void
  /** From the start of a process until it reads its bundle, ms. */
  processStartMs: number
}
