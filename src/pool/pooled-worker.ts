import type { Invocation, Worker, WorkerState } from '../worker/worker.ts'
import type { Dispatch } from './dispatch.ts'

export type SlotState = WorkerState | 'busy'

/** A pool's hold on one worker: what it runs, since when it idles. */
export class Slot {
  readonly worker: Worker
  /** ms, performance.now(). */
  readonly startedAt: number
  readyAt = Number.POSITIVE_INFINITY
  idleSince = Number.POSITIVE_INFINITY
  inFlight = 0
  /** Takes no more: it was asked to go. */
  draining = false
  /** Made room for another function's worker. */
  evicted = false
  readonly #running = new Map<number, Dispatch>()

  constructor(worker: Worker, startedAt: number) {
    this.worker = worker
    this.startedAt = startedAt
  }

  get state(): SlotState {
    if (this.worker.state === 'gone') return 'gone'
    if (this.draining) return 'draining'
    return this.worker.state === 'ready' && this.inFlight > 0 ? 'busy' : this.worker.state
  }

  /** May be given work, as far as the worker itself is concerned. */
  get open(): boolean {
    return !this.draining && this.worker.state === 'ready'
  }

  invoke(dispatch: Dispatch): Invocation {
    this.inFlight++
    const invocation = this.worker.invoke(dispatch.job.request, dispatch.job, dispatch)
    this.#running.set(invocation.id, dispatch)
    return invocation
  }

  release(invocation: Invocation | undefined): void {
    this.inFlight--
    if (invocation !== undefined) this.#running.delete(invocation.id)
  }

  /** Its worker got ready: what it took early begins. */
  ready(now: number, initMs: number): void {
    this.readyAt = now
    for (const dispatch of this.#running.values()) dispatch.began(initMs)
  }

  /** The request that an invocation of this worker belongs to. */
  requestId(invocation: number | undefined): string | undefined {
    return invocation === undefined ? undefined : this.#running.get(invocation)?.job.requestId
  }
}
