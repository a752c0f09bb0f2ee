import type { Limits } from '../limits/names.ts'
import type { FunctionRules } from '../metadata/records.ts'
import type { Pool } from '../pool/pool.ts'
import type { WorkerGroup } from '../pool/worker-group.ts'
import type { FunctionCounters } from '../telemetry/counters.ts'
import type { FunctionMeter } from './meter.ts'

/** The project of a route, as it is now. */
export interface Tenant {
  readonly project: string
  suspended: boolean
  limits: Limits
  /** The workers of its functions. */
  readonly workers: WorkerGroup
}

/** The versions that share the requests of a function. */
export interface RouteSplit {
  readonly routes: readonly Route[]
  /** Percent, of each route; together 100. */
  readonly weights: readonly number[]
  /** Lower case; undefined: a cookie keeps a client with its version. */
  readonly stickyHeader: string | undefined
}

/** The route of a function's requests: the pool of an active version, and its settings for requests. */
export interface Route {
  readonly project: string
  readonly functionName: string
  readonly tenant: Tenant
  readonly version: string
  readonly pool: Pool
  readonly counters: FunctionCounters
  readonly meter: FunctionMeter
  /** Longest time from a request's arrival to its response head. A reload may change it. */
  timeoutMs: number
  /** CPU budget of one invocation. A change of limits may change it. */
  cpuMs: number
  /** An idempotent request that a worker lost is tried once on another. */
  readonly retry: boolean
  /** Clients see the errors of the function's own code. */
  readonly exposeErrors: boolean
  /** It serves a preview of its version, which has no share of the requests. */
  readonly preview: boolean
  /** Undefined: the function has no other version now. */
  split: RouteSplit | undefined
  /** Who may call the function, and how. A change applies to the next request. */
  rules: FunctionRules
}
