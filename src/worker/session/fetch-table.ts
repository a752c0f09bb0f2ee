/**
 * The outbound fetches of one worker, as the host runs them. A fetch belongs to an invocation. If that
 * ends before it, the fetch goes on as background work, until that is paused. Both bodies of a fetch
 * have flow control.
 */

import { Credentials } from '../../egress/credentials.ts'
import type { Egress } from '../../egress/egress.ts'
import { EgressError, failed } from '../../egress/errors.ts'
import type { EgressCall, EgressResponse, EgressSink } from '../../egress/outbound-request.ts'
import type { EgressSession } from '../../egress/session.ts'
import type { Channel } from '../protocol/channel.ts'
import { encodeLine } from '../protocol/encode.ts'
import { FlowControlledReceiver, FlowControlledSender } from '../protocol/flow-control.ts'
import { MAX_LINE_BYTES } from '../protocol/limits.ts'
import {
  type BodyMessage,
  type FetchId,
  type FetchMessage,
  ProtocolBreach,
} from '../protocol/messages.ts'
import type { WorkerSpec } from '../worker.ts'

/** Request body bytes that wait for their upstreams, of one worker. Above it, a fetch fails. */
const MAX_HELD_BYTES = 16 * 1024 * 1024
/** After this many refused fetches, reading from the worker pauses. */
const REFUSALS_AT_ONCE = 32

/** Whose fetch it is: of a request that runs, of one that was cancelled, or of background work. */
export type FetchOwner = 'request' | 'cancelled' | 'background'

/** Key of the group of background work; an invocation's id is higher. */
const BACKGROUND = 0

interface Group {
  session: EgressSession
  fetches: Set<BrokeredFetch>
}

export class FetchTable {
  readonly channel: Channel
  readonly #spec: WorkerSpec
  readonly #egress: Egress
  readonly #credentials: Credentials | undefined
  readonly #running = new Map<FetchId, BrokeredFetch>()
  /** By invocation; and one for what background work begins. */
  readonly #groups = new Map<number, Group>()
  /** What invocations had open when they ended. */
  readonly #left = new Set<Group>()
  readonly #background: { ms: number; since: number }
  #lastId = 0
  #heldBytes = 0
  #refusals = 0
  readonly #onFlood: () => void

  /**
   * @param onFlood called when the worker keeps requesting fetches that are refused
   * @param backgroundMs time for which the limits of background work count
   */
  constructor(
    channel: Channel,
    spec: WorkerSpec,
    egress: Egress,
    onFlood: () => void = () => {},
    backgroundMs = 30_000,
  ) {
    this.#background = { ms: backgroundMs, since: 0 }
    this.#onFlood = onFlood
    this.channel = channel
    this.#spec = spec
    this.#egress = egress
    this.#credentials = Credentials.of(spec.secrets)
  }

