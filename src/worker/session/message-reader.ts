/**
 * Reads a worker's messages off its channel: frames in slices, each message validated, each message
 * at a time when it is allowed. What a message does is its owner's business.
 */
import { FunctionError } from '../../errors.ts'
import { FrameDecoder, type FrameReader } from '../protocol/frame-decoder.ts'
import { ProtocolBreach, type WorkerMessage } from '../protocol/messages.ts'
import { ReadScheduler, type Source } from '../protocol/read-scheduler.ts'
import { validateWorkerMessage, workerPayloadBytes } from '../protocol/validate-message.ts'
import type { Stage } from './failures.ts'

/** The first line on a channel. The program that made the process writes it, not the worker. */
export interface Announcement {
  type: 'accepted' | 'launched' | 'launch-failed'
}

/** The worker whose messages are read. */
export interface MessageReaderOwner<A extends Announcement> {
  readonly stage: Stage
  /** @throws {ProtocolBreach} if the line is not a valid announcement */
  validateAnnouncement(value: unknown): A
  announced(announcement: A): void
  /** @throws {ProtocolBreach} if the message is not allowed in the state of what it names */
  onMessage(message: WorkerMessage, payload: Buffer | undefined): void
  /** The worker broke the protocol, or a message could not be handled. Nothing more is read. */
  onBreach(error: FunctionError): void
}

/** A worker may be sent an invocation before it is `ready`, but it may not answer it before. */
const ONLY_WHEN_READY: ReadonlySet<string> = new Set([
  'response',
  'chunk',
  'end',
  'credit',
  'cancel',
  'done',
])

export class MessageReader<A extends Announcement> implements FrameReader<WorkerMessage | A> {
  readonly #owner: MessageReaderOwner<A>
  readonly #decoder: FrameDecoder<WorkerMessage | A>
  readonly #scheduler: ReadScheduler
  #announced = false

  constructor(owner: MessageReaderOwner<A>, source: Source) {
    this.#owner = owner
    this.#decoder = new FrameDecoder<WorkerMessage | A>(this)
    this.#scheduler = new ReadScheduler(this.#decoder, source, (cause) => this.#onBreach(cause))
  }

  stop(): void {
    this.#decoder.stop()
    this.#scheduler.stop()
  }

  /** Takes the announcement that was read before the connection had a worker. */
  adopt(announcement: A): void {
    this.#announced = true
    this.#owner.announced(announcement)
  }

  receive(data: Buffer): void {
    this.#scheduler.receive(data)
  }

  /** Reads nothing for `ms`. */
  pauseFor(ms: number): void {
    this.#scheduler.pauseFor(ms)
  }

  /** The channel is closed: reads what was received before. */
  finish(): void {
    this.#scheduler.finish()
  }

  check(value: unknown): WorkerMessage | A {
    // The launcher may still fail after it wrote `launched`.
    const failed =
      this.#owner.stage !== 'serving' &&
      (value as Partial<Announcement> | null)?.type === 'launch-failed'
    if (this.#announced && !failed) return validateWorkerMessage(value)
    return this.#owner.validateAnnouncement(value)
  }

  payloadBytes(message: WorkerMessage | A): number {
    return workerPayloadBytes(message as WorkerMessage)
  }

  deliver(message: WorkerMessage | A, payload: Buffer | undefined): void {
    if (this.#owner.stage !== 'serving' && ONLY_WHEN_READY.has(message.type)) {
      throw new ProtocolBreach('an answer before it was ready')
    }
    switch (message.type) {
      case 'accepted':
      case 'launched':
      case 'launch-failed':
        this.#announced = true
        this.#owner.announced(message as A)
        return
      default:
        this.#owner.onMessage(message as WorkerMessage, payload)
    }
  }

  #onBreach(cause: unknown): void {
    const error =
      cause instanceof ProtocolBreach
        ? new FunctionError(
            'WORKER_PROTOCOL',
            `The worker was killed because it broke the worker protocol: ${cause.message}.`,
          )
        : new FunctionError('INTERNAL', 'Internal error while handling a message of the worker.', {
            cause,
          })
    this.#owner.onBreach(error)
  }
}
