/**
 * The life cycle of one worker, whatever its runtime: it starts, loads its bundle, serves invocations
 * over its channel, drains and ends. Each subclass makes the process in its own way.
 */
import type { Socket } from 'bun'
import type { Runtime } from '../../capabilities/runtime.ts'
import { FunctionError } from '../../errors.ts'
import type { Tickable } from '../../lib/ticker.ts'
import { Masker } from '../../secrets/masker.ts'
import type { ProcessExit } from '../process/process-exit.ts'
import { Channel } from '../protocol/channel.ts'
import { encodeLine } from '../protocol/encode.ts'
import {
  type BackgroundMessage,
  type BodyMessage,
  type DoneMessage,
  type ErrorMessage,
  type FetchId,
  ProtocolBreach,
  type WorkerMessage,
} from '../protocol/messages.ts'
import { cpuLifeMs } from '../protocol/start-message.ts'
import type { ChannelPeer } from '../protocol/worker-socket.ts'
import type * as border from '../worker.ts'
import { BackgroundBudget } from './background-budget.ts'
import type { CpuBudget } from './cpu-budget.ts'
import {
  explainExit,
  explainLateness,
  SIGKILL,
  type Stage,
  tenantError,
  WORKER_ENDED,
} from './failures.ts'
import { FetchTable } from './fetch-table.ts'
import type { InvocationOwner, RunningInvocation } from './invocation.ts'
import { DONE_GRACE_MS, type InvocationMessage, InvocationTable } from './invocation-table.ts'
import { LogRelay } from './log-relay.ts'
import { type Announcement, MessageReader, type MessageReaderOwner } from './message-reader.ts'
import { RecyclePolicy } from './recycle-policy.ts'
import { Start } from './start.ts'
import { UseMeter } from './use-meter.ts'
import { Watchdog } from './watchdog.ts'
import type { WorkerContext } from './worker-context.ts'

/** Exit status and end of the channel arrive independently; after one, the other is awaited this long, ms. */
const EXIT_REPORT_MS = 1000
/** A worker without work is watched this long, ms, so that the timer does not start and stop with each request. */
const WATCH_IDLE_MS = 1000
/** Time beyond the load time, ms. The worker should have stopped the load itself by then. */
const LOAD_GRACE_MS = 1000
/** Reading pauses this long, ms, when a worker keeps requesting fetches beyond its quota. */
const FLOOD_PAUSE_MS = 10

const NEVER = Number.POSITIVE_INFINITY

