/** The egress broker: makes the outbound requests of workers, which have no network access. */
import { PrivateAllowance } from './addresses.ts'
import { Connections, type ConnectionsOptions } from './connections.ts'
import type { EgressContext, EgressLimits, EgressOutcome, EgressSubject } from './context.ts'
import type { CredentialUse } from './credentials.ts'
import type { EgressError } from './errors.ts'
import { parseProxy } from './proxy.ts'
import { createLookup } from './resolve.ts'
import { EgressSession } from './session.ts'

/** The settings of the broker, which may change while it runs. */
export interface EgressSettings extends EgressLimits {
  /** `address:port` of a DNS server that replaces the system's resolver. */
  resolver?: string | undefined
  /** `address:port` or CIDR that functions may reach although it is private. */
  allowPrivate: readonly string[]
  /** URL of a forward proxy for public addresses, with its credentials. */
  proxy?: string | undefined
  /** Longest time to resolve a name, and to connect to one of its addresses, ms each. */
  connectTimeoutMs: number
  /** Longest time from the request to the head of its response, ms. */
  headTimeoutMs: number
  /** Longest time without a byte of the response's body, ms. */
  bodyTimeoutMs: number
  /** Size of a response head. */
  maxHeaderBytes: number
}

export interface EgressOptions extends EgressSettings {
  /** A fetch ended. */
  onFinished?: (subject: EgressSubject, outcome: EgressOutcome) => void
  /** A fetch failed because the proxy did not connect. The cause is for the operator. */
  onProxyFailure?: (error: EgressError) => void
  /** A secret was filled in, or its placeholder was refused. */
  onCredential?: (subject: EgressSubject, use: CredentialUse) => void
}

/** The same value as `navigator.userAgent` in the workers. */
const USER_AGENT = 'Functions/1.0'

/** Time after which a connection without a request is closed. */
const KEEP_ALIVE_MS = 5_000

export class Egress {
  readonly #context: EgressContext

  constructor(options: EgressOptions) {
    this.#context = {
      ...rulesOf(options),
      connections: new Connections(connectionsOptions(options)),
      userAgent: USER_AGENT,
      onFinished: options.onFinished ?? (() => {}),
      onProxyFailure: options.onProxyFailure ?? (() => {}),
      onCredential: options.onCredential ?? (() => {}),
    }
  }

  /**
   * Applies new settings. A running invocation keeps its limits and a running fetch its timeouts, but
   * the next address that either connects to is checked by the new rules.
   */
  configure(settings: EgressSettings): void {
    Object.assign(this.#context, rulesOf(settings))
    this.#context.connections.configure(connectionsOptions(settings))
  }

  /** The fetches of one invocation. */
  session(subject: EgressSubject): EgressSession {
    return new EgressSession(subject, this.#context)
  }

  close(): void {
    this.#context.connections.close()
  }
}

function rulesOf(settings: EgressSettings): Pick<EgressContext, 'limits' | 'allowance' | 'lookup'> {
  const { maxSubrequests, maxOpen, maxBodyBytes, connectTimeoutMs } = settings
  return {
    limits: { maxSubrequests, maxOpen, maxBodyBytes },
    allowance: new PrivateAllowance(settings.allowPrivate),
    lookup: createLookup(settings.resolver, connectTimeoutMs),
  }
}

function connectionsOptions(settings: EgressSettings): ConnectionsOptions {
  const { maxHeaderBytes, headTimeoutMs, bodyTimeoutMs, connectTimeoutMs } = settings
  return {
    maxHeaderBytes,
    headTimeoutMs,
    bodyTimeoutMs,
    connectTimeoutMs,
    keepAliveMs: KEEP_ALIVE_MS,
    proxy: settings.proxy === undefined ? undefined : parseProxy(settings.proxy),
  }
}
