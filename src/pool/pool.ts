import { FunctionError } from '../errors.ts'
import type {
  Completion,
  Ended,
  Invocation,
  Loss,
  Worker,
  WorkerFactory,
  WorkerSpec,
} from '../worker/worker.ts'
import type { PoolLimits } from './limits.ts'
import type { PendingRequest, PoolEvents } from './pending-request.ts'
import { PooledWorker } from './pooled-worker.ts'
import { RequestQueue } from './request-queue.ts'
import { RestartBackoff } from './restart-backoff.ts'
import { leastLoaded, wantsWorker } from './scaling.ts'
import type { BudgetMember, WorkerBudget } from './worker-budget.ts'
import type { WorkerGroup } from './worker-group.ts'

/** Attempts to start a worker, where the bundle is not to blame, before the waiting requests fail. */
const START_TRIES = 3
/** Workers that may lose one request before they read it, until its caller gets the error. */
const MAX_UNSENT = 3
/** Workers that may lose one request after they read it. The last of them may be the request's fault. */
const MAX_LOSSES = 2
/**
 * Time, ms, from the loss of a request to its next attempt in a worker that was ready before. Workers
 * often end together, and the end of that one may not be known yet.
 */
const PAUSE_MS = 25
/** Time, ms, that a request waits for a place before one that waits for a slow client must give its place up. */
const CLAIM_AFTER_MS = 250
/**
 * Time, ms, that a request which a worker lost waits for a worker that runs no other such request.
 * One of them may end each worker that runs it, and the others should survive that.
 */
const APART_MS = 500

/**
 * The workers of one function version. A pool starts with no worker: a request that finds no free
 * worker waits in a bounded queue, and the length of the queue decides how many workers start. A
 * silent worker, one that does not answer pings, gets no requests until it answers again; another is
 * started in its place.
 */
export class Pool implements BudgetMember {
  readonly spec: WorkerSpec
  readonly group: WorkerGroup | undefined
  limits: PoolLimits
  readonly #launcher: WorkerFactory
  readonly #budget: WorkerBudget
  readonly #events: PoolEvents
  readonly #backoff: RestartBackoff
  readonly #queue = new RequestQueue<Dispatch>()
  #workers: PooledWorker[] = []
  #warming: PromiseWithResolvers<void>[] = []
  #closed: PromiseWithResolvers<void> | undefined
  #graceMs: number
  #closedFor = ''
  #stopRetry: (() => void) | undefined
  #killed = false
  /** Places that requests with slow clients were told to give up, and have not yet. */
  #claimed = 0

  constructor(
    spec: WorkerSpec,
    limits: PoolLimits,
    launcher: WorkerFactory,
    budget: WorkerBudget,
    events: PoolEvents,
    group?: WorkerGroup,
  ) {
    this.spec = spec
    this.group = group
    this.limits = limits
    this.#launcher = launcher
    this.#budget = budget
    this.#events = events
    this.#graceMs = limits.drainMs
    this.#backoff = new RestartBackoff(limits.maxBackoffMs)
    budget.join(this)
  }

  get workers(): readonly PooledWorker[] {
    return this.#workers
  }

  get queued(): number {
    return this.#queue.size
  }

  /** Applies other limits. Workers above a lower maximum finish what they run. */
  configure(limits: PoolLimits): void {
    this.limits = limits
    this.#backoff.maxMs = limits.maxBackoffMs
    const kept = this.#workers.filter((pooled) => !pooled.draining)
    const surplus = Math.max(0, kept.length - limits.maxWorkers)
    kept.sort((a, b) => a.inFlight - b.inFlight)
    for (const pooled of kept.slice(0, surplus))
      this.#retire(pooled, limits.drainMs, 'its function may have fewer workers')
    this.#flush()
  }

  /** Gives a request to a worker, now or as soon as one is free. A refusal calls its `fail`. */
  submit(pending: PendingRequest): Dispatch {
    const dispatch = new Dispatch(pending, this)
    const pooled = this.#queue.fresh.size === 0 ? this.#leastLoaded() : undefined
    if (pooled !== undefined) this.#send(dispatch, pooled)
    else this.#enqueue(dispatch)
    return dispatch
  }

