/** The fetches of one worker: each belongs to an invocation, and ends with it. */
import type { Egress } from '../../egress/egress.ts'
import { EgressError } from '../../egress/errors.ts'
import type { EgressSession } from '../../egress/session.ts'
import type { Channel } from '../protocol/channel.ts'
import {
  type BodyMessage,
  type FetchId,
  type FetchMessage,
  ProtocolBreach,
} from '../protocol/messages.ts'
import type { WorkerSpec } from '../worker.ts'
import { type FetchOwner, RunningFetch } from './fetch.ts'

/** Parts of request bodies that wait for their upstreams, of one worker together. */
const MAX_HELD_BYTES = 16 * 1024 * 1024
/** After so many fetches beyond the count the worker is not listened to for a while. */
const REFUSALS_AT_ONCE = 32

interface Group {
  session: EgressSession
  fetches: Set<RunningFetch>
}

export class Fetches implements FetchOwner {
  readonly channel: Channel
  readonly #spec: WorkerSpec
  readonly #egress: Egress
  readonly #running = new Map<FetchId, RunningFetch>()
  /** By invocation. */
  readonly #groups = new Map<number, Group>()
  #lastId = 0
  #heldBytes = 0
  #refusals = 0
  readonly #flooded: () => void

  /** @param flooded told where it asks on and on for what it does not get */
  constructor(channel: Channel, spec: WorkerSpec, egress: Egress, flooded: () => void = () => {}) {
    this.#flooded = flooded
    this.channel = channel
    this.#spec = spec
    this.#egress = egress
  }

  /**
   * @param live false where the invocation was cancelled: its worker could not know that yet
   * @throws {ProtocolBreach} for an id that does not rise
   */
  begin(message: FetchMessage, payload: Buffer | undefined, live: boolean): void {
    const number = Number(message.id.slice(1))
    if (number <= this.#lastId) throw new ProtocolBreach('the id of a fetch does not rise')
    this.#lastId = number
    if (!live) return
    const group = this.#groupOf(message.invocation)
    const fetch = new RunningFetch(message, payload, this)
    this.#running.set(fetch.id, fetch)
    group.fetches.add(fetch)
    if (this.#heldBytes > MAX_HELD_BYTES) {
      fetch.fail(tooMuchHeld())
      return
    }
    const refusal = group.session.ask()
    if (refusal !== undefined) {
      fetch.fail(refusal)
      this.#refusals++
      if (this.#refusals % REFUSALS_AT_ONCE === 0) this.#flooded()
      return
    }
    const { method, url, headers, redirect, end } = message
    const body = payload === undefined || payload.length === 0 ? undefined : payload
    fetch.started(group.session.fetch({ method, url, headers, redirect, body, end }, fetch))
  }

  /** @throws {ProtocolBreach} */
  dispatch(message: BodyMessage & { id: FetchId }, payload: Buffer | undefined): void {
    const fetch = this.#running.get(message.id)
    if (fetch === undefined) {
      if (Number(message.id.slice(1)) <= this.#lastId) return
      throw new ProtocolBreach('a fetch that was never asked for')
    }
    if (message.type === 'chunk') {
      fetch.onChunk(payload as Buffer)
      if (this.#heldBytes > MAX_HELD_BYTES) fetch.abandon(tooMuchHeld())
    } else if (message.type === 'end') fetch.onEnd()
    else if (message.type === 'credit') fetch.onCredit(message.bytes)
    else fetch.onCancel()
  }

  /** An invocation is over. */
  endOf(invocation: number): void {
    const group = this.#groups.get(invocation)
    if (group === undefined) return
    this.#groups.delete(invocation)
    for (const fetch of [...group.fetches]) fetch.drop()
    group.session.close()
  }

  held(bytes: number): void {
    this.#heldBytes += bytes
  }

  fetchOver(fetch: RunningFetch): void {
    this.#running.delete(fetch.id)
    for (const group of this.#groups.values()) group.fetches.delete(fetch)
  }

  #groupOf(invocation: number): Group {
    let group = this.#groups.get(invocation)
    if (group === undefined) {
      const { functionId, functionName, version, capabilities } = this.#spec
      const session = this.#egress.session({ functionId, functionName, version, capabilities })
      group = { session, fetches: new Set() }
      this.#groups.set(invocation, group)
    }
    return group
  }
}

function tooMuchHeld(): EgressError {
  const limit = `${MAX_HELD_BYTES / 2 ** 20} MiB`
  return new EgressError('REFUSED', `more than ${limit} of request bodies wait for their upstreams`)
}
