/** Chooses among the versions that share the requests of a function, so that a client stays with one. */
import type { Route, RouteSplit } from '../router/route.ts'
import type { RawHeaders } from './headers.ts'

/** Names the version that a client was given. It is no secret: a client may choose among those that have weight. */
const COOKIE = 'functions-version'
/** Characters of a header that are hashed. */
const MAX_HASHED = 256
const ALL = 100

/** @param random from 0 to below 1 */
export function chooseRoute(split: RouteSplit, headers: RawHeaders, random: number): Route {
  const { routes, weights, stickyHeader } = split
  let share = random * ALL
  if (stickyHeader !== undefined) {
    const value = headers[stickyHeader]
    if (value !== undefined) share = Bun.hash.crc32(String(value).slice(0, MAX_HASHED)) % ALL
  } else {
    const known = routeOf(split, cookieOf(headers))
    if (known !== undefined) return known
  }
  for (let at = 0; at < routes.length; at++) {
    share -= weights[at] as number
    if (share < 0) return routes[at] as Route
  }
  return routes.at(-1) as Route
}

/** The route of a version, if it has weight. */
export function routeOf({ routes }: RouteSplit, version: string | undefined): Route | undefined {
  if (version === undefined) return undefined
  for (const route of routes) if (route.version === version) return route
  return undefined
}

/**
 * The Set-Cookie header that keeps a client with its version; undefined if it needs none.
 *
 * @param prefix of the function's path: other functions of the host do not get the cookie
 */
export function stickyCookie(
  { split, version }: Route,
  headers: RawHeaders,
  prefix: string,
  secure: boolean,
): string | undefined {
  if (split === undefined || split.stickyHeader !== undefined) return undefined
  if (cookieOf(headers) === version) return undefined
  const path = prefix === '' ? '/' : prefix
  return `${COOKIE}=${version}; Path=${path}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
}

function cookieOf({ cookie }: RawHeaders): string | undefined {
  if (typeof cookie !== 'string') return undefined
  for (let at = cookie.indexOf(COOKIE); at >= 0; at = cookie.indexOf(COOKIE, at + 1)) {
    const before = at === 0 ? ';' : cookie[at - 1]
    const from = at + COOKIE.length
    if ((before !== ';' && before !== ' ') || cookie[from] !== '=') continue
    const end = cookie.indexOf(';', from)
    return cookie.slice(from + 1, end < 0 ? cookie.length : end).trim()
  }
  return undefined
}
