/** The egress broker: every outbound request of a worker without a network of its own goes through it. */
import { PrivateAllowance } from './addresses.ts'
import { Connections } from './connections.ts'
import type { EgressLimits, EgressOutcome, EgressParts } from './context.ts'
import { createLookup } from './resolve.ts'
import { EgressSession, type EgressSubject } from './session.ts'

export interface EgressOptions extends EgressLimits {
  /** `address:port` of a DNS server to ask in place of the system's. */
  resolver?: string | undefined
  /** `address:port` or CIDR that may be reached although private. */
  allowPrivate: readonly string[]
  /** A name's addresses, then a connection to one of them, have so long each, ms; */
  connectTimeoutMs: number
  /** from the request to the head of its response; */
  headTimeoutMs: number
  /** without a byte of the response's body. */
  bodyTimeoutMs: number
  /** Head of a response. */
  maxHeaderBytes: number
  /** A fetch ended. */
  counted?: (subject: EgressSubject, outcome: EgressOutcome) => void
}

/** As `navigator.userAgent` of the workers has it. */
const USER_AGENT = 'Functions/1.0'

/** A connection without a request is kept for so long. */
const KEEP_ALIVE_MS = 5_000

export class Egress {
  readonly #parts: EgressParts

  constructor(options: EgressOptions) {
    const { maxHeaderBytes, headTimeoutMs, bodyTimeoutMs, connectTimeoutMs } = options
    const { maxSubrequests, maxOpen, maxBodyBytes } = options
    this.#parts = {
      limits: { maxSubrequests, maxOpen, maxBodyBytes },
      allowance: new PrivateAllowance(options.allowPrivate),
      lookup: createLookup(options.resolver, connectTimeoutMs),
      connections: new Connections({
        ...{ maxHeaderBytes, headTimeoutMs, bodyTimeoutMs, connectTimeoutMs },
        keepAliveMs: KEEP_ALIVE_MS,
      }),
      userAgent: USER_AGENT,
      counted: options.counted ?? (() => {}),
    }
  }

  /** The fetches of one invocation. */
  session(subject: EgressSubject): EgressSession {
    return new EgressSession(subject, this.#parts)
  }

  close(): void {
    this.#parts.connections.close()
  }
}
