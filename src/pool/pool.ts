import { FunctionError } from '../errors.ts'
import type { Worker, WorkerFactory, WorkerSpec } from '../worker/worker.ts'
import { Dispatch, type DispatchOwner } from './dispatch.ts'
import type { PoolLimits } from './limits.ts'
import type { Job, PoolEvents } from './pending-request.ts'
import { Slot } from './pooled-worker.ts'
import { Restarts } from './restart-backoff.ts'
import { freest, wantsWorker } from './scaling.ts'
import type { Fleet, FleetMember } from './worker-budget.ts'

/** Tries for a start that failed through no fault of the bundle, before the queue is told. */
const START_TRIES = 3

/**
 * The workers of one function version. Scales from nothing: a job that finds no free worker waits in
 * a bounded queue, and the queue's length decides how many workers start. A silent worker, one that
 * answers no pings, gets no work while it is silent; another is started in its place.
 */
export class Pool implements FleetMember, DispatchOwner {
  readonly spec: WorkerSpec
  readonly limits: PoolLimits
  readonly #launcher: WorkerFactory
  readonly #fleet: Fleet
  readonly #events: PoolEvents
  readonly #restarts: Restarts
  readonly #queue = new Set<Dispatch>()
  #slots: Slot[] = []
  #warming: PromiseWithResolvers<void>[] = []
  #closed: PromiseWithResolvers<void> | undefined
  #graceMs: number
  #stopRetry: (() => void) | undefined

  constructor(
    spec: WorkerSpec,
    limits: PoolLimits,
    launcher: WorkerFactory,
    fleet: Fleet,
    events: PoolEvents,
  ) {
    this.spec = spec
    this.limits = limits
    this.#launcher = launcher
    this.#fleet = fleet
    this.#events = events
    this.#graceMs = limits.drainMs
    this.#restarts = new Restarts(limits.maxBackoffMs)
    fleet.join(this)
  }

  get slots(): readonly Slot[] {
    return this.#slots
  }

  get queued(): number {
    return this.#queue.size
  }

  /** Gives a job to a worker, now or when one is free; refusals reach the job's `fail`. */
  submit(job: Job): Dispatch {
    const dispatch = new Dispatch(job, this)
    const slot = this.#queue.size === 0 ? this.#freest() : undefined
    if (slot !== undefined) this.#send(dispatch, slot)
    else this.#enqueue(dispatch)
    return dispatch
  }

  /**
   * Starts a worker unless one is ready.
   *
   * @throws {FunctionError} why the bundle did not load, or the worker did not start
   */
  warm(): Promise<void> {
    if (this.#slots.some((slot) => slot.open)) return Promise.resolve()
    const warming = Promise.withResolvers<void>()
    this.#warming.push(warming)
    this.scale()
    return warming.promise
  }

  /**
   * Finishes what waits and what runs, then ends the workers; resolves when the last is gone. Nothing
   * may be submitted any more.
   *
   * @param graceMs what the workers have left for that before they are ended
   */
  close(graceMs: number): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = Promise.withResolvers<void>()
      this.#stopRetry?.()
      const why = new FunctionError('SHUTTING_DOWN', 'The version goes out of service.')
      for (const warming of this.#warming.splice(0)) warming.reject(why)
      this.#graceMs = graceMs
      this.#closeWorkers()
    }
    return this.#closed.promise
  }

