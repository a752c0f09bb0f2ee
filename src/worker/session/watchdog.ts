/** Watches over a worker that has work: does it answer, does it stop when told, does it read? */
import type { Channel } from '../protocol/channel.ts'
import { ProtocolBreach } from '../protocol/messages.ts'
import type { WorkerEvents } from '../worker.ts'
import { DONE_GRACE_MS, type InFlight } from './invocation-table.ts'
import { Liveness } from './liveness.ts'

/** A worker that leaves so much unread for so long is killed. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024
const MAX_UNREAD_MS = 5000

export class Vigil {
  readonly #channel: Channel
  readonly #flying: InFlight
  readonly #events: WorkerEvents
  readonly #liveness = new Liveness()
  #unreadSince = 0

  constructor(channel: Channel, flying: InFlight, events: WorkerEvents) {
    this.#channel = channel
    this.#flying = flying
    this.#events = events
  }

  get silent(): boolean {
    return this.#liveness.silent
  }

  /** It said something, or was given work after it had none. */
  heard(now: number): void {
    this.#liveness.heard(now)
  }

  pong(n: number): void {
    const was = this.#liveness.silent
    if (!this.#liveness.answered(n)) throw new ProtocolBreach('a pong unasked')
    if (was) this.#events.silent(false)
  }

  /**
   * @param serves its event loop runs: it can be asked whether it lives
   * @param stuck an invocation was cancelled, and its `done` is overdue for a worker that lives
   * @returns why the worker has to be killed now; undefined where it may live on
   */
  look(now: number, serves: boolean, stuck: boolean): string | undefined {
    if (serves && this.#flying.size > 0) {
      const ping = this.#liveness.due(now)
      if (ping > 0) this.#channel.sendLine(`{"type":"ping","n":${ping}}\n`)
      if (this.#liveness.judge(now)) this.#events.silent(true)
      const blocked = this.#liveness.silent
      if (blocked && now >= this.#flying.latestDue() + DONE_GRACE_MS) {
        return 'its event loop is blocked'
      }
      if (stuck && !blocked) return 'it does not stop what was cancelled'
    }
    return this.#unread(now) ? 'it does not read' : undefined
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
