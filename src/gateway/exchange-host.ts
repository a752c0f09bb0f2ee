/** What an exchange needs of the gateway. */
import type { FunctionError } from '../errors.ts'
import type { Route } from '../router/route.ts'
import type { ClientLimits } from './client-clock.ts'
import type { CorsErrors } from './cors.ts'

/** Limits of an exchange after its response head was sent, ms. */
export interface ExchangeLimits {
  /** Longest time that a function whose response has begun sends nothing. */
  streamIdleMs: number
  /** Longest time from the request's arrival, without the time of the client; 0 = no limit. */
  maxDurationMs: number
  client: ClientLimits
  /** Time from the end of the response until the promises of `waitUntil` are cancelled. */
  waitUntilMs: number
}

/** What the gateway needs of an exchange that is open. */
export interface OpenExchange {
  readonly client: Request
  /** The response waits for the client to read it. */
  readonly stalled: boolean
  tick(now: number): void
  /** Bytes that the client's socket took and the client has not acknowledged. */
  unacknowledged(bytes: number): void
  /** Ends it before its limits, because the service stops. */
  abandon(error: FunctionError): void
}

/**
 * What an exchange needs of the gateway. Only `Gateway` implements it; it is an interface so that the
 * two files do not import each other.
 */
export interface ExchangeHost {
  readonly limits: ExchangeLimits
  /** The service stops: connections close after their responses. */
  readonly draining: boolean
  readonly cors: CorsErrors
  now(): number
  opened(exchange: OpenExchange): void
  closed(exchange: OpenExchange): void
  /** Disables or enables the idle timeout of the request's connection. */
  keepOpen(client: Request, open: boolean): void
  /** Reports a failure of the function to the tenant's logs. */
  failed(route: Route, requestId: string, error: FunctionError): void
  /** Something that is no failure of the function, for the tenant's logs. */
  noted(route: Route, requestId: string, level: 'info' | 'warn', message: string): void
}
