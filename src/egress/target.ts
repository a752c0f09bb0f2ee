/** Where one request of a fetch goes, and the rules that can be judged by its URL alone. */
import { isIP } from 'node:net'
import { isDomainAllowed } from '../capabilities/match.ts'
import { type Capabilities, normaliseHost } from '../capabilities/schema.ts'
import type { PrivateAllowance } from './addresses.ts'
import { isBadPort } from './bad-ports.ts'
import { refused } from './errors.ts'

export interface Target {
  url: URL
  /** Lower case, without brackets or a dot at its end. */
  host: string
  port: number
  secure: boolean
  /** The host is an address. */
  literal: boolean
}

/**
 * Decimal, octal and hexadecimal spellings of an address are gone here: the URL parser wrote them
 * out as what they mean.
 *
 * @throws {EgressError} REFUSED, with the rule
 */
export function checkTarget(
  url: URL,
  capabilities: Capabilities,
  allowance: PrivateAllowance,
): Target {
  if (!capabilities.allowNetwork) {
    throw refused('the capabilities of this function allow no network (allowNetwork is off)')
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw refused(`the scheme ${JSON.stringify(url.protocol)} is not HTTP`)
  }
  if (url.username !== '' || url.password !== '') {
    throw refused('the URL holds credentials')
  }
  const host = normaliseHost(url.hostname)
  if (host === undefined) {
    throw refused(`${JSON.stringify(url.hostname)} is no host name`)
  }
  if (!isDomainAllowed(capabilities, host)) {
    throw refused(`${host} is not among the allowed domains of this function (allowedDomains)`)
  }
  const secure = url.protocol === 'https:'
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
  if (isBadPort(port) && !allowance.namesPort(port)) throw badPort(port)
  return { url, host, port, secure, literal: isIP(host) !== 0 }
}

export function badPort(port: number): Error {
  return refused(`port ${port} is a bad port: HTTP does not speak to it`)
}
