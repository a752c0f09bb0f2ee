import type { Completion, Invocation, Worker, WorkerState } from '../worker/worker.ts'
import type { PendingRequest } from './pending-request.ts'

export type PooledWorkerState = WorkerState | 'busy'

/** Requests of a worker whose id is remembered after their end, for what they log later. */
const REMEMBERED = 64

/** A pool's record of one worker: what it runs, and since when it is idle. */
export class PooledWorker {
  readonly worker: Worker
  /** ms, performance.now(). */
  readonly startedAt: number
  /** Infinity until the worker is ready. */
  readyAt = Number.POSITIVE_INFINITY
  idleSince = Number.POSITIVE_INFINITY
  inFlight = 0
  /** Those in flight that another worker had and did not survive. */
  suspects = 0
  /** It ended with a suspect in flight. */
  endedWithSuspect = false
  /** Takes no more requests: it was asked to shut down. */
  draining = false
  /** It is shut down to make room for a worker of another function. */
  evicted = false
  readonly #running = new Map<number, PendingRequest>()
  /** Of the latest requests that ended, by their invocation modulo its length. */
  readonly #ended: { invocation: number; requestId: string }[] = []

  constructor(worker: Worker, startedAt: number) {
    this.worker = worker
    this.startedAt = startedAt
  }

  get state(): PooledWorkerState {
    if (this.worker.state === 'gone') return 'gone'
    if (this.draining) return 'draining'
    return this.worker.state === 'ready' && this.inFlight > 0 ? 'busy' : this.worker.state
  }

  /** Accepts requests, apart from the pool's limit on concurrency. */
  get open(): boolean {
    return !this.draining && this.worker.state === 'ready'
  }

  /** Starts an invocation; `pending` receives the response, `completion` the end. */
  invoke(pending: PendingRequest, completion: Completion, suspect: boolean): Invocation {
    this.inFlight++
    if (suspect) this.suspects++
    const invocation = this.worker.invoke(pending.request, pending, completion)
    this.#running.set(invocation.id, pending)
    return invocation
  }

  release(invocation: Invocation | undefined, suspect: boolean): void {
    this.inFlight--
    if (suspect) this.suspects--
    if (invocation === undefined) return
    const { id } = invocation
    const requestId = this.#running.get(id)?.requestId
    this.#running.delete(id)
    if (requestId === undefined) return
    const slot = this.#ended[id % REMEMBERED]
    if (slot === undefined) {
      this.#ended[id % REMEMBERED] = { invocation: id, requestId }
    } else {
      slot.invocation = id
      slot.requestId = requestId
    }
  }

  /** The worker is ready: a request that it took while starting begins now. */
  ready(now: number, initMs: number): void {
    this.readyAt = now
    for (const pending of this.#running.values()) pending.began(initMs)
  }

  /** The id of the request that an invocation of this worker belongs to. */
  requestId(invocation: number | undefined): string | undefined {
    if (invocation === undefined) return undefined
    const running = this.#running.get(invocation)
    if (running !== undefined) return running.requestId
    const ended = this.#ended[invocation % REMEMBERED]
    return ended?.invocation === invocation ? ended.requestId : undefined
  }
}
