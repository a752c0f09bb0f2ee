/** What both runtimes share: a worker behind a channel that speaks the protocol. */
import type { Socket } from 'bun'
import type { Runtime } from '../../capabilities/runtime.ts'
import { FunctionError } from '../../errors.ts'
import type { Tickable } from '../../lib/ticker.ts'
import type { ProcessExit } from '../process/process-exit.ts'
import { Channel } from '../protocol/channel.ts'
import type { DoneMessage, ErrorMessage } from '../protocol/messages.ts'
import { cpuLifeMs } from '../protocol/start-message.ts'
import type { ChannelPeer } from '../protocol/worker-socket.ts'
import type * as border from '../worker.ts'
import type { CpuAllowance } from './cpu-budget.ts'
import { explainExit, explainLateness, SIGKILL, type Stage, tenantError } from './failures.ts'
import { Fetches } from './fetch-table.ts'
import type { InvocationOwner, RunningInvocation } from './invocation.ts'
import { DONE_GRACE_MS, InFlight } from './invocation-table.ts'
import { LogRelay } from './log-relay.ts'
import { type Announcement, Inbox, type InboxOwner } from './message-handler.ts'
import { Wear } from './recycle-policy.ts'
import { Start } from './start.ts'
import { Vigil } from './watchdog.ts'
import type { WorkerServices } from './worker-context.ts'

/** How a process ended is told on another road than its channel: so long the two are waited for. */
const EXIT_NEWS_MS = 1000
/** A worker without work is watched for so long, lest the timer start and stop with each request. */
const WATCH_IDLE_MS = 1000
/** What the host grants beyond the load time, which the worker should have noticed itself. */
const LOAD_GRACE_MS = 1000

/** So long a worker waits that asks on and on for what it does not get. */
const FLOOD_PAUSE_MS = 10

const NEVER = Number.POSITIVE_INFINITY