  /** Ends every worker now; what waits fails with `reason`. */
  kill(reason: FunctionError): void {
    this.#failQueue(reason)
    for (const slot of [...this.#slots]) slot.worker.kill(reason)
  }

  scale(): void {
    const now = this.#fleet.clock.now()
    while (this.#wantsWorker()) {
      const waitMs = this.#restarts.waitMs(now)
      if (waitMs > 0) {
        this.#retryIn(waitMs)
        return
      }
      if (!this.#fleet.reserve(this)) return
      this.#start(now)
    }
  }

  evict(slot: Slot): void {
    this.#retire(slot, slot.inFlight > 0 ? this.limits.drainMs : 0)
  }

  sweep(now: number): void {
    const { queueTimeoutMs, idleTimeoutMs, minWorkers } = this.limits
    for (const dispatch of this.#queue) {
      if (now - dispatch.job.arrivedAt < queueTimeoutMs) continue
      this.#queue.delete(dispatch)
      dispatch.refuse(overloaded('No worker became free in time.'))
    }
    let live = this.#slots.reduce((count, slot) => count + (slot.draining ? 0 : 1), 0)
    for (const slot of this.#slots) {
      if (live <= minWorkers) break
      if (!slot.open || slot.inFlight > 0 || now - slot.idleSince < idleTimeoutMs) continue
      this.#retire(slot, 0)
      live--
    }
    this.#flush()
  }

  withdraw(dispatch: Dispatch): void {
    this.#queue.delete(dispatch)
  }

  again(dispatch: Dispatch): boolean {
    if (this.#closed !== undefined && this.#slots.length === 0) return false
    this.#queue.add(dispatch)
    this.#fleet.sweepQueues()
    return true
  }

  released(slot: Slot): void {
    // How it ended is about to be told, and decides when the next one starts.
    if (slot.worker.state === 'gone') return
    if (this.#fleet.claim(this, slot)) return
    if (this.#queue.size > 0) this.#flush()
    if (slot.inFlight > 0) return
    slot.idleSince = this.#fleet.clock.now()
    if (slot.open) this.#fleet.idle(this, slot)
  }

  #enqueue(dispatch: Dispatch): void {
    if (this.#queue.size >= this.limits.queue) {
      dispatch.refuse(overloaded('Too many requests wait for this function.'))
      return
    }
    const { error } = this.#restarts
    const cold = this.#slots.every((slot) => slot.draining)
    const givenUp = error !== undefined && this.#stopRetry === undefined
    if (cold && givenUp && this.#restarts.waitMs(this.#fleet.clock.now()) > 0) {
      dispatch.refuse(error)
      return
    }
    this.#queue.add(dispatch)
    this.#fleet.sweepQueues()
    this.scale()
  }

  #send(dispatch: Dispatch, slot: Slot): void {
    dispatch.send(slot, this.#fleet.clock.now())
    if (slot.worker.invocations >= this.limits.recycleAfter) this.#replace(slot)
  }

  /** Gives waiting jobs to whoever is free, then starts workers for the rest. */
  #flush(): void {
    for (const dispatch of this.#queue) {
      const slot = this.#freest()
      if (slot === undefined) break
      this.#queue.delete(dispatch)
      this.#send(dispatch, slot)
    }
    if (this.#queue.size > 0 || this.limits.minWorkers > 0) this.scale()
    if (this.#closed !== undefined) this.#closeWorkers()
  }

  #freest(): Slot | undefined {
    return freest(this.#slots, this.limits.concurrency)
  }

  #wantsWorker(): boolean {
    const closing = this.#closed !== undefined
    const warming = this.#warming.length > 0
    return wantsWorker(this.#slots, this.limits, { queued: this.#queue.size, closing, warming })
  }

  #start(now: number): void {
    let slot: Slot | undefined
    const worker: Worker = this.#launcher.start(this.spec, {
      ready: (initUs) => this.#ready(slot as Slot, initUs / 1000),
      exit: (error) => this.#gone(slot as Slot, error),
      log: (entry) => this.#events.log(entry, slot?.requestId(entry.invocation)),
      silent: (silent) => {
        if (!silent || this.#queue.size > 0) this.#flush()
      },
      retire: () => this.#replace(slot as Slot),
    })
    slot = new Slot(worker, now)
    this.#slots.push(slot)
    this.#fleet.starting(slot)
    if (worker.takesEarly && this.#slots.length === 1) this.#sendEarly(slot, now)
  }

  /**
   * The first worker gets its first job behind its start. What may have to be given to another
   * worker, should this one not get ready, must be whole.
   */
  #sendEarly(slot: Slot, now: number): void {
    for (const dispatch of this.#queue) {
      if (!dispatch.job.request.end) continue
      this.#queue.delete(dispatch)
      dispatch.send(slot, now)
      return
    }
  }

  #ready(slot: Slot, initMs: number): void {
    const now = this.#fleet.clock.now()
    slot.ready(now, initMs)
    this.#fleet.settled(slot)
    slot.idleSince = now
    this.#restarts.started()
    for (const warming of this.#warming.splice(0)) warming.resolve()
    if (slot.worker.invocations >= this.limits.recycleAfter) this.#replace(slot)
    this.#flush()
    if (slot.open && slot.inFlight === 0) this.#fleet.idle(this, slot)
  }

  #gone(slot: Slot, error: FunctionError | undefined): void {
    this.#slots = this.#slots.filter((other) => other !== slot)
    this.#fleet.settled(slot)
    if (error !== undefined) this.#lost(slot, error)
    if (slot.readyAt === Number.POSITIVE_INFINITY && !slot.draining) {
      this.#startFailed(
        error ?? new FunctionError('WORKER_START_FAILED', 'The worker ended early.'),
      )
    }
    this.#fleet.released(slot)
    if (this.#closed !== undefined && this.#slots.length === 0 && this.#queue.size === 0) {
      this.#fleet.leave(this)
      this.#closed.resolve()
    } else {
      this.#flush()
    }
  }

  #lost(slot: Slot, error: FunctionError): void {
    this.#events.lost?.(error)
    if (slot.readyAt === Number.POSITIVE_INFINITY || slot.draining) return
    const now = this.#fleet.clock.now()
    const life = { ms: now - slot.readyAt, invocations: slot.worker.invocations }
    this.#restarts.crashed(error, life, now)
  }

  #startFailed(error: FunctionError): void {
    this.#restarts.startFailed(error, this.#fleet.clock.now())
    const ours = error.code === 'WORKER_START_FAILED' || error.code === 'WORKER_CRASHED'
    if (ours && this.#restarts.failures < START_TRIES && this.#closed === undefined) {
      this.#retryIn(this.#restarts.waitMs(this.#fleet.clock.now()))
      return
    }
    for (const warming of this.#warming.splice(0)) warming.reject(error)
    if (!this.#slots.some((other) => !other.draining)) this.#failQueue(error)
  }

  /** Drains a worker that should not go on, and starts another where work waits. */
  #replace(slot: Slot): void {
    if (slot.draining) return
    this.#retire(slot, this.limits.drainMs)
    if (this.#queue.size > 0) this.scale()
  }

  #retire(slot: Slot, graceMs: number): void {
    slot.draining = true
    void slot.worker.shutdown(graceMs)
  }

  #closeWorkers(): void {
    if (this.#queue.size > 0) return
    for (const slot of [...this.#slots]) {
      const early = slot.worker.state === 'starting' && slot.inFlight > 0
      if (!slot.draining && !early) this.#retire(slot, this.#graceMs)
    }
    if (this.#slots.length > 0) return
    this.#fleet.leave(this)
    this.#closed?.resolve()
  }

  #retryIn(ms: number): void {
    this.#stopRetry?.()
    this.#stopRetry = this.#fleet.clock.after(ms, () => {
      this.#stopRetry = undefined
      this.scale()
    })
  }

  #failQueue(error: FunctionError): void {
    for (const dispatch of this.#queue) {
      this.#queue.delete(dispatch)
      dispatch.refuse(error)
    }
  }
}

function overloaded(message: string): FunctionError {
  return new FunctionError('OVERLOADED', message, { retryAfter: 1 })
}
