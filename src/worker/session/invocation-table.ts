/** The invocations of one worker: routes messages to them, finds those that are stuck, and the one to blame for a crash. */
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
import type { FetchOwner } from './fetch-table.ts'
import { type InvocationOwner, RunningInvocation } from './invocation.ts'

/** Time for `done` after `cancel`, or after the latest deadline, ms. A worker that is later is killed. */
export const DONE_GRACE_MS = 250

type OfInvocation<M> = M & { id: number }

/** The messages that change an invocation. `log` names one, but does not change it. */
export type InvocationMessage =
  | ResponseMessage
  | OfInvocation<ChunkMessage>
  | OfInvocation<EndMessage>
  | OfInvocation<CreditMessage>
  | OfInvocation<CancelMessage>
  | DoneMessage
  | (ErrorMessage & { id: number })

export class InvocationTable {
  readonly #running = new Map<number, RunningInvocation>()
  readonly #owner: InvocationOwner
  readonly #explain: (message: ErrorMessage) => FunctionError
  #lastId = 0
  /** When the `done` of the first cancelled invocation is overdue. It may have arrived since. */
  #nextDue = Number.POSITIVE_INFINITY

  /** @param explain makes the error for the sink from a worker's `error` message */
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

  /** The bundle is loaded: an invocation that was sent early begins now. */
  loaded(now: number): void {
    for (const invocation of this.#running.values()) invocation.startedAt = now
  }

  /** Removes the invocation without notifying its sink. */
  forget(invocation: RunningInvocation): void {
    this.#running.delete(invocation.id)
  }

  /** An invocation was cancelled at `at`. */
  watch(at: number): void {
    this.#nextDue = Math.min(this.#nextDue, at + DONE_GRACE_MS)
  }

  /** @returns whether this invocation runs now @throws {ProtocolBreach} if the id was never issued */
  knows(id: number): boolean {
    if (id > this.#lastId) throw new ProtocolBreach('an id that was never issued')
    return this.#running.has(id)
  }

  /**
   * @returns whose fetch it is: of a request that runs, of one that was cancelled, or background work
   * @throws {ProtocolBreach} if the id was never issued
   */
  fetchedBy(id: number): FetchOwner {
    if (!this.knows(id)) return 'background'
    return this.#running.get(id)?.phase === 'cancelled' ? 'cancelled' : 'request'
  }

  /** Gives a message to its invocation. @returns the invocation if the message ended it */
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
        invocation.validateDone()
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

  /** @returns whether a `done` after `cancel` is later than a live worker needs */
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

  /** The latest deadline of an invocation without a response. */
  latestDue(): number {
    let latest = 0
    for (const invocation of this.#running.values()) latest = Math.max(latest, invocation.due)
    return latest
  }

  /**
   * The invocation that most likely used the CPU time: the last begun of those that run for longer
   * than their budget. One that blocks the event loop keeps later ones from beginning at all.
   */
  overCpu(now: number): RunningInvocation | undefined {
    const all = [...this.#running.values()]
    return all.findLast((invocation) => now - invocation.startedAt >= invocation.cpuMs) ?? all[0]
  }

  /** The invocation begun last: one that uses too much memory does so soon after its start. */
  newest(): RunningInvocation | undefined {
    return [...this.#running.values()].at(-1)
  }

  /** The invocation that most likely made the process end with this code. */
  guilty(code: ErrorCode, now: number): RunningInvocation | undefined {
    if (code === 'CPU_LIMIT') return this.overCpu(now)
    return code === 'MEMORY_LIMIT' ? this.newest() : undefined
  }

  /**
   * Ends all invocations. The guilty one fails with `error`; the others are lost, with WORKER_CRASHED
   * where one was guilty.
   *
   * @param how.suspected the guilty one reached no limit of its own, and is only suspected: it is lost
   * @param how.unbegun the worker never became ready, so it ran nothing of what it was sent
   * @param how.cpuUs CPU time of the worker that no `done` has reported: they share it
   */
  abandonAll(
    error: FunctionError,
    how: {
      guilty?: RunningInvocation | undefined
      suspected?: boolean
      unbegun?: boolean
      cpuUs?: number
    } = {},
  ): void {
    const unbegun = how.unbegun === true
    const all = [...this.#running.values()]
    this.#running.clear()
    const cpuUs = (how.cpuUs ?? 0) / all.length
    const others =
      how.guilty === undefined
        ? error
        : new FunctionError(
            'WORKER_CRASHED',
            'The worker ended because of another invocation, which used up its CPU time or memory. Send the request again.',
            {
              cause: error,
            },
          )
    for (const invocation of all) {
      const blamed = invocation === how.guilty
      const guilty = blamed && how.suspected !== true
      invocation.abandon(blamed ? error : others, { guilty, unbegun, cpuUs })
    }
  }
}