export abstract class ProtocolWorker<A extends Announcement>
  implements border.Worker, Tickable, InvocationOwner, InboxOwner<A>, ChannelPeer
{
  abstract readonly runtime: Runtime
  abstract readonly pid: number | undefined
  abstract readonly layers: readonly string[]
  readonly id: number
  readonly startedAt = new Date()
  readonly channel = new Channel()
  protected readonly spec: border.WorkerSpec
  protected readonly services: WorkerServices
  readonly flying: InFlight
  readonly fetches: Fetches
  readonly vigil: Vigil
  readonly logs: LogRelay
  protected abstract readonly cpu: CpuAllowance
  /** Its process reads what comes behind the start once it is ready. */
  protected readonly readsBehindStart: boolean = false
  readonly #events: border.WorkerEvents
  readonly inbox: Inbox<A>
  readonly #start: Start
  readonly #wear: Wear
  readonly #gone = Promise.withResolvers<void>()
  #state: border.WorkerState = 'starting'
  #stage: Stage = 'launching'
  #askedToGo = false
  #reported = false
  #retired = false
  #exit: ProcessExit | undefined
  /** By when this worker has to be ready, to be gone, or to have been explained. */
  #due: number
  #idleSince = 0
  #readyAt = NEVER

  constructor(
    id: number,
    spec: border.WorkerSpec,
    events: border.WorkerEvents,
    services: WorkerServices,
  ) {
    this.id = id
    this.spec = spec
    this.services = services
    this.#events = events
    this.logs = new LogRelay(events, spec)
    this.#wear = new Wear(spec.capabilities.maxCpu)
    this.fetches = new Fetches(this.channel, spec, services.egress, () =>
      this.inbox.pauseFor(FLOOD_PAUSE_MS),
    )
    this.flying = new InFlight(this, (message) => tenantError(spec, message))
    this.vigil = new Vigil(this.channel, this.flying, events)
    this.inbox = new Inbox<A>(this, this.channel)
    this.#due = performance.now() + services.processStartMs
    this.#start = new Start(spec, (error) => this.kill(error))
    services.ticker.add(this)
  }

  /** Is this line an announcement? Asked for the first line only. */
  abstract checkAnnouncement(value: unknown): A
  abstract announced(announcement: A): void
  /** Ends the process, where it still runs. */
  protected abstract terminate(): void

  get state(): border.WorkerState {
    return this.#state
  }

  get stage(): Stage {
    return this.#stage
  }

  get inFlight(): number {
    return this.flying.size
  }

  get invocations(): number {
    return this.flying.issued
  }

  get silent(): boolean {
    return this.vigil.silent
  }

  get takesEarly(): boolean {
    const first = this.#state === 'starting' && this.flying.issued === 0
    return this.readsBehindStart && first && this.#start.sent
  }

  invoke(
    request: border.InvocationRequest,
    sink: border.ResponseSink,
    completion: border.Completion,
  ): border.Invocation {
    if (this.#state !== 'ready' && !this.takesEarly)
      throw new FunctionError('INTERNAL', 'this worker takes no work')
    const invocation = this.flying.begin(request, sink, completion)
    if (!invocation.begin(request)) {
      this.flying.forget(invocation)
      queueMicrotask(() => invocation.refuse())
      return invocation
    }
    this.cpu.began(invocation.cpuMs)
    if (this.flying.size === 1) {
      this.vigil.heard(invocation.startedAt)
      this.services.ticker.add(this)
    }
    return invocation
  }

  shutdown(graceMs: number): Promise<void> {
    if (this.#state === 'starting') this.#finish(undefined)
    if (this.#state === 'ready') {
      this.#state = 'draining'
      this.#askedToGo = true
      this.channel.sendLine(`{"type":"shutdown","grace_ms":${Math.max(0, Math.round(graceMs))}}\n`)
    }
    if (this.#state === 'draining') {
      // Asked again, the shorter grace holds.
      const due = performance.now() + graceMs + DONE_GRACE_MS
      this.#due = this.#due === NEVER ? due : Math.min(this.#due, due)
      this.services.ticker.add(this)
    }
    return this.#gone.promise
  }

  kill(reason: FunctionError): void {
    this.#finish(reason)
  }

  watch(due: number): void {
    this.flying.watch(due)
  }

  /** Its channel is there. */
  attach(socket: Socket<unknown>): void {
    if (this.#reported) socket.terminate()
    else this.channel.attach(socket)
  }

  receive(data: Buffer): void {
    this.inbox.receive(data)
  }

  drain(): void {
    this.channel.drain()
  }

  /** Its channel was closed from the other side; why, the exit of the process tells. */
  disconnected(): void {
    if (this.#reported) return
    this.inbox.finish()
    if (this.#reported) return
    this.channel.close()
    this.#state = 'gone'
    if (this.#exit !== undefined) this.#explainEnd()
    else this.#awaitEnd()
  }

  /** The process ended. What it wrote before may still be on its way. */
  processEnded(exit: ProcessExit): void {
    if (this.#reported || this.#exit !== undefined) return
    const oom = exit.signal === SIGKILL && this.services.oomKills.explains()
    this.#exit = { ...exit, oom }
    if (this.channel.closed) this.#explainEnd()
    else this.#awaitEnd()
  }

  loaded(initUs: number): void {
    this.#stage = 'serving'
    this.#state = 'ready'
    this.#due = NEVER
    this.#readyAt = performance.now()
    this.#idleSince = this.#readyAt
    this.flying.loaded(this.#readyAt)
    this.#events.ready(initUs)
  }

  loadFailed(message: ErrorMessage): void {
    this.#finish(tenantError(this.spec, message))
  }

  invocationDone(invocation: RunningInvocation, message: DoneMessage): void {
    this.cpu.ended(invocation.cpuMs)
    const reason = this.#wear.add(message.cpu_us, message.heap_bytes)
    if (reason !== undefined) this.retire(reason)
  }

  /** What it waited for may never come: a promise of a request that was cut off, kept in a global. */
  overdue(): void {
    this.retire('a request passed its deadline')
  }

  retire(reason: string): void {
    if (this.#retired) return
    this.#retired = true
    this.#events.retire(reason)
  }

  broke(error: FunctionError): void {
    this.services.log('error', `worker ${this.id}: ${error.message}`)
    this.#finish(error)
  }

  /** Gives the process its bundle. */
  protected sendStart(worker: number): void {
    if (this.#state === 'starting') this.#start.send(this.channel, worker, this.services)
  }

  /** The process takes the bundle. */
  protected beginLoading(): void {
    this.#stage = 'loading'
    this.#due = performance.now() + this.services.loadMs + LOAD_GRACE_MS
  }

  /** Ends it for what an invocation did: that one gets `error`, its neighbours WORKER_CRASHED. */
  protected endFor(error: FunctionError, guilty: RunningInvocation | undefined): void {
    if (this.#stage === 'serving') this.#finish(error, guilty)
    else this.#finish(new FunctionError('BUNDLE_LOAD_ERROR', error.message, { cause: error }))
  }

  tick(now: number, late: boolean): boolean {
    if (this.#reported) return false
    const stuck = this.flying.stuck(now)
    if (now >= this.#due) this.#overdue()
    // While it loads its bundle it reads nothing, and what was sent ahead is for later.
    const serves = this.#stage === 'serving'
    const owes = stuck && now >= this.#readyAt + DONE_GRACE_MS
    const why = late || this.#reported ? undefined : this.vigil.look(now, serves, owes)
    if (why !== undefined) {
      this.#finish(new FunctionError('WORKER_CRASHED', `the worker was killed: ${why}`))
    }
    if (this.#reported) return false
    this.logs.report(now)
    if (this.#state !== 'starting') this.cpu.sync(now)
    return this.#needsWatch(now)
  }

  #overdue(): void {
    if (this.channel.closed || this.#exit !== undefined) this.#explainEnd()
    else if (this.#state === 'draining') this.#leave()
    else this.#finish(explainLateness(this.#stage))
  }

  #needsWatch(now: number): boolean {
    if (this.#due !== NEVER) return true
    if (this.flying.size > 0) this.#idleSince = now
    return now - this.#idleSince < WATCH_IDLE_MS || !this.cpu.settled || this.logs.owes
  }

  #awaitEnd(): void {
    this.#due = performance.now() + EXIT_NEWS_MS
    this.services.ticker.add(this)
  }

  #explainEnd(): void {
    const lifeMs = cpuLifeMs(this.spec.capabilities.maxCpu)
    const why = explainExit(this.#exit, lifeMs, this.#stage)
    if (this.#askedToGo && this.#exit?.status === 0 && this.#exit.signal === 0) this.#leave()
    else this.#finish(why, this.flying.guilty(why.code, performance.now()))
  }

  /** It was asked to go; what it did not finish by now will not be finished. */
  #leave(): void {
    this.#finish(new FunctionError('SHUTTING_DOWN', 'the function was not done when it had to end'))
  }

  /** The end of it, once: everybody who waits for it is answered. */
  #finish(error: FunctionError | undefined, guilty?: RunningInvocation): void {
    if (this.#reported) return
    this.#reported = true
    this.#state = 'gone'
    this.inbox.stop()
    const left = error ?? new FunctionError('WORKER_CRASHED', 'the worker went away')
    const ours = left.code === 'WORKER_START_FAILED' || left.code === 'WORKER_CRASHED'
    this.flying.abandonAll(left, { guilty, unbegun: ours && this.#stage !== 'serving' })
    this.logs.close()
    this.channel.close()
    this.terminate()
    this.#events.exit(this.#askedToGo && error?.code === 'SHUTTING_DOWN' ? undefined : error)
    this.#gone.resolve()
  }
}
