/** What both runtimes share: a worker behind a channel that speaks the protocol. */
import type { Socket } from 'bun'
import { FunctionError } from '../errors.ts'
import { Channel } from './channel.ts'
import { checkWorkerMessage, workerPayloadBytes } from './check.ts'
import type { CpuAllowance } from './cpu-allowance.ts'
import { explainExit, type ProcessExit, tenantError } from './failures.ts'
import { FrameDecoder, type FrameReader } from './frame-decoder.ts'
import { DONE_GRACE_MS, InFlight } from './in-flight.ts'
import type { InvocationOwner, RunningInvocation } from './invocation.ts'
import { Liveness } from './liveness.ts'
import { LogRelay } from './log-relay.ts'
import { ProtocolBreach, type WorkerMessage } from './messages.ts'
import type { WorkerServices } from './services.ts'
import { cpuLifeMs, encodeStart } from './start-message.ts'
import type { Swept } from './sweeper.ts'
import { Wear } from './wear.ts'
import type * as border from './worker.ts'

/** A worker that leaves so much unread for so long is killed. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024
const MAX_UNREAD_MS = 5000
/** How a process ended is told on another road than its channel: so long the two are waited for. */
const EXIT_NEWS_MS = 1000
/** A worker without work is watched for so long, lest the timer start and stop with each request. */
const WATCH_IDLE_MS = 1000
/** What the host grants beyond the load time, which the worker should have noticed itself. */
const LOAD_GRACE_MS = 1000

const NEVER = Number.POSITIVE_INFINITY

/** A line on the channel that is not the worker's: who made the process announces it. */
export interface Announcement {
  type: 'accepted' | 'launched' | 'launch-failed'
}