  /**
   * Starts a worker unless one is ready.
   *
   * @throws {FunctionError} why the bundle did not load, or the worker did not start
   */
  warm(): Promise<void> {
    if (this.#workers.some((pooled) => pooled.open)) return Promise.resolve()
    const warming = Promise.withResolvers<void>()
    this.#warming.push(warming)
    this.scale()
    return warming.promise
  }

  /**
   * Finishes the requests that wait or run, then ends the workers; resolves when the last worker is
   * gone. The caller submits nothing after this call. Called again, the shorter grace applies.
   *
   * @param graceMs time that the workers have to finish before they are ended
   * @param reason for the log of what the workers leave behind, after 'because'
   */
  close(graceMs: number, reason: string): Promise<void> {
    if (this.#closed !== undefined) this.#hurry(graceMs, reason)
    else {
      this.#closed = Promise.withResolvers<void>()
      this.#stopRetry?.()
      const { functionName, version } = this.spec
      const why = `Version '${version}' of function '${functionName}' was taken out of service before one of its workers was ready.`
      for (const warming of this.#warming.splice(0)) {
        warming.reject(new FunctionError('SHUTTING_DOWN', why))
      }
      this.#graceMs = graceMs
      this.#closedFor = reason
      this.#closeWorkers()
    }
    return this.#closed.promise
  }

  /** Ends every worker now; waiting requests fail with `reason`. */
  kill(reason: FunctionError): void {
    this.#killed = true
    this.#failQueue(reason)
    for (const pooled of [...this.#workers]) pooled.worker.kill(reason)
  }

  scale(): void {
    const now = this.#budget.clock.now()
    while (this.#wantsWorker()) {
      const waitMs = this.#backoff.waitMs(now)
      if (waitMs > 0) {
        this.#retryIn(waitMs)
        return
      }
      if (!this.#budget.reserve(this)) return
      this.#start(now)
    }
  }

  evict(pooled: PooledWorker): void {
    const graceMs = pooled.inFlight > 0 ? this.limits.drainMs : 0
    this.#retire(pooled, graceMs, 'a worker of another function needed its place')
  }

  sweep(now: number): void {
    const { queueTimeoutMs, idleTimeoutMs, minWorkers, drainMs } = this.limits
    for (const dispatch of this.#queue) {
      if (now - dispatch.queuedAt < queueTimeoutMs) continue
      this.#queue.delete(dispatch)
      dispatch.refuse(this.#overloaded(`no worker became free within ${queueTimeoutMs} ms`))
    }
    let live = this.#workers.reduce((count, pooled) => count + (pooled.draining ? 0 : 1), 0)
    for (const pooled of this.#workers) {
      if (live <= minWorkers) break
      if (!pooled.open || pooled.inFlight > 0 || now - pooled.idleSince < idleTimeoutMs) continue
      this.#retire(pooled, drainMs, 'it was idle')
      live--
    }
    this.#flush()
  }

  /** Removes a dispatch from the queue. */
  withdraw(dispatch: Dispatch): void {
    this.#queue.delete(dispatch)
  }

  /** Queues a dispatch that a worker lost; false when the pool accepts no more. */
  requeue(dispatch: Dispatch): boolean {
    if (this.#killed || (this.#closed !== undefined && this.#workers.length === 0)) return false
    dispatch.queuedAt = this.#budget.clock.now()
    this.#queue.addAgain(dispatch)
    if (dispatch.suspect) this.#budget.sweepWithin(PAUSE_MS)
    else this.#budget.sweepQueues()
    return true
  }

  /**
   * Whether a request that only waits for its client must give its place in a worker to one that waits
   * for a place, or for a worker of another function. Each `true` is for one place.
   */
  claimPlace(pooled: PooledWorker): boolean {
    if (!this.#isAwaited() && !this.#isRoomAwaited(pooled)) return false
    this.#claimed++
    return true
  }

  #isAwaited(): boolean {
    if (this.#queue.size <= this.#claimed) return false
    const [first] = this.#queue
    const since = first?.queuedAt ?? Number.POSITIVE_INFINITY
    return this.#budget.clock.now() - since >= CLAIM_AFTER_MS
  }

  #isRoomAwaited(pooled: PooledWorker): boolean {
    if (this.#claimed > 0 && !pooled.evicted) return false
    return this.#budget.isAwaited(this, pooled, CLAIM_AFTER_MS)
  }

  /** A request that a worker had begun goes to another worker. */
  retried(requestId: string, error: FunctionError): void {
    this.#events.retried?.(requestId, error)
  }

  /** A worker has finished or lost a request. */
  released(pooled: PooledWorker): void {
    if (this.#claimed > 0) this.#claimed--
    // The worker's `exit` event follows and says how it ended, which decides when the next one starts.
    if (pooled.worker.state === 'gone') return
    if (this.#budget.preempt(this, pooled)) return
    if (this.#queue.size > 0) this.#flush()
    if (pooled.inFlight > 0) return
    pooled.idleSince = this.#budget.clock.now()
    this.#budget.idle(this, pooled)
  }

  #enqueue(dispatch: Dispatch): void {
    const { queue } = this.limits
    if (this.#queue.size >= queue) {
      dispatch.refuse(this.#overloaded(`${queue} requests already wait for a worker`))
      return
    }
    const now = this.#budget.clock.now()
    const { refusal } = this.#backoff
    const cold = this.#workers.every((pooled) => pooled.draining)
    const notRetrying = refusal !== undefined && this.#stopRetry === undefined
    if (cold && notRetrying && this.#backoff.waitMs(now) > 0) {
      dispatch.refuse(refusal)
      return
    }
    dispatch.queuedAt = now
    this.#queue.add(dispatch)
    this.#budget.sweepQueues()
    this.scale()
  }

  #send(dispatch: Dispatch, pooled: PooledWorker): void {
    dispatch.send(pooled, this.#budget.clock.now())
    this.#recycle(pooled)
  }

  /** Gives waiting requests to free workers, then starts workers for the rest. */
  #flush(): void {
    if (this.#flushSome(this.#queue.again)) this.#flushSome(this.#queue.fresh)
    if (this.#queue.size > 0 || this.limits.minWorkers > 0) this.scale()
    if (this.#closed !== undefined) this.#closeWorkers()
  }

  /** @returns false when no worker is free for the next request */
  #flushSome(requests: Iterable<Dispatch>): boolean {
    for (const dispatch of requests) {
      const pooled = dispatch.suspect ? this.#forSuspect(dispatch) : this.#leastLoaded()
      if (pooled === undefined && dispatch.suspect) continue
      if (pooled === undefined) return false
      this.#queue.delete(dispatch)
      this.#send(dispatch, pooled)
    }
    return true
  }

  #leastLoaded(): PooledWorker | undefined {
    return leastLoaded(this.#workers, this.limits.concurrency)
  }

  /** The worker for a request that may be the reason why another worker ended. */
  #forSuspect({ queuedAt }: Dispatch): PooledWorker | undefined {
    const waitedMs = this.#budget.clock.now() - queuedAt
    return leastLoaded(this.#workers, this.limits.concurrency, (pooled) => {
      if (waitedMs < PAUSE_MS && pooled.readyAt < queuedAt) return false
      return waitedMs >= APART_MS || pooled.suspects === 0
    })
  }

  #wantsWorker(): boolean {
    const closing = this.#closed !== undefined
    const warming = this.#warming.length > 0
    return wantsWorker(this.#workers, this.limits, { queued: this.#queue.size, closing, warming })
  }

  #start(now: number): void {
    let pooled: PooledWorker | undefined
    const worker: Worker = this.#launcher.start(this.spec, {
      ready: (initUs) => this.#ready(pooled as PooledWorker, initUs / 1000),
      exit: (error) => this.#gone(pooled as PooledWorker, error),
      log: (entry) => this.#events.log(entry, pooled?.requestId(entry.invocation)),
      silent: (silent) => {
        if (!silent || this.#queue.size > 0) this.#flush()
      },
      retire: (reason) => this.#replace(pooled as PooledWorker, reason),
    })
    pooled = new PooledWorker(worker, now)
    this.#workers.push(pooled)
    this.#budget.startBegan(pooled)
    if (worker.takesEarly && this.#workers.length === 1) this.#sendEarly(pooled, now)
  }

  /**
   * Gives the first worker its first request while it starts, so that a cold start costs no extra
   * round trip. Only a request whose body is complete qualifies: should this worker fail to start,
   * another one must be able to run the request from the start.
   */
  #sendEarly(pooled: PooledWorker, now: number): void {
    for (const dispatch of this.#queue) {
      if (!dispatch.pending.request.end) continue
      this.#queue.delete(dispatch)
      dispatch.send(pooled, now)
      return
    }
  }

  #ready(pooled: PooledWorker, initMs: number): void {
    const now = this.#budget.clock.now()
    pooled.ready(now, initMs)
    this.#budget.startEnded(pooled)
    pooled.idleSince = now
    this.#backoff.started()
    for (const warming of this.#warming.splice(0)) warming.resolve()
    this.#recycle(pooled)
    this.#flush()
    if (pooled.open && pooled.inFlight === 0) this.#budget.idle(this, pooled)
  }

  #gone(pooled: PooledWorker, error: FunctionError | undefined): void {
    this.#workers = this.#workers.filter((other) => other !== pooled)
    this.#budget.startEnded(pooled)
    if (error !== undefined) this.#crashed(pooled, error)
    if (pooled.readyAt === Number.POSITIVE_INFINITY && !pooled.draining) {
      const early = `A worker of function '${this.spec.functionName}' ended before it was ready.`
      this.#startFailed(error ?? new FunctionError('WORKER_START_FAILED', early))
    }
    this.#budget.released(this, pooled)
    if (this.#closed !== undefined && this.#workers.length === 0 && this.#queue.size === 0) {
      this.#budget.leave(this)
      this.#closed.resolve()
    } else {
      this.#flush()
    }
  }

  #crashed(pooled: PooledWorker, error: FunctionError): void {
    this.#events.onCrash?.(error)
    if (pooled.readyAt === Number.POSITIVE_INFINITY || pooled.draining) return
    const now = this.#budget.clock.now()
    const lifetime = { ms: now - pooled.readyAt, invocations: pooled.worker.invocations }
    this.#backoff.crashed(error, lifetime, now, pooled.endedWithSuspect)
  }

  #startFailed(error: FunctionError): void {
    this.#backoff.startFailed(error, this.#budget.clock.now())
    const retriable = error.code === 'WORKER_START_FAILED' || error.code === 'WORKER_CRASHED'
    if (retriable && this.#backoff.failures < START_TRIES && this.#closed === undefined) {
      this.#retryIn(this.#backoff.waitMs(this.#budget.clock.now()))
      return
    }
    for (const warming of this.#warming.splice(0)) warming.reject(error)
    if (!this.#workers.some((other) => !other.draining)) this.#failQueue(error)
  }

  #recycle(pooled: PooledWorker): void {
    const { recycleAfter } = this.limits
    if (pooled.worker.invocations < recycleAfter) return
    this.#replace(pooled, `it ran ${recycleAfter} requests`)
  }

  /** Drains a worker that has to be replaced, and starts another where requests wait. */
  #replace(pooled: PooledWorker, reason: string): void {
    if (pooled.draining) return
    this.#retire(pooled, this.limits.drainMs, reason)
    if (this.#queue.size > 0) this.scale()
  }

  #retire(pooled: PooledWorker, graceMs: number, reason: string): void {
    pooled.draining = true
    void pooled.worker.shutdown(graceMs, reason)
  }

  /** The pool is closed already. */
  #hurry(graceMs: number, reason: string): void {
    if (graceMs >= this.#graceMs) return
    this.#graceMs = graceMs
    for (const pooled of [...this.#workers]) {
      if (pooled.draining) this.#retire(pooled, graceMs, reason)
    }
  }

  #closeWorkers(): void {
    if (this.#queue.size > 0) return
    for (const pooled of [...this.#workers]) {
      const early = pooled.worker.state === 'starting' && pooled.inFlight > 0
      if (!pooled.draining && !early) this.#retire(pooled, this.#graceMs, this.#closedFor)
    }
    if (this.#workers.length > 0) return
    this.#budget.leave(this)
    this.#closed?.resolve()
  }

  #retryIn(ms: number): void {
    this.#stopRetry?.()
    this.#stopRetry = this.#budget.clock.after(ms, () => {
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

  #overloaded(why: string): FunctionError {
    const message = `Function '${this.spec.functionName}' is overloaded: ${why}. Try again later.`
    return new FunctionError('OVERLOADED', message, { retryAfter: 1 })
  }
}

/**
 * The course of one request through a pool: queued, then with a worker, then over. The worker passes
 * the response directly to the request's sink. The end comes here, because a request that a worker
 * lost may be dispatched again: always if the worker had read nothing of it; else once, if the request
 * may run twice and nothing of its response has left.
 */
export class Dispatch implements Completion {
  readonly pending: PendingRequest
  /** Since when it is in the queue (ms, performance.now()). */
  queuedAt = 0
  readonly #pool: Pool
  #pooled: PooledWorker | undefined
  #invocation: Invocation | undefined
  /** Workers that were ready and lost the request unread. The pool counts failed starts itself. */
  #unsent = 0
  /** Workers that lost the request after they had read it. */
  #losses = 0
  /** Of all its workers. */
  #cpuUs = 0
  #over = false
  #cancelled: string | undefined
  #disconnected = false

  constructor(pending: PendingRequest, pool: Pool) {
    this.pending = pending
    this.#pool = pool
  }

  /** A worker ended while it ran the request, which may be the request's fault. */
  get suspect(): boolean {
    return this.#losses > 0
  }

  /** Gives the request to a worker that is ready, or that takes one request while it starts. */
  send(pooled: PooledWorker, now: number): void {
    const { pending } = this
    this.#pooled = pooled
    const waitedMs = now - pending.arrivedAt
    const initMs = Math.min(
      waitedMs,
      Math.max(0, pooled.readyAt - Math.max(pending.arrivedAt, pooled.startedAt)),
    )
    const invocation = pooled.invoke(pending, this, this.suspect)
    this.#invocation = invocation
    const waited = { queueMs: waitedMs - initMs, initMs }
    pending.dispatched(invocation, pooled.open ? waited : { queueMs: waitedMs, initMs: 0 })
  }

  /** Stops the request. `done` follows: immediately if no worker has the request yet. */
  cancel(reason: string): void {
    if (this.#over || this.#cancelled !== undefined) return
    this.#cancelled = reason
    if (this.#invocation !== undefined) {
      this.#invocation.cancel(reason)
    } else if (this.#pooled === undefined) {
      this.#pool.withdraw(this)
      this.#finish()
    }
  }

  /** The client is gone. What a worker has begun goes on; a request that still waits is over. */
  disconnect(reason: string): void {
    if (this.#over || this.#disconnected || this.#cancelled !== undefined) return
    this.#disconnected = true
    if (this.#invocation !== undefined) {
      this.#invocation.disconnect(reason)
    } else if (this.#pooled === undefined) {
      this.#pool.withdraw(this)
      this.#finish()
    }
  }

  /** The request only waits for its client: whether it must give its place up. */
  claimPlace(): boolean {
    return this.#pooled !== undefined && this.#pool.claimPlace(this.#pooled)
  }

  /** Ends a request that no worker has. */
  refuse(error: FunctionError): void {
    if (this.#over) return
    this.pending.fail(error)
    this.#finish()
  }

  fail(error: FunctionError): void {
    this.pending.fail(error)
  }

  done({ cpuUs, loss, cut }: Ended): void {
    const pooled = this.#pooled
    const invocation = this.#invocation
    if (pooled === undefined) return
    this.#pooled = undefined
    this.#invocation = undefined
    this.#cpuUs += cpuUs
    pooled.release(invocation, this.suspect)
    if (loss === undefined || this.#cancelled !== undefined) this.#finish(cut)
    else if (this.#disconnected) this.#lostUnheard(loss)
    else this.#lost(loss, pooled)
    this.#pool.released(pooled)
  }

  #lost(loss: Loss, pooled: PooledWorker): void {
    const why = loss.unsent ? this.#againUnsent(pooled) : this.#againLost(pooled)
    if (why === undefined && this.#pool.requeue(this)) {
      this.pending.requeued()
      if (!loss.unsent) this.#pool.retried(this.pending.requestId, loss.error)
      return
    }
    this.pending.fail(loss.unsent ? this.#unread() : withReason(loss.error, why))
    this.#finish()
  }

  /** Nobody waits for the response, so nobody would get that of another worker. */
  #lostUnheard(loss: Loss): void {
    if (!loss.unsent) this.pending.fail(loss.error)
    this.#finish()
  }

  /** @returns why the request, which its worker had not read, is not sent again */
  #againUnsent(pooled: PooledWorker): string | undefined {
    if (pooled.readyAt < Number.POSITIVE_INFINITY) this.#unsent++
    if (this.#unsent < MAX_UNSENT) return this.pending.retryObstacle(false)
    return `${MAX_UNSENT} workers ended before they had read it`
  }

  /** @returns why the request, which its worker had read, is not tried again */
  #againLost(pooled: PooledWorker): string | undefined {
    if (this.suspect) pooled.endedWithSuspect = true
    this.#losses++
    if (this.#losses < MAX_LOSSES) return this.pending.retryObstacle(true)
    return `${MAX_LOSSES} workers ended while they ran it`
  }

  #finish(cut?: FunctionError): void {
    this.#over = true
    this.pending.done({ cpuUs: this.#cpuUs, loss: undefined, cut })
  }

  #unread(): FunctionError {
    const { functionName } = this.#pool.spec
    const message = `A worker of function '${functionName}' ended before the request reached it. Send the request again.`
    return new FunctionError('WORKER_CRASHED', message)
  }
}

/** The error of a worker that ended, for the request that it lost. */
function withReason(error: FunctionError, why: string | undefined): FunctionError {
  if (why === undefined) return error
  const message = `${error.message} The request was not tried again, because ${why}.`
  return new FunctionError(error.code, message, { cause: error })
}
