import type { FunctionError } from '../errors.ts'
import type {
  Completion,
  Invocation,
  InvocationRequest,
  ResponseSink,
  WorkerLog,
} from '../worker/worker.ts'

/**
 * What a caller submits to a pool: the request, and the sink for its response. The pool calls `done`
 * exactly once for every request that it accepted, including one that never reached a worker.
 */
export interface PendingRequest extends ResponseSink, Completion {
  readonly request: InvocationRequest
  /** Identifies the request in the tenant's logs. */
  readonly requestId: string
  /** When the request arrived (ms, performance.now()). */
  readonly arrivedAt: number
  /**
   * Why no other worker may run it from the start, after a worker lost it: as the end of a sentence
   * ("because ..."); undefined if another worker may.
   *
   * @param begun the worker may have run a part of it
   */
  retryObstacle(begun: boolean): string | undefined
  /** It waits for a worker again. Its body is written to the next one from the start. */
  requeued(): void
  /** A worker has it. Called again, with another invocation, when the first one was lost. */
  dispatched(invocation: Invocation, waited: Waited): void
  /** The worker, which took it while starting, is ready. Loading the bundle took `initMs`. */
  began(initMs: number): void
}

/** How long a request waited before its worker took it, ms. */
export interface Waited {
  queueMs: number
  /** The part during which the worker that took it was still starting (a cold start). */
  initMs: number
}

/** What a pool reports about its workers. */
export interface PoolEvents {
  log(entry: WorkerLog, requestId: string | undefined): void
  /** A request that a worker lost goes to another worker, after `error`. */
  retried?(requestId: string, error: FunctionError): void
  /** A worker ended although the pool had not asked it to. */
  onCrash?(error: FunctionError): void
}
