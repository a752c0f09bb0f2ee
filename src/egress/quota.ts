/** The quotas of one invocation: how many outbound requests it makes, and how many at once. */
import type { EgressLimits } from './context.ts'
import { type EgressError, refused } from './errors.ts'

/**
 * Fetches that an invocation may ask for, as a multiple of the requests that it may make. A fetch that
 * is refused because of its address costs no request, but still takes CPU time.
 */
const ASKS_PER_SUBREQUEST = 4

export class EgressQuota {
  readonly #limits: EgressLimits
  #asked = 0
  #spent = 0
  #open = 0
  #refusal: EgressError | undefined
  readonly #waiting = new Set<PromiseWithResolvers<void>>()

  constructor(limits: EgressLimits) {
    this.#limits = limits
  }

  /**
   * Counts a fetch that the worker asks for. Returns the refusal where the quota is used up, before any
   * work is done for the fetch: a worker that floods fetches would otherwise take CPU time from others.
   */
  ask(): EgressError | undefined {
    const { maxSubrequests } = this.#limits
    this.#asked++
    const over = this.#spent >= maxSubrequests || this.#asked > ASKS_PER_SUBREQUEST * maxSubrequests
    if (!over) return undefined
    this.#refusal ??= tooMany(maxSubrequests)
    return this.#refusal
  }

  /** Counts one request to an upstream. @throws {EgressError} REFUSED */
  spend(): void {
    const { maxSubrequests } = this.#limits
    if (this.#spent >= maxSubrequests) throw tooMany(maxSubrequests)
    this.#spent++
  }

  /** Resolves when one more fetch may be open; `leave` releases the place. */
  async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#open < this.#limits.maxOpen) {
      this.#open++
      return
    }
    // `leave` passes its place directly to the first waiting fetch, so that no newer one overtakes it.
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
    `One invocation may make at most ${maxSubrequests} outbound requests, including redirects (egress.max_subrequests).`,
    'ERR_LIMIT',
  )
}