export abstract class ProtocolWorker<A extends Announcement>
  implements border.Worker, Tickable, InvocationOwner, MessageReaderOwner<A>, ChannelPeer
{
  abstract readonly runtime: Runtime
  abstract readonly pid: number | undefined
  abstract readonly layers: readonly string[]
  readonly id: number
  readonly startedAt = new Date()
  readonly channel = new Channel()
  protected readonly spec: border.WorkerSpec
  protected readonly context: WorkerContext
  readonly fetches: FetchTable
  protected readonly invocationTable: InvocationTable
  protected readonly logs: LogRelay
  protected readonly reader: MessageReader<A>
  protected abstract readonly cpu: CpuBudget
  /** The process keeps what is sent after `start`, and reads it when it is ready. */
  protected readonly readsBehindStart: boolean = false
  readonly #events: border.WorkerEvents
  readonly #masker: Masker | undefined
  readonly #watchdog: Watchdog
  readonly #start: Start
  readonly #recyclePolicy: RecyclePolicy
  readonly #background: BackgroundBudget
  /** Undefined where nobody counts. */
  readonly #use: UseMeter | undefined
  readonly #gone = Promise.withResolvers<void>()
  #state: border.WorkerState = 'starting'
  #stage: Stage = 'launching'
  #askedToGo = false
  #reported = false
  #retired = false
  #exit: ProcessExit | undefined
  /** CPU time of the invocations that are done. */
  #doneCpuUs = 0
  /** By this time the worker has to be ready, to be gone, or to have its end explained. */
  #due: number
  #idleSince = 0
  #readyAt = NEVER

  constructor(
    id: number,
    spec: border.WorkerSpec,
    events: border.WorkerEvents,
    context: WorkerContext,
  ) {
    this.id = id
    this.spec = spec
    this.context = context
    this.#events = events
    this.#masker = Masker.of(spec.secrets)
    this.logs = new LogRelay(events, spec, this.#masker)
    this.#use = spec.meter === undefined ? undefined : new UseMeter(spec)
    const { maxCpu } = spec.capabilities
    this.#recyclePolicy = new RecyclePolicy(maxCpu)
    const { backgroundCpuPercent } = context
    this.#background = new BackgroundBudget(maxCpu, backgroundCpuPercent, performance.now())
    const onFlood = () => this.reader.pauseFor(FLOOD_PAUSE_MS)
    const { egress, backgroundMs } = context
    this.fetches = new FetchTable(this.channel, spec, egress, onFlood, backgroundMs)
    this.invocationTable = new InvocationTable(this, (message) =>
      tenantError(spec, message, this.#masker),
    )
    this.#watchdog = new Watchdog(this.channel, this.invocationTable, events)
    this.reader = new MessageReader<A>(this, this.channel)
    this.#due = performance.now() + context.processStartMs
    this.#start = new Start(spec, (error) => this.kill(error))
    context.ticker.add(this)
  }

  /** Validates the first line on the channel. @throws {ProtocolBreach} */
  abstract validateAnnouncement(value: unknown): A
  abstract announced(announcement: A): void
  /** Ends the process if it still runs. */
  protected abstract terminate(): void

  get state(): border.WorkerState {
    return this.#state
  }

  get stage(): Stage {
    return this.#stage
  }

  get inFlight(): number {
    return this.invocationTable.size
  }

  get invocations(): number {
    return this.invocationTable.issued
  }

  get silent(): boolean {
    return this.#watchdog.silent
  }

  get takesEarly(): boolean {
    const first = this.#state === 'starting' && this.invocationTable.issued === 0
    return this.readsBehindStart && first && this.#start.sent
  }

  invoke(
    request: border.InvocationRequest,
    sink: border.ResponseSink,
    completion: border.Completion,
  ): border.Invocation {
    if (this.#state !== 'ready' && !this.takesEarly)
      throw new FunctionError(
        'INTERNAL',
        'Internal error: a request was sent to a worker that is not ready.',
      )
    const invocation = this.invocationTable.begin(request, sink, completion)
    if (!invocation.begin(request)) {
      this.invocationTable.forget(invocation)
      queueMicrotask(() => invocation.refuse())
      return invocation
    }
    this.cpu.began(invocation.cpuMs)
    if (this.invocationTable.size === 1) {
      this.#use?.busy(invocation.startedAt)
      this.#watchdog.heard(invocation.startedAt)
      this.context.ticker.add(this)
    }
    return invocation
  }

  shutdown(graceMs: number, reason: string): Promise<void> {
    if (this.#state === 'starting') this.#finish(undefined)
    if (this.#state === 'ready') {
      this.#state = 'draining'
      this.#askedToGo = true
    }
    if (this.#state === 'draining') {
      const grace_ms = Math.max(0, Math.round(graceMs))
      this.channel.sendLine(encodeLine({ type: 'shutdown', grace_ms, reason }))
      const due = performance.now() + graceMs + DONE_GRACE_MS
      this.#due = this.#due === NEVER ? due : Math.min(this.#due, due)
      this.context.ticker.add(this)
    }
    return this.#gone.promise
  }

  kill(reason: FunctionError): void {
    this.#finish(reason)
  }

  watch(due: number): void {
    this.invocationTable.watch(due)
  }

  /** Gives the worker its channel. */
  attach(socket: Socket<unknown>): void {
    if (this.#reported) socket.terminate()
    else this.channel.attach(socket)
  }

  receive(data: Buffer): void {
    this.#watchdog.heard(performance.now())
    this.reader.receive(data)
  }

  drain(): void {
    this.channel.drain()
  }

  /** The process closed the channel. The reason is in the exit status of the process. */
  disconnected(): void {
    if (this.#reported) return
    this.reader.finish()
    if (this.#reported) return
    this.channel.close()
    this.#state = 'gone'
    if (this.#exit !== undefined) this.#explainEnd()
    else this.#awaitEnd()
  }

  /** The process ended. What it wrote before that may not have been read yet. */
  processEnded(exit: ProcessExit): void {
    this.#use?.exited(exit.cpuUs)
    if (this.#reported || this.#exit !== undefined) return
    const killed = exit.signal === SIGKILL && this.context.resources.memoryKill(this, this.spec)
    this.#exit = killed ? { ...exit, memoryKill: killed } : exit
    if (this.channel.closed) this.#explainEnd()
    else this.#awaitEnd()
  }

  onMessage(message: WorkerMessage, payload: Buffer | undefined): void {
    const invocations = this.invocationTable
    switch (message.type) {
      case 'response':
        invocations.dispatch(message, payload)
        return
      case 'chunk':
      case 'end':
      case 'credit':
      case 'cancel':
        if (typeof message.id === 'string') {
          this.fetches.dispatch(message as BodyMessage & { id: FetchId }, payload)
        } else {
          invocations.dispatch(message as InvocationMessage, payload)
        }
        return
      case 'fetch':
        this.fetches.begin(
          message,
          payload,
          invocations.fetchedBy(message.invocation),
          this.#paused(performance.now()),
        )
        return
      case 'done': {
        const ended = invocations.dispatch(message, payload)
        if (ended !== undefined) this.#onDone(ended, message)
        return
      }
      case 'log':
        if (message.id !== undefined) invocations.knows(message.id)
        this.logs.pass(message.id, message.level, message.message, performance.now())
        return
      case 'background':
        this.#onBackground(message)
        return
      case 'logs-dropped':
        this.logs.dropped(message.count)
        return
      case 'pong':
        this.#watchdog.pong(message.n)
        return
      case 'error':
        this.#onError(message)
        return
      case 'ready':
        if (this.#stage !== 'loading') throw new ProtocolBreach('ready at the wrong time')
        this.#onReady(message.init_us)
    }
  }

  onBreach(error: FunctionError): void {
    const { functionName, version } = this.spec
    const whose = `function '${functionName}', version '${version}', worker ${this.id}`
    this.context.log('error', `${whose}: ${error.message}`)
    this.#finish(error)
  }

  /**
   * An invocation was cancelled after its deadline. What it waits for may never happen, as a promise
   * of a request that was cut off, kept in a global: a new worker does not have it.
   */
  overdue(): void {
    this.retire('a request passed its deadline')
  }

  /** @param reason after 'because' */
  protected retire(reason: string): void {
    if (this.#retired) return
    this.#retired = true
    this.#events.retire(reason)
  }

  /** Sends the process its bundle. */
  protected sendStart(worker: number): void {
    if (this.#state === 'starting') this.#start.send(this.channel, worker, this.context)
  }

  /** The process reads its bundle now. */
  protected beginLoading(): void {
    this.#stage = 'loading'
    this.#due = performance.now() + this.context.loadMs + LOAD_GRACE_MS
  }

  /** Ends the worker for what one invocation did: that one gets `error`, the others WORKER_CRASHED. */
  protected endFor(error: FunctionError, guilty: RunningInvocation | undefined): void {
    if (this.#stage === 'serving') this.#finish(error, guilty)
    else this.#finish(new FunctionError('BUNDLE_LOAD_ERROR', error.message, { cause: error }))
  }

  tick(now: number, late: boolean): boolean {
    if (this.#reported) return false
    const stuck = this.invocationTable.stuck(now)
    if (now >= this.#due) this.#pastDue()
    // A worker reads nothing while it loads its bundle; an invocation sent early waits.
    const serves = this.#stage === 'serving'
    const owes = stuck && now >= this.#readyAt + DONE_GRACE_MS
    const why = late || this.#reported ? undefined : this.#watchdog.look(now, serves, owes)
    if (why !== undefined) {
      this.#finish(new FunctionError('WORKER_CRASHED', `The worker was killed: ${why}.`))
    }
    if (this.#reported) return false
    this.logs.report(now)
    if (this.fetches.leftOpen && this.#paused(now)) this.fetches.pause()
    if (this.#state !== 'starting') this.cpu.sync(now)
    const watch = this.#needsWatch(now)
    if (watch) this.#use?.look(now, this.pid)
    else this.#use?.measure(now, this.pid)
    return watch
  }

  #onReady(initUs: number): void {
    this.#stage = 'serving'
    this.#state = 'ready'
    this.#due = NEVER
    this.#readyAt = performance.now()
    this.#idleSince = this.#readyAt
    this.invocationTable.loaded(this.#readyAt)
    this.#events.ready(initUs)
  }

  #onDone(invocation: RunningInvocation, message: DoneMessage): void {
    this.cpu.ended(invocation.cpuMs)
    this.#doneCpuUs += message.cpu_us
    const reason = this.#recyclePolicy.add(message.cpu_us, message.heap_bytes)
    if (reason !== undefined) this.retire(reason)
    if (this.invocationTable.size > 0) return
    this.#idleSince = performance.now()
    this.#use?.idle(this.#idleSince)
  }

  #onBackground(message: BackgroundMessage): void {
    if (this.#stage !== 'serving') throw new ProtocolBreach('background work before it was ready')
    // Beyond its bucket the worker is given no more, and is killed when its slack is used up.
    if (this.#background.take(message.cpu_us / 1000, performance.now())) {
      this.cpu.renew()
      this.context.ticker.add(this)
    }
    this.#doneCpuUs += message.cpu_us
    const reason = this.#recyclePolicy.addBackground(message.cpu_us)
    if (reason !== undefined) this.retire(reason)
    if (message.ended) this.retire('work that a request left behind was ended')
  }

  /** Of an invocation, or, without an id, of the bundle that did not load. */
  #onError(message: ErrorMessage): void {
    const { id } = message
    if (id === undefined) {
      if (this.#stage !== 'loading') throw new ProtocolBreach('an error without an invocation')
      this.#finish(tenantError(this.spec, message, this.#masker))
      return
    }
    if (this.#stage !== 'serving') throw new ProtocolBreach('an answer before it was ready')
    this.invocationTable.dispatch({ ...message, id }, undefined)
    if (message.code === 'MEMORY_LIMIT') this.retire('it reached its memory limit')
    if (message.code === 'TIMEOUT') this.retire('a request passed its deadline')
  }

  #pastDue(): void {
    if (this.channel.closed || this.#exit !== undefined) this.#explainEnd()
    else if (this.#state === 'draining') this.#leave()
    else this.#finish(explainLateness(this.#stage))
  }

  #needsWatch(now: number): boolean {
    if (this.#due !== NEVER) return true
    if (this.invocationTable.size > 0 || now - this.#idleSince < WATCH_IDLE_MS) return true
    return !this.cpu.settled || this.logs.unreported || this.fetches.leftOpen
  }

  /** No request has run for so long that background work is paused. */
  #paused(now: number): boolean {
    return this.invocationTable.size === 0 && now - this.#idleSince >= this.context.backgroundMs
  }

  #awaitEnd(): void {
    this.#due = performance.now() + EXIT_REPORT_MS
    this.context.ticker.add(this)
  }

  #explainEnd(): void {
    const lifeMs = cpuLifeMs(this.spec.capabilities.maxCpu)
    const why = explainExit(this.#exit, lifeMs, this.#stage)
    if (this.#askedToGo && this.#exit?.status === 0 && this.#exit.signal === 0) this.#leave()
    else {
      const guilty = this.invocationTable.guilty(why.code, performance.now())
      const killed = this.#exit?.memoryKill
      this.#finish(why, guilty, killed !== undefined && killed.limitBytes === undefined)
    }
  }

  /** The worker was asked to shut down, and its grace is over. */
  #leave(): void {
    this.#finish(
      new FunctionError(
        'SHUTTING_DOWN',
        'The worker was shut down before the invocation ended, because its version was replaced or the service stops. Send the request again.',
      ),
    )
  }

  /** No request gets the error of a worker that ends between two of them. */
  #logIdleEnd(error: FunctionError | undefined): void {
    const left = this.#askedToGo && this.#exit?.status === 0 && this.#exit.signal === 0
    if (error === undefined || left) return
    const why = this.#askedToGo ? 'It was asked to end, and did not in time.' : error.message
    const message = `This worker was ended between two requests, with all that they left behind. ${why}`
    this.#events.log({ invocation: undefined, level: 'warn', message })
  }

  /**
   * Ends the worker, once. Every invocation and everybody who waits for the worker gets an answer.
   *
   * @param suspected the guilty invocation may be innocent: the kernel had no memory left
   */
  #finish(error: FunctionError | undefined, guilty?: RunningInvocation, suspected = false): void {
    if (this.#reported) return
    this.#reported = true
    this.#state = 'gone'
    this.reader.stop()
    const now = performance.now()
    this.#use?.measure(now, this.#exit === undefined ? this.pid : undefined)
    this.#use?.idle(now)
    const cause = error ?? new FunctionError('WORKER_CRASHED', WORKER_ENDED)
    const crashed = cause.code === 'WORKER_START_FAILED' || cause.code === 'WORKER_CRASHED'
    const unbegun = crashed && this.#stage !== 'serving'
    const cpuUs = Math.max(0, (this.#exit?.cpuUs ?? 0) - this.#doneCpuUs)
    if (this.invocationTable.size === 0 && this.#stage === 'serving') this.#logIdleEnd(error)
    this.invocationTable.abandonAll(cause, { guilty, suspected, unbegun, cpuUs })
    this.fetches.close()
    this.logs.close()
    this.channel.close()
    this.terminate()
    this.#events.exit(this.#askedToGo && error?.code === 'SHUTTING_DOWN' ? undefined : error)
    this.#gone.resolve()
  }
}
