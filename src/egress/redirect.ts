/** What a redirect makes of a request: https://fetch.spec.whatwg.org/#http-redirect-fetch */

import type { HopHead } from './attempt.ts'
import { failed } from './errors.ts'
import { type HeaderLines, withoutBody, withoutCredentials } from './request-headers.ts'

export const MAX_REDIRECTS = 20

const STATUSES = new Set([301, 302, 303, 307, 308])

export interface HopPlan {
  url: URL
  method: string
  headers: HeaderLines
  /** The body goes along. */
  body: boolean
}

/**
 * Where the response leads; undefined where it is the answer itself.
 *
 * @throws {EgressError} FAILED for a location that is no URL
 */
export function locationOf(head: HopHead, from: URL): URL | undefined {
  if (!STATUSES.has(head.status)) return undefined
  const locations = head.headers.filter(([name]) => name === 'location')
  const location = locations[0]?.[1]
  if (location === undefined) return undefined
  // Bytes beyond ASCII are UTF-8 nearly everywhere.
  const text = Buffer.from(location, 'latin1').toString('utf8')
  if (locations.length > 1 && locations.some(([, value]) => value !== location)) {
    throw failed('the upstream redirects to several places at once')
  }
  if (!URL.canParse(text, from.href)) throw failed('the upstream redirects to what is no URL')
  const url = new URL(text, from)
  if (url.hash === '') url.hash = from.hash
  return url
}

/** @throws {EgressError} FAILED where the body would have to be sent again and cannot be */
export function redirected(plan: HopPlan, status: number, to: URL, repeatable: boolean): HopPlan {
  const sameOrigin = plan.url.origin === to.origin
  let { method, headers, body } = plan
  if (!sameOrigin) headers = withoutCredentials(headers)
  const becomesGet =
    ((status === 301 || status === 302) && method === 'POST') ||
    (status === 303 && method !== 'GET' && method !== 'HEAD')
  if (becomesGet) {
    method = 'GET'
    headers = withoutBody(headers)
    body = false
  }
  if (body && !repeatable) {
    throw failed(`a redirect with status ${status} asks for the body again, which is gone`)
  }
  return { url: to, method, headers, body }
}
