/** The outbound requests of one invocation: how many there may be, how many at once. */
import type { Capabilities } from '../capabilities/schema.ts'
import type { EgressParts } from './context.ts'
import { type EgressError, refused } from './errors.ts'
import {
  type EgressCall,
  type EgressRequest,
  type EgressSink,
  Fetching,
} from './outbound-request.ts'

/** The function version that asks. */
export interface EgressSubject {
  functionId: string
  functionName: string
  version: string
  capabilities: Capabilities
}

/** So many times as many fetches as subrequests may be asked for: most are refused by their address, then. */
const ASKS_PER_SUBREQUEST = 4

export class EgressSession {
  readonly subject: EgressSubject
  readonly parts: EgressParts
  readonly #calls = new Set<Fetching>()
  #asked = 0
  #spent = 0
  #open = 0
  #refusal: EgressError | undefined
  readonly #waiting = new Set<PromiseWithResolvers<void>>()

  constructor(subject: EgressSubject, parts: EgressParts) {
    this.subject = subject
    this.parts = parts
  }

  /** Begins a fetch. Nothing is told to `sink` before this returns. */
  fetch(request: EgressRequest, sink: EgressSink): EgressCall {
    const call = new Fetching(this, request, sink)
    this.#calls.add(call)
    queueMicrotask(() => void call.run().finally(() => this.#calls.delete(call)))
    return call
  }

  /** The invocation is over: so are its fetches. */
  close(): void {
    for (const call of [...this.#calls]) call.abort()
  }

  /**
   * Counts a fetch that is asked for. What it returns refuses it before anything is made for it, as an
   * invocation that asks on and on would else take time that is its neighbours'.
   */
  ask(): EgressError | undefined {
    const { maxSubrequests } = this.parts.limits
    this.#asked++
    const over = this.#spent >= maxSubrequests || this.#asked > ASKS_PER_SUBREQUEST * maxSubrequests
    if (!over) return undefined
    this.parts.counted(this.subject, 'refused')
    this.#refusal ??= tooMany(maxSubrequests)
    return this.#refusal
  }

  /** Counts one request to an upstream. @throws {EgressError} REFUSED */
  spend(): void {
    const { maxSubrequests } = this.parts.limits
    if (this.#spent >= maxSubrequests) throw tooMany(maxSubrequests)
    this.#spent++
  }

  /** Resolves when there is room for one more open fetch; `leave` gives that back. */
  async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#open < this.parts.limits.maxOpen) {
      this.#open++
      return
    }
    // Whoever leaves hands its place on, so that nobody comes between.
    const turn = Promise.withResolvers<void>()
    const abort = () => {
      this.#waiting.delete(turn)
      turn.reject(signal.reason)
    }
    this.#waiting.add(turn)
    signal.addEventListener('abort', abort, { once: true })
    try {
      await turn.promise
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  leave(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#open--
      return
    }
    this.#waiting.delete(next)
    next.resolve()
  }
}

function tooMany(maxSubrequests: number): EgressError {
  return refused(
    `an invocation may make ${maxSubrequests} subrequests, redirects counted (egress.max_subrequests)`,
  )
}
