/** Watches a worker that has work: does it answer pings, stop what was cancelled, and read its channel? */
import type { Channel } from '../protocol/channel.ts'
import { ProtocolBreach } from '../protocol/messages.ts'
import type { WorkerEvents } from '../worker.ts'
import { DONE_GRACE_MS, type InvocationTable } from './invocation-table.ts'

/** A worker with work in flight is pinged after this time without a message, ms. */
export const PING_AFTER_MS = 25
/** A ping without an answer for this time means that the worker's event loop is blocked, ms. */
export const SILENT_AFTER_MS = 50

/** A worker that leaves this much unread for this long is killed. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024
const MAX_UNREAD_MS = 5000

/** Decides when to ping, and whether the worker is silent. It is given the time, so it has no clock. */
export class Liveness {
  #heardAt = 0
  #pings = 0
  /** When the ping without an answer was sent; 0 if every ping was answered. */
  #pingedAt = 0
  silent = false

  /** A message came from the worker, or silence counts from now for another reason. */
  heard(now: number): void {
    this.#heardAt = now
  }

  /** @returns whether `n` answers the last ping; any other pong was not requested */
  answered(n: number): boolean {
    if (this.#pingedAt === 0 || n !== this.#pings) return false
    this.#pingedAt = 0
    this.silent = false
    return true
  }

  /** The number of a ping to send now; 0 if none is due. */
  due(now: number): number {
    if (this.#pingedAt !== 0 || now - this.#heardAt < PING_AFTER_MS) return 0
    this.#pingedAt = now
    this.#pings++
    return this.#pings
  }

  /** @returns whether the worker has just become silent */
  judge(now: number): boolean {
    if (this.silent || this.#pingedAt === 0) return false
    const quietFor = now - Math.max(this.#heardAt, this.#pingedAt)
    if (quietFor < SILENT_AFTER_MS) return false
    this.silent = true
    return true
  }
}

export class Watchdog {
  readonly #channel: Channel
  readonly #invocations: InvocationTable
  readonly #events: WorkerEvents
  readonly #liveness = new Liveness()
  #unreadSince = 0

  constructor(channel: Channel, invocations: InvocationTable, events: WorkerEvents) {
    this.#channel = channel
    this.#invocations = invocations
    this.#events = events
  }

  get silent(): boolean {
    return this.#liveness.silent
  }

  /** The worker sent something, or was given work when it had none. */
  heard(now: number): void {
    this.#liveness.heard(now)
  }

  pong(n: number): void {
    const was = this.#liveness.silent
    if (!this.#liveness.answered(n)) throw new ProtocolBreach('a pong without a ping')
    if (was) this.#events.silent(false)
  }

  /**
   * @param serves the worker's event loop runs, so it can answer a ping
   * @param stuck an invocation was cancelled, and its `done` is later than a live worker needs
   * @returns why the worker has to be killed now, as the end of a sentence; undefined if it may live on
   */
  look(now: number, serves: boolean, stuck: boolean): string | undefined {
    if (serves && this.#invocations.size > 0) {
      const ping = this.#liveness.due(now)
      if (ping > 0) this.#channel.sendLine(`{"type":"ping","n":${ping}}\n`)
      if (this.#liveness.judge(now)) this.#events.silent(true)
      const blocked = this.#liveness.silent
      if (blocked && now >= this.#invocations.latestDue() + DONE_GRACE_MS) {
        return 'its event loop was blocked past the deadline'
      }
      if (stuck && !blocked) return 'it did not stop an invocation that was cancelled'
    }
    return this.#unread(now) ? `it did not read its messages for ${MAX_UNREAD_MS} ms` : undefined
  }

  #unread(now: number): boolean {
    if (this.#channel.pendingBytes < MAX_UNREAD_BYTES) {
      this.#unreadSince = 0
      return false
    }
    if (this.#unreadSince === 0) this.#unreadSince = now
    return now - this.#unreadSince > MAX_UNREAD_MS
  }
}
