/** How a redirect changes a request: https://fetch.spec.whatwg.org/#http-redirect-fetch */

import type { AttemptHead } from './attempt.ts'
import { failed } from './errors.ts'
import { type HeaderLines, withoutBody, withoutCredentials } from './request-headers.ts'

export const MAX_REDIRECTS = 20

const STATUSES = new Set([301, 302, 303, 307, 308])

export interface AttemptPlan {
  url: URL
  method: string
  headers: HeaderLines
  /** The request has a body. */
  body: boolean
}

/**
 * The URL to which the response redirects; undefined if it does not redirect.
 *
 * @throws {EgressError} FAILED for a location that is not a URL
 */
export function locationOf(head: AttemptHead, from: URL): URL | undefined {
  if (!STATUSES.has(head.status)) return undefined
  const locations = head.headers.filter(([name]) => name === 'location')
  const location = locations[0]?.[1]
  if (location === undefined) return undefined
  // Bytes beyond ASCII are UTF-8 nearly everywhere.
  const text = Buffer.from(location, 'latin1').toString('utf8')
  if (locations.length > 1 && locations.some(([, value]) => value !== location)) {
    throw failed('ERR_PROTOCOL', `${from.hostname} sent a redirect with several Location headers.`)
  }
  if (!URL.canParse(text, from.href)) {
    throw failed('ERR_PROTOCOL', `${from.hostname} sent a redirect whose Location is not a URL.`)
  }
  const url = new URL(text, from)
  if (url.hash === '') url.hash = from.hash
  return url
}

/** @throws {EgressError} FAILED where the body would have to be sent again and cannot be */
export function redirected(
  plan: AttemptPlan,
  status: number,
  to: URL,
  repeatable: boolean,
): AttemptPlan {
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
    throw failed(
      'ERR_REDIRECT',
      `${plan.url.hostname} redirected with status ${status}, which sends the body again, but the body was a stream and is used up.`,
    )
  }
  return { url: to, method, headers, body }
}
