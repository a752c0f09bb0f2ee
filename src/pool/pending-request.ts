import type { FunctionError } from '../errors.ts'
import type {
  Completion,
  Invocation,
  InvocationRequest,
  ResponseSink,
  WorkerLog,
} from '../worker/worker.ts'

/**
 * What a caller hands to a pool: the request, and where its answer goes. A pool calls `done` exactly
 * once for every job that it took, also for one that never reached a worker.
 */
export interface Job extends ResponseSink, Completion {
  readonly request: InvocationRequest
  /** Names the request in the tenant's logs. */
  readonly requestId: string
  /** When the request came in (ms, performance.now()). */
  readonly arrivedAt: number
  /** Nothing of its body was written yet, so that another worker can take it from the start. */
  readonly replayable: boolean
  /** A worker has it; called again, with another invocation, when the first was lost unsent. */
  dispatched(invocation: Invocation, waited: Waited): void
  /** The worker, which had it while it was starting, is ready: loading the bundle took `initMs`. */
  began(initMs: number): void
}

/** How the time before its worker took a job divides, ms. */
export interface Waited {
  queueMs: number
  /** The part in which the worker that took it was still starting: a cold start. */
  initMs: number
}

/** What a pool tells about its workers. */
export interface PoolEvents {
  log(entry: WorkerLog, requestId: string | undefined): void
  /** A worker ended, and nobody had asked it to. */
  lost?(error: FunctionError): void
}
