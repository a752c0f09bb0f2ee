import { FunctionError } from '../errors.ts'
import type { Completion, Invocation } from '../worker/worker.ts'
import type { Job } from './pending-request.ts'
import type { Slot } from './pooled-worker.ts'

/** A job is tried so often before its loss is its caller's. */
const MAX_ATTEMPTS = 3

/** The pool's side of a dispatch. */
export interface DispatchOwner {
  /** Takes a queued dispatch out of the queue. */
  withdraw(dispatch: Dispatch): void
  /** Its slot is free. */
  released(slot: Slot): void
  /** Gives a lost dispatch to another worker; false when the pool takes no more. */
  again(dispatch: Dispatch): boolean
}

/**
 * One job on its way through a pool: queued, then with a worker, then over. The worker gives the
 * response to the job itself; how it ends comes here, since a lost job may be tried again.
 */
export class Dispatch implements Completion {
  readonly job: Job
  readonly #owner: DispatchOwner
  #slot: Slot | undefined
  #invocation: Invocation | undefined
  #attempts = 0
  #over = false
  #cancelled: string | undefined
  /** Held back until `done` tells whether the job was lost or can be dispatched again. */
  #crash: FunctionError | undefined

  constructor(job: Job, owner: DispatchOwner) {
    this.job = job
    this.#owner = owner
  }

  /** Gives the job to the worker of `slot`, which is ready or takes it early. */
  send(slot: Slot, now: number): void {
    const { job } = this
    this.#slot = slot
    this.#crash = undefined
    // A worker that does not get ready has not tried; how often one may be started, the pool knows.
    if (slot.open) this.#attempts++
    const waitedMs = now - job.arrivedAt
    const initMs = Math.min(
      waitedMs,
      Math.max(0, slot.readyAt - Math.max(job.arrivedAt, slot.startedAt)),
    )
    const invocation = slot.invoke(this)
    this.#invocation = invocation
    const waited = { queueMs: waitedMs - initMs, initMs }
    job.dispatched(invocation, slot.open ? waited : { queueMs: waitedMs, initMs: 0 })
  }

  /** The worker that took it early is ready, and begins with it; loading took so long. */
  began(initMs: number): void {
    this.#attempts++
    this.job.began(initMs)
  }

  /** Stops the job wherever it is: `done` follows, and at once when no worker has it yet. */
  cancel(reason: string): void {
    if (this.#over || this.#cancelled !== undefined) return
    this.#cancelled = reason
    if (this.#invocation !== undefined) {
      this.#invocation.cancel(reason)
    } else if (this.#slot === undefined) {
      this.#owner.withdraw(this)
      this.finish(0)
    }
  }

  /** Ends a job that no worker has. */
  refuse(error: FunctionError): void {
    if (this.#over) return
    this.job.fail(error)
    this.finish(0)
  }

  finish(cpuUs: number): void {
    this.#over = true
    this.job.done({ cpuUs, unsent: false })
  }

  fail(error: FunctionError): void {
    if (error.code === 'WORKER_CRASHED') this.#crash = error
    else this.job.fail(error)
  }

  done(result: { cpuUs: number; unsent: boolean }): void {
    const slot = this.#slot
    const invocation = this.#invocation
    if (slot === undefined) return
    this.#slot = undefined
    this.#invocation = undefined
    slot.release(invocation)
    if (!(result.unsent && this.#tryAgain())) {
      const lost = result.unsent && this.#cancelled === undefined
      const crash = this.#crash ?? (lost ? new FunctionError('WORKER_CRASHED', LOST) : undefined)
      if (crash !== undefined) this.job.fail(crash)
      this.finish(result.cpuUs)
    }
    this.#owner.released(slot)
  }

  #tryAgain(): boolean {
    if (this.#cancelled !== undefined || !this.job.replayable) return false
    return this.#attempts < MAX_ATTEMPTS && this.#owner.again(this)
  }
}

const LOST = 'The worker ended before the request reached it.'
