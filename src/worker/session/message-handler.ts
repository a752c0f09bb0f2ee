/** What a worker says, frame by frame: checked, then handed to whom it concerns. */
import { FunctionError } from '../../errors.ts'
import { FrameDecoder, type FrameReader } from '../protocol/frame-decoder.ts'
import {
  type BodyMessage,
  type DoneMessage,
  type ErrorMessage,
  type FetchId,
  ProtocolBreach,
  type WorkerMessage,
} from '../protocol/messages.ts'
import { Intake, type Source } from '../protocol/read-scheduler.ts'
import { checkWorkerMessage, workerPayloadBytes } from '../protocol/validate-message.ts'
import type { Stage } from './failures.ts'
import type { Fetches } from './fetch-table.ts'
import type { RunningInvocation } from './invocation.ts'
import type { InFlight, InvocationMessage } from './invocation-table.ts'
import type { LogRelay } from './log-relay.ts'
import type { Vigil } from './watchdog.ts'

/** A line on the channel that is not the worker's: who made the process announces it. */
export interface Announcement {
  type: 'accepted' | 'launched' | 'launch-failed'
}

/** The worker whose messages these are. */
export interface InboxOwner<A extends Announcement> {
  readonly stage: Stage
  readonly flying: InFlight
  readonly fetches: Fetches
  readonly vigil: Vigil
  readonly logs: LogRelay
  checkAnnouncement(value: unknown): A
  announced(announcement: A): void
  loaded(initUs: number): void
  loadFailed(message: ErrorMessage): void
  invocationDone(invocation: RunningInvocation, message: DoneMessage): void
  retire(reason: string): void
  /** Nothing more of it is to be read. */
  broke(error: FunctionError): void
}

/** An invocation may be sent ahead of `ready`, but nothing can be said of it before. */
const ANSWERS: ReadonlySet<string> = new Set([
  'response',
  'chunk',
  'end',
  'credit',
  'cancel',
  'done',
])

export class Inbox<A extends Announcement> implements FrameReader<WorkerMessage | A> {
  readonly #owner: InboxOwner<A>
  readonly #decoder: FrameDecoder<WorkerMessage | A>
  readonly #intake: Intake
  #announced = false

  constructor(owner: InboxOwner<A>, source: Source) {
    this.#owner = owner
    this.#decoder = new FrameDecoder<WorkerMessage | A>(this)
    this.#intake = new Intake(this.#decoder, source, (cause) => this.#broke(cause))
  }

  stop(): void {
    this.#decoder.stop()
    this.#intake.stop()
  }

  /** The announcement that was read before there was a worker. */
  adopt(announcement: A): void {
    this.#announced = true
    this.#owner.announced(announcement)
  }

  receive(data: Buffer): void {
    this.#owner.vigil.heard(performance.now())
    this.#intake.receive(data)
  }

  /** Reads nothing for so many ms. */
  pauseFor(ms: number): void {
    this.#intake.pauseFor(ms)
  }

  /** Nothing more comes. */
  finish(): void {
    this.#intake.finish()
  }

  check(value: unknown): WorkerMessage | A {
    // The launcher may fail yet after it said that it launched.
    const failed =
      this.#owner.stage !== 'serving' &&
      (value as Partial<Announcement> | null)?.type === 'launch-failed'
    if (this.#announced && !failed) return checkWorkerMessage(value)
    return this.#owner.checkAnnouncement(value)
  }

  payloadBytes(message: WorkerMessage | A): number {
    return workerPayloadBytes(message as WorkerMessage)
  }

  deliver(message: WorkerMessage | A, payload: Buffer | undefined): void {
    const owner = this.#owner
    if (owner.stage !== 'serving' && ANSWERS.has(message.type)) {
      throw new ProtocolBreach('an answer before it was ready')
    }
    switch (message.type) {
      case 'response':
        owner.flying.dispatch(message, payload)
        return
      case 'chunk':
      case 'end':
      case 'credit':
      case 'cancel':
        if (typeof message.id === 'string') {
          owner.fetches.dispatch(message as BodyMessage & { id: FetchId }, payload)
        } else {
          owner.flying.dispatch(message as InvocationMessage, payload)
        }
        return
      case 'fetch':
        owner.fetches.begin(message, payload, owner.flying.mayFetch(message.invocation))
        return
      case 'done': {
        const ended = owner.flying.dispatch(message, payload)
        if (ended !== undefined) owner.invocationDone(ended, message)
        return
      }
      case 'log':
        if (message.id !== undefined) owner.flying.knows(message.id)
        owner.logs.pass(message.id, message.level, message.message, performance.now())
        return
      case 'pong':
        owner.vigil.pong(message.n)
        return
      case 'error':
        this.#failed(message)
        return
      case 'ready':
        if (owner.stage !== 'loading') throw new ProtocolBreach('ready unasked')
        owner.loaded(message.init_us)
        return
      default:
        this.#announced = true
        owner.announced(message)
    }
  }

  #broke(cause: unknown): void {
    const breach = cause instanceof ProtocolBreach
    const error = breach
      ? new FunctionError('WORKER_PROTOCOL', `the worker broke the protocol: ${cause.message}`)
      : new FunctionError('INTERNAL', 'a message of the worker could not be handled', { cause })
    this.#owner.broke(error)
  }

  #failed(message: ErrorMessage): void {
    if (message.id === undefined) {
      if (this.#owner.stage !== 'loading') throw new ProtocolBreach('an error of no invocation')
      this.#owner.loadFailed(message)
      return
    }
    const { id } = message
    if (this.#owner.stage !== 'serving') {
      throw new ProtocolBreach('an answer before it was ready')
    }
    this.#owner.flying.dispatch({ ...message, id }, undefined)
    if (message.code === 'MEMORY_LIMIT') this.#owner.retire('it met its memory limit')
    if (message.code === 'TIMEOUT') this.#owner.retire('a request passed its deadline')
  }
}
