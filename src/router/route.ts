import type { Pool } from '../pool/pool.ts'
import type { FunctionCounters } from '../telemetry/counters.ts'

/** Where a function's requests go now: the active version's pool, and what holds for each request. */
export interface Route {
  readonly functionName: string
  readonly version: string
  readonly pool: Pool
  readonly counters: FunctionCounters
  /** From a request's arrival to its response head. */
  readonly timeoutMs: number
  /** CPU budget of one invocation. */
  readonly cpuMs: number
  /** Tell clients what went wrong inside the function. */
  readonly exposeErrors: boolean
}
