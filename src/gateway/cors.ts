/**
 * Lets browsers read the platform's own errors. Without `Access-Control-Allow-Origin` a page of another
 * origin sees a network error in place of the code. An error gets the header if the function's last
 * answer to the same origin had it, or always with `server.cors_errors`.
 *
 * Only what the function itself granted is repeated, so an origin learns no more than it may read anyway.
 * A preflight that fails is not answered in the function's place: its answer would let a request through
 * that the function may refuse.
 */
import type { Route } from '../router/route.ts'

/** Origins that are remembered of one version of a function. At the limit the oldest is forgotten. */
const MAX_ORIGINS = 16
/** A longer origin is not remembered: scheme, a host of 253 characters and a port are shorter. */
const MAX_ORIGIN_CHARACTERS = 300
const ANY = '*'
/** Headers of errors that a page may read, besides those that every page may. */
const EXPOSED = 'retry-after, x-request-id'

/** Whether credentials are allowed, by origin. */
type Grants = Map<string, boolean>

export class CorsErrors {
  /** Every origin may read errors (`server.cors_errors`). */
  always: boolean
  /** A version that is out of service takes its grants with it. */
  readonly #grants = new WeakMap<Route, Grants>()

  constructor(always: boolean) {
    this.always = always
  }

  /** Takes in what a function's answer says about the origin of the request. */
  learn(route: Route, origin: string, headers: Headers | Record<string, string>): void {
    if (origin.length > MAX_ORIGIN_CHARACTERS) return
    const allowed = headerOf(headers, 'access-control-allow-origin')
    const credentials = headerOf(headers, 'access-control-allow-credentials') === 'true'
    // The last answer counts: it takes an earlier grant back.
    const grants = this.#grants.get(route)
    grants?.delete(ANY)
    if (allowed !== ANY) grants?.delete(origin)
    if (allowed === ANY) this.#remember(route, ANY, false)
    else if (allowed === origin) this.#remember(route, origin, credentials)
  }

  /** The headers of an error for this origin; none for a request without one. */
  headersFor(route: Route | undefined, origin: string | undefined): Record<string, string> {
    if (origin === undefined) return {}
    const grants = route === undefined ? undefined : this.#grants.get(route)
    const credentials = grants?.get(origin)
    if (credentials !== undefined) {
      return {
        ...{ 'access-control-allow-origin': origin, vary: 'origin' },
        ...(credentials && { 'access-control-allow-credentials': 'true' }),
        'access-control-expose-headers': EXPOSED,
      }
    }
    if (!this.always && grants?.has(ANY) !== true) return {}
    return { 'access-control-allow-origin': ANY, 'access-control-expose-headers': EXPOSED }
  }

  #remember(route: Route, origin: string, credentials: boolean): void {
    const grants = this.#grants.get(route) ?? new Map()
    if (grants.size === 0) this.#grants.set(route, grants)
    grants.delete(origin)
    grants.set(origin, credentials)
    if (grants.size > MAX_ORIGINS) grants.delete(grants.keys().next().value)
  }
}

function headerOf(headers: Headers | Record<string, string>, name: string): string | undefined {
  return headers instanceof Headers ? (headers.get(name) ?? undefined) : headers[name]
}