  /**
   * @param owner the worker may not know yet that an invocation was cancelled
   * @param paused background work is paused: the worker may not know that yet either
   * @throws {ProtocolBreach} if the id is not higher than the last one
   */
  begin(
    message: FetchMessage,
    payload: Buffer | undefined,
    owner: FetchOwner,
    paused = false,
  ): void {
    const number = Number(message.id.slice(1))
    if (number <= this.#lastId) {
      throw new ProtocolBreach('the id of a fetch is not higher than the last one')
    }
    this.#lastId = number
    if (owner === 'cancelled') return
    const background = owner === 'background'
    const group = background ? this.#backgroundGroup() : this.#groupOf(message.invocation)
    const fetch = new BrokeredFetch(message, payload, this, group)
    this.#running.set(fetch.id, fetch)
    group.fetches.add(fetch)
    if (background && paused) {
      fetch.fail(pausedError())
      return
    }
    if (this.#heldBytes > MAX_HELD_BYTES) {
      fetch.fail(tooMuchHeld())
      return
    }
    const refusal = group.session.ask()
    if (refusal !== undefined) {
      fetch.fail(refusal)
      this.#refusals++
      if (this.#refusals % REFUSALS_AT_ONCE === 0) this.#onFlood()
      return
    }
    const { method, url, headers, redirect, end } = message
    const body = payload === undefined || payload.length === 0 ? undefined : payload
    fetch.started(group.session.fetch({ method, url, headers, redirect, body, end }, fetch))
  }

  /** @throws {ProtocolBreach} if the worker never requested a fetch of this id */
  dispatch(message: BodyMessage & { id: FetchId }, payload: Buffer | undefined): void {
    const fetch = this.#running.get(message.id)
    if (fetch === undefined) {
      if (Number(message.id.slice(1)) <= this.#lastId) return
      throw new ProtocolBreach('a message for a fetch that was never requested')
    }
    if (message.type === 'chunk') {
      fetch.onChunk(payload as Buffer)
      if (this.#heldBytes > MAX_HELD_BYTES) fetch.abandon(tooMuchHeld())
    } else if (message.type === 'end') fetch.onEnd()
    else if (message.type === 'credit') fetch.onCredit(message.bytes)
    else fetch.onCancel()
  }

  /** Fetches of background work are open. */
  get leftOpen(): boolean {
    return this.#left.size > 0 || (this.#groups.get(BACKGROUND)?.fetches.size ?? 0) > 0
  }

  /** The invocation ended: its fetches go on as background work. */
  leave(invocation: number): void {
    const group = this.#groups.get(invocation)
    if (group === undefined) return
    this.#groups.delete(invocation)
    if (group.fetches.size > 0) this.#left.add(group)
  }

  /** Background work is paused: its fetches fail. */
  pause(): void {
    const background = this.#groups.get(BACKGROUND)
    for (const group of background === undefined ? this.#left : [...this.#left, background]) {
      for (const fetch of [...group.fetches]) fetch.abandon(pausedError())
    }
  }

  /** The worker ended. */
  close(): void {
    for (const group of [...this.#left, ...this.#groups.values()]) {
      for (const fetch of [...group.fetches]) fetch.onCancel()
      group.session.close()
    }
  }

  /** The invocation was stopped: its fetches are aborted. */
  endOf(invocation: number): void {
    const group = this.#groups.get(invocation)
    if (group === undefined) return
    this.#groups.delete(invocation)
    for (const fetch of [...group.fetches]) fetch.onCancel()
    group.session.close()
  }

  /** A fetch holds `bytes` more of its request body; negative if less. */
  held(bytes: number): void {
    this.#heldBytes += bytes
  }

  /** The fetch ended: no more messages are sent for it. */
  fetchOver(fetch: BrokeredFetch): void {
    this.#running.delete(fetch.id)
    fetch.group.fetches.delete(fetch)
    if (fetch.group.fetches.size === 0) this.#left.delete(fetch.group)
  }

  /** Its limits count anew after each window, so that work that goes on is not refused for ever. */
  #backgroundGroup(): Group {
    const now = performance.now()
    if (now - this.#background.since >= this.#background.ms) {
      this.leave(BACKGROUND)
      this.#background.since = now
    }
    return this.#groupOf(BACKGROUND)
  }

  #groupOf(invocation: number): Group {
    let group = this.#groups.get(invocation)
    if (group === undefined) {
      const { functionId, functionName, project, version, capabilities, meter } = this.#spec
      const credentials = this.#credentials
      const about = { functionId, functionName, project, version, capabilities }
      const subject = { ...about, credentials, meter }
      const session = this.#egress.session(subject)
      group = { session, fetches: new Set() }
      this.#groups.set(invocation, group)
    }
    return group
  }
}

function pausedError(): EgressError {
  return new EgressError(
    'ABORTED',
    'ERR_PAUSED',
    'The request that began this fetch has ended, and the worker was paused, because no request came for a while (worker.background). Pass the promise to ctx.waitUntil, or await it before you return the response.',
  )
}

function tooMuchHeld(): EgressError {
  const limit = `${MAX_HELD_BYTES / 2 ** 20} MiB`
  return new EgressError(
    'REFUSED',
    'ERR_LIMIT',
    `More than ${limit} of request bodies of this worker's fetches are not sent yet. Wait for earlier fetches first.`,
  )
}

/** One fetch: which messages may come next, and flow control in both directions. */
export class BrokeredFetch implements EgressSink {
  readonly id: FetchId
  readonly group: Group
  readonly #table: FetchTable
  #call: EgressCall | undefined
  /** The request body, until the upstream's socket has taken it. */
  readonly #upload: FlowControlledReceiver
  #uploadEnded: boolean
  #uploadUnwanted = false
  /** The response body. */
  readonly #body: FlowControlledSender
  #over = false

  constructor(
    { id, end }: FetchMessage,
    payload: Buffer | undefined,
    table: FetchTable,
    group: Group,
  ) {
    this.id = id
    this.group = group
    this.#table = table
    this.#uploadEnded = end
    this.#upload = new FlowControlledReceiver(table.channel, `"${id}"`)
    this.#body = new FlowControlledSender(table.channel, `"${id}"`)
    if (payload !== undefined) this.#take(payload.length)
  }

  started(call: EgressCall): void {
    this.#call = call
  }

  /** The worker sent a part of the request body. */
  onChunk(payload: Buffer): void {
    if (this.#uploadEnded) throw new ProtocolBreach('a chunk after the end of the body of a fetch')
    if (this.#uploadUnwanted) return
    this.#take(payload.length)
    this.#call?.write(payload)
  }

  onEnd(): void {
    if (this.#uploadEnded) throw new ProtocolBreach('a second end of the body of a fetch')
    this.#uploadEnded = true
    this.#call?.end()
  }

  onCredit(bytes: number): void {
    this.#body.addCredit(bytes)
    if (this.#body.closed) this.#finish()
    else if (!this.#body.blocked) this.#call?.resume()
  }

  /** The fetch is not wanted any more, by the worker or because its invocation ended. */
  onCancel(): void {
    this.#call?.abort()
    this.#finish()
  }

  response({ status, statusText, url, redirected, headers, end }: EgressResponse): void {
    const type = 'fetch-response'
    const head = { type, id: this.id, status, statusText, url, redirected, headers, end }
    const line = encodeLine(head)
    if (line.length > MAX_LINE_BYTES) {
      this.#call?.abort()
      this.#sendError(failed('ERR_LIMIT', 'The headers of the response are too large.'))
      return
    }
    this.#table.channel.sendLine(line)
    if (end) this.#finish()
  }

  chunk(bytes: Buffer): boolean {
    this.#body.write(bytes)
    return !this.#body.blocked
  }

  end(): void {
    this.#body.end()
    if (this.#body.closed) this.#finish()
  }

  /** The host ends the fetch. */
  abandon(error: EgressError): void {
    this.#call?.abort()
    this.fail(error)
  }

  fail(error: EgressError): void {
    this.#sendError(error)
  }

  taken(bytes: number): void {
    this.#table.held(-bytes)
    this.#upload.consumed(bytes, !this.#uploadEnded && !this.#over)
  }

  bodyUnwanted(): void {
    this.#uploadUnwanted = true
    if (!this.#uploadEnded) this.#send({ type: 'cancel', id: this.id, reason: 'body' })
  }

  #sendError({ code, reason, message }: EgressError): void {
    this.#send({ type: 'fetch-error', id: this.id, code, reason, message })
    this.#finish()
  }

  #send(message: object): void {
    if (!this.#over) this.#table.channel.sendLine(encodeLine(message))
  }

  #take(bytes: number): void {
    this.#table.held(bytes)
    this.#upload.received(bytes)
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#body.close()
    this.#table.held(-this.#upload.unread)
    this.#table.fetchOver(this)
  }
}
