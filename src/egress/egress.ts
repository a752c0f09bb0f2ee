/** The egress broker: makes the outbound requests of workers, which have no network access. */
import { PrivateAllowance } from './addresses.ts'
import { Connections } from './connections.ts'
import type { EgressContext, EgressLimits, EgressOutcome, EgressSubject } from './context.ts'
import { createLookup } from './resolve.ts'
import { EgressSession } from './session.ts'

export interface EgressOptions extends EgressLimits {
  /** `address:port` of a DNS server that replaces the system's resolver. */
  resolver?: string | undefined
  /** `address:port` or CIDR that functions may reach although it is private. */
  allowPrivate: readonly string[]
  /** Longest time to resolve a name, and to connect to one of its addresses, ms each. */
  connectTimeoutMs: number
  /** Longest time from the request to the head of its response, ms. */
  headTimeoutMs: number
  /** Longest time without a byte of the response's body, ms. */
  bodyTimeoutMs: number
  /** Size of a response head. */
  maxHeaderBytes: number
  /** A fetch ended. */
  onFinished?: (subject: EgressSubject, outcome: EgressOutcome) => void
}

/** The same value as `navigator.userAgent` in the workers. */
const USER_AGENT = 'Functions/1.0'

/** Time after which a connection without a request is closed. */
const KEEP_ALIVE_MS = 5_000

export class Egress {
  readonly #context: EgressContext

  constructor(options: EgressOptions) {
    const { maxHeaderBytes, headTimeoutMs, bodyTimeoutMs, connectTimeoutMs } = options
    const { maxSubrequests, maxOpen, maxBodyBytes } = options
    this.#context = {
      limits: { maxSubrequests, maxOpen, maxBodyBytes },
      allowance: new PrivateAllowance(options.allowPrivate),
      lookup: createLookup(options.resolver, connectTimeoutMs),
      connections: new Connections({
        maxHeaderBytes,
        headTimeoutMs,
        bodyTimeoutMs,
        connectTimeoutMs,
        keepAliveMs: KEEP_ALIVE_MS,
      }),
      userAgent: USER_AGENT,
      onFinished: options.onFinished ?? (() => {}),
    }
  }

  /** The fetches of one invocation. */
  session(subject: EgressSubject): EgressSession {
    return new EgressSession(subject, this.#context)
  }

  close(): void {
    this.#context.connections.close()
  }
}