export abstract class ProtocolWorker<A extends Announcement>
  implements border.Worker, Swept, InvocationOwner, FrameReader<WorkerMessage | A>
{
  abstract readonly runtime: border.Runtime
  abstract readonly pid: number | undefined
  abstract readonly layers: readonly string[]
  readonly id: number
  readonly startedAt = new Date()
  readonly channel = new Channel()
  protected readonly spec: border.WorkerSpec
  protected readonly services: WorkerServices
  protected readonly flying: InFlight
  protected abstract readonly cpu: CpuAllowance
  readonly #events: border.WorkerEvents
  readonly #decoder: FrameDecoder<WorkerMessage | A>
  readonly #bundle: Promise<Uint8Array>
  readonly #liveness = new Liveness()
  readonly #logs: LogRelay
  readonly #wear: Wear
  readonly #gone = Promise.withResolvers<void>()
  #state: border.WorkerState = 'starting'
  #announced = false
  #startSent = false
  #askedToGo = false
  #reported = false
  #retired = false
  #exit: ProcessExit | undefined
  /** By when this worker has to be ready, to be gone, or to have been explained. */
  #due: number
  #idleSince = 0
  #unreadSince = 0

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
    this.#logs = new LogRelay(events)
    this.#wear = new Wear(spec.capabilities.maxCpu)
    this.flying = new InFlight(this, (message) => tenantError(spec, message))
    this.#decoder = new FrameDecoder<WorkerMessage | A>(this)
    this.#due = performance.now() + services.processStartMs
    this.#bundle = spec.loadBundle()
    this.#bundle.catch((cause) => this.kill(asFunctionError(cause)))
    services.sweeper.add(this)
  }

  /** Is this line an announcement? Asked for the first line only. */
  protected abstract checkAnnouncement(value: unknown): A
  protected abstract announced(announcement: A): void
  /** Ends the process, where it still runs. */
  protected abstract terminate(): void

  get state(): border.WorkerState {
    return this.#state
  }

  get inFlight(): number {
    return this.flying.size
  }

  get invocations(): number {
    return this.flying.issued
  }

  get silent(): boolean {
    return this.#liveness.silent
  }

  invoke(request: border.InvocationRequest, sink: border.InvocationSink): border.Invocation {
    if (this.#state !== 'ready') throw new FunctionError('INTERNAL', 'this worker takes no work')
    const invocation = this.flying.begin(request, sink)
    if (!invocation.begin(request)) {
      this.flying.forget(invocation)
      queueMicrotask(() => refuseHeaders(sink))
      return invocation
    }
    this.cpu.began(invocation.cpuMs)
    if (this.flying.size === 1) this.#workBegan(invocation.startedAt)
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
      this.services.sweeper.add(this)
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

  /** Something came on its channel. */
  received(data: Buffer): void {
    this.#liveness.heard(performance.now())
    try {
      this.#decoder.push(data)
    } catch (cause) {
      if (cause instanceof ProtocolBreach) {
        this.kill(new FunctionError('WORKER_PROTOCOL', `protocol breach: ${cause.message}`))
        return
      }
      this.services.log('error', `a message of worker ${this.id} failed here: ${cause}`)
      this.kill(new FunctionError('INTERNAL', 'a message of the worker failed', { cause }))
    }
  }

  /** Its channel was closed from the other side; why, the exit of the process tells. */
  disconnected(): void {
    if (this.#reported) return
    this.channel.close()
    this.#state = 'gone'
    if (this.#exit !== undefined) this.#explainEnd()
    else this.#awaitEnd()
  }

  /** The process ended. What it wrote before may still be on its way. */
  processEnded(exit: ProcessExit): void {
    if (this.#reported || this.#exit !== undefined) return
    this.#exit = exit
    if (this.channel.closed) this.#explainEnd()
    else this.#awaitEnd()
  }

  check(value: unknown): WorkerMessage | A {
    // The launcher may fail yet after it said that it launched.
    const early = this.#state === 'starting' && !this.#startSent
    const failed = early && (value as Partial<Announcement> | null)?.type === 'launch-failed'
    if (this.#announced && !failed) return checkWorkerMessage(value)
    return this.checkAnnouncement(value)
  }

  payloadBytes(message: WorkerMessage | A): number {
    return workerPayloadBytes(message as WorkerMessage)
  }

  deliver(message: WorkerMessage | A, payload: Buffer | undefined): void {
    switch (message.type) {
      case 'response':
      case 'done':
      case 'chunk':
      case 'end':
      case 'credit':
      case 'cancel': {
        const ended = this.flying.dispatch(message, payload, performance.now())
        if (message.type === 'done' && ended !== undefined) {
          this.#ended(ended, message.cpu_us, message.heap_bytes)
        }
        return
      }
      case 'log':
        if (message.id !== undefined) this.flying.knows(message.id)
        this.#logs.pass(message.id, message.level, message.message, performance.now())
        return
      case 'pong':
        this.#pong(message.n)
        return
      case 'error':
        if (message.id === undefined) this.#loadFailed(tenantError(this.spec, message))
        else this.#invocationFailed(message as typeof message & { id: number })
        return
      case 'ready':
        this.#ready(message.init_us)
        return
      default:
        this.#announced = true
        this.announced(message)
    }
  }

  /** Gives the process its bundle, once it is there to take it. */
  protected async sendStart(worker: number): Promise<void> {
    try {
      const bundle = await this.#bundle
      if (this.#state !== 'starting') return
      const { line, bytes } = encodeStart(this.spec, worker, this.services, bundle)
      this.#startSent = true
      this.#due = performance.now() + this.services.loadMs + LOAD_GRACE_MS
      this.channel.sendLine(line)
      for (const part of bytes) this.channel.sendBytes(part)
    } catch (cause) {
      this.kill(asFunctionError(cause))
    }
  }

  /** Something printed by the process itself, past its console. */
  protected printed(message: string): void {
    this.#logs.pass(undefined, 'info', message, performance.now())
  }

  /** Ends it for what an invocation did: that one gets `error`, its neighbours WORKER_CRASHED. */
  protected endFor(error: FunctionError, guilty: RunningInvocation | undefined): void {
    this.#finish(error, guilty)
  }

  sweep(now: number, late: boolean): boolean {
    if (this.#reported) return false
    const stuck = this.flying.expire(now, (id) => this.#backgroundOverrun(id, now))
    if (now >= this.#due) this.#overdue()
    if (!this.#reported && this.flying.size > 0 && !late) this.#checkLife(now, stuck)
    if (this.#reported) return false
    this.#checkUnread(now)
    this.#logs.report(now)
    if (this.#state !== 'starting') this.cpu.sync(now)
    return this.#needsWatch(now)
  }

  #workBegan(now: number): void {
    this.#liveness.heard(now)
    this.services.sweeper.add(this)
  }

  #ready(initUs: number): void {
    if (this.#state !== 'starting' || !this.#startSent) throw new ProtocolBreach('ready unasked')
    this.#state = 'ready'
    this.#due = NEVER
    this.#idleSince = performance.now()
    this.#events.ready(initUs)
  }

  #loadFailed(error: FunctionError): void {
    if (this.#state !== 'starting' || !this.#startSent) {
      throw new ProtocolBreach('an error of the bundle after it was loaded')
    }
    this.#finish(error)
  }

  #invocationFailed(message: Parameters<InFlight['dispatch']>[0]): void {
    this.flying.dispatch(message, undefined, performance.now())
    if (message.type === 'error' && message.code === 'MEMORY_LIMIT') {
      this.#retire('it met its memory limit')
    }
  }

  #ended(invocation: RunningInvocation, cpuUs: number, heapBytes: number): void {
    this.cpu.ended(invocation.cpuMs)
    const reason = this.#wear.add(cpuUs, heapBytes)
    if (reason !== undefined) this.#retire(reason)
  }

  #retire(reason: string): void {
    if (this.#retired) return
    this.#retired = true
    this.#events.retire(reason)
  }

  #pong(n: number): void {
    const was = this.#liveness.silent
    if (!this.#liveness.answered(n)) throw new ProtocolBreach('a pong unasked')
    if (was) this.#events.silent(false)
  }

  #backgroundOverrun(id: number, now: number): void {
    this.#logs.pass(id, 'warn', 'waitUntil did not settle within 30 s and was cancelled', now)
  }

  #checkLife(now: number, stuck: boolean): void {
    const ping = this.#liveness.due(now)
    if (ping > 0) this.channel.sendLine(`{"type":"ping","n":${ping}}\n`)
    if (this.#liveness.judge(now)) this.#events.silent(true)
    const stopped = this.#liveness.silent ? now >= this.flying.latestDue() + DONE_GRACE_MS : stuck
    if (!stopped) return
    const what = this.#liveness.silent ? 'its event loop is blocked' : 'it does not stop'
    this.#finish(new FunctionError('WORKER_CRASHED', `the worker was killed: ${what}`))
  }

  #checkUnread(now: number): void {
    if (this.channel.pendingBytes < MAX_UNREAD_BYTES) this.#unreadSince = 0
    else if (this.#unreadSince === 0) this.#unreadSince = now
    else if (now - this.#unreadSince > MAX_UNREAD_MS) {
      this.kill(new FunctionError('WORKER_CRASHED', 'the worker was killed: it does not read'))
    }
  }

  #overdue(): void {
    if (this.channel.closed || this.#exit !== undefined) {
      this.#explainEnd()
      return
    }
    if (this.#state === 'draining') {
      const error = new FunctionError(
        'SHUTTING_DOWN',
        'the function was not done when it had to end',
      )
      this.#finish(error, undefined)
      return
    }
    const error = this.#startSent
      ? new FunctionError('BUNDLE_LOAD_ERROR', 'the bundle did not load in time')
      : new FunctionError('WORKER_START_FAILED', 'the worker process did not start in time')
    this.#finish(error)
  }

  #needsWatch(now: number): boolean {
    if (this.#due !== NEVER) return true
    if (this.flying.size > 0) this.#idleSince = now
    return now - this.#idleSince < WATCH_IDLE_MS || !this.cpu.settled || this.#logs.owes
  }

  #awaitEnd(): void {
    this.#due = performance.now() + EXIT_NEWS_MS
    this.services.sweeper.add(this)
  }

  #explainEnd(): void {
    const why = explainExit(this.#exit, cpuLifeMs(this.spec.capabilities.maxCpu))
    if (this.#startSent && this.#idleSince === 0) {
      const what = `${why.message} while it loaded the bundle`
      this.#finish(new FunctionError('BUNDLE_LOAD_ERROR', what, { cause: why }))
    } else if (this.#idleSince === 0) {
      this.#finish(new FunctionError('WORKER_START_FAILED', why.message, { cause: why }))
    } else if (this.#askedToGo && this.flying.size === 0) this.#finish(undefined)
    else if (why.code === 'CPU_LIMIT') this.#finish(why, this.flying.overCpu(performance.now()))
    else if (why.code === 'MEMORY_LIMIT') this.#finish(why, this.flying.newest())
    else this.#finish(why)
  }

  /** The end of it, once: everybody who waits for it is answered. */
  #finish(error: FunctionError | undefined, guilty?: RunningInvocation): void {
    if (this.#reported) return
    this.#reported = true
    this.#state = 'gone'
    this.#decoder.stop()
    const left = error ?? new FunctionError('WORKER_CRASHED', 'the worker went away')
    this.flying.abandonAll(left, guilty)
    this.#logs.close()
    this.channel.close()
    this.terminate()
    this.#events.exit(this.#askedToGo && error?.code === 'SHUTTING_DOWN' ? undefined : error)
    this.#gone.resolve()
  }
}

function asFunctionError(cause: unknown): FunctionError {
  if (cause instanceof FunctionError) return cause
  return new FunctionError('WORKER_START_FAILED', 'the worker could not be started', { cause })
}

function refuseHeaders(sink: border.InvocationSink): void {
  sink.fail(new FunctionError('HEADERS_TOO_LARGE', 'the request headers do not fit a message'))
  sink.done({ cpuUs: 0, unsent: false })
}

/** The handlers of every worker's channel: its socket carries the worker itself. */
export const workerSocket = {
  data(socket: Socket<ProtocolWorker<Announcement>>, data: Buffer): void {
    socket.data.received(data)
  },
  drain(socket: Socket<ProtocolWorker<Announcement>>): void {
    socket.data.channel.drain()
  },
  close(socket: Socket<ProtocolWorker<Announcement>>): void {
    socket.data.disconnected()
  },
  error(socket: Socket<ProtocolWorker<Announcement>>): void {
    socket.data.disconnected()
  },
}
