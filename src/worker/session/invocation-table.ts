/** The invocations that one worker holds: which message is for which, which one is stuck, which one is guilty. */
import { type ErrorCode, FunctionError } from '../../errors.ts'
import {
  type CancelMessage,
  type ChunkMessage,
  type CreditMessage,
  type DoneMessage,
  type EndMessage,
  type ErrorMessage,
  ProtocolBreach,
  type ResponseMessage,
} from '../protocol/messages.ts'
import type { Completion, InvocationRequest, ResponseSink } from '../worker.ts'
import { type InvocationOwner, RunningInvocation } from './invocation.ts'

/** A worker that lives on has so long to send `done` after `cancel`, or after its latest deadline. */
export const DONE_GRACE_MS = 250

type OfInvocation<M> = M & { id: number }

/** The messages that name an invocation; `log` does so too, but changes nothing in it. */
export type InvocationMessage =
  | ResponseMessage
  | OfInvocation<ChunkMessage>
  | OfInvocation<EndMessage>
  | OfInvocation<CreditMessage>
  | OfInvocation<CancelMessage>
  | DoneMessage
  | (ErrorMessage & { id: number })

export class InFlight {
  readonly #running = new Map<number, RunningInvocation>()
  readonly #owner: InvocationOwner
  readonly #explain: (message: ErrorMessage) => FunctionError
  #lastId = 0
  /** When the first cancelled one is overdue with its `done`; it may have ended meanwhile. */
  #nextDue = Number.POSITIVE_INFINITY

  /** @param explain turns a worker's `error` into the one that the sink gets */
  constructor(owner: InvocationOwner, explain: (message: ErrorMessage) => FunctionError) {
    this.#owner = owner
    this.#explain = explain
  }

  get size(): number {
    return this.#running.size
  }

  /** Invocations ever begun. */
  get issued(): number {
    return this.#lastId
  }

  begin(request: InvocationRequest, sink: ResponseSink, completion: Completion): RunningInvocation {
    this.#lastId++
    const invocation = new RunningInvocation(this.#lastId, request, sink, completion, this.#owner)
    this.#running.set(invocation.id, invocation)
    return invocation
  }

  /** The bundle is loaded: what was sent ahead begins now. */
  loaded(now: number): void {
    for (const invocation of this.#running.values()) invocation.startedAt = now
  }

  /** Takes it out without a word to its sink. */
  forget(invocation: RunningInvocation): void {
    this.#running.delete(invocation.id)
  }

  /** An invocation was cancelled at `at`. */
  watch(at: number): void {
    this.#nextDue = Math.min(this.#nextDue, at + DONE_GRACE_MS)
  }

  /** Does this id run now? @throws {ProtocolBreach} for an id that was never issued */
  knows(id: number): boolean {
    if (id > this.#lastId) throw new ProtocolBreach('an id that was never issued')
    return this.#running.has(id)
  }

  /**
   * May this invocation ask for a fetch now? False where it was cancelled.
   *
   * @throws {ProtocolBreach} where it is none that runs
   */
  mayFetch(id: number): boolean {
    if (!this.knows(id)) throw new ProtocolBreach('a fetch for a finished invocation')
    return this.#running.get(id)?.phase !== 'cancelled'
  }

  /** Hands a message to its invocation; returns that, where the message ended it. */
  dispatch(message: InvocationMessage, payload: Buffer | undefined): RunningInvocation | undefined {
    const invocation = this.#running.get(message.id)
    if (invocation === undefined) {
      if (this.knows(message.id) || message.type === 'credit' || message.type === 'cancel') return
      throw new ProtocolBreach('a message for a finished invocation')
    }
    switch (message.type) {
      case 'response':
        invocation.onResponse(message, payload)
        return
      case 'done':
        invocation.checkDone()
        this.#running.delete(message.id)
        invocation.onDone(message.cpu_us)
        return invocation
      case 'chunk':
        invocation.onChunk(payload as Buffer)
        return
      case 'end':
        invocation.onEnd()
        return
      case 'credit':
        invocation.onCredit(message.bytes)
        return
      case 'cancel':
        invocation.onCancel()
        return
      case 'error':
        invocation.onError(this.#explain(message))
    }
  }

  /** Does one of them owe its `done` for longer than a living worker needs after `cancel`? */
  stuck(now: number): boolean {
    if (now < this.#nextDue) return false
    this.#nextDue = Number.POSITIVE_INFINITY
    let stuck = false
    for (const invocation of this.#running.values()) {
      if (invocation.phase !== 'cancelled') continue
      if (now >= invocation.due + DONE_GRACE_MS) stuck = true
      this.watch(invocation.due)
    }
    return stuck
  }

  /** The latest time by which an answer is still owed to somebody. */
  latestDue(): number {
    let latest = 0
    for (const invocation of this.#running.values()) latest = Math.max(latest, invocation.due)
    return latest
  }

  /**
   * The one that most likely burned the CPU time: the last begun of those that run for longer than
   * their budget. Whoever blocks the event loop keeps the later ones from beginning at all.
   */
  overCpu(now: number): RunningInvocation | undefined {
    const all = [...this.#running.values()]
    return all.findLast((invocation) => now - invocation.startedAt >= invocation.cpuMs) ?? all[0]
  }

  /** The one begun last: what runs away with memory does so soon after it began. */
  newest(): RunningInvocation | undefined {
    return [...this.#running.values()].at(-1)
  }

  /** The one that most likely made the process end with this code. */
  guilty(code: ErrorCode, now: number): RunningInvocation | undefined {
    if (code === 'CPU_LIMIT') return this.overCpu(now)
    return code === 'MEMORY_LIMIT' ? this.newest() : undefined
  }

  /**
   * Ends all of them: the guilty one with `error`, its neighbours with WORKER_CRASHED.
   *
   * @param how.unbegun the worker never got ready: what it was sent can be dispatched again
   */
  abandonAll(
    error: FunctionError,
    how: { guilty?: RunningInvocation | undefined; unbegun?: boolean } = {},
  ): void {
    const all = [...this.#running.values()]
    this.#running.clear()
    const others =
      how.guilty === undefined
        ? error
        : new FunctionError('WORKER_CRASHED', 'the worker ended by what another invocation did', {
            cause: error,
          })
    for (const invocation of all) {
      invocation.abandon(invocation === how.guilty ? error : others, how.unbegun === true)
    }
  }
}
