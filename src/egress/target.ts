/** The target of one request, and the rules that the URL alone decides. */
import { isIP } from 'node:net'
import { isDomainAllowed } from '../capabilities/match.ts'
import { type Capabilities, normaliseHost } from '../capabilities/schema.ts'
import type { PrivateAllowance } from './addresses.ts'
import { failed, refused } from './errors.ts'

/** Ports that `fetch` must not use: https://fetch.spec.whatwg.org/#port-blocking */
const BAD_PORTS = new Set([
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102,
  103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465,
  512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993,
  995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668,
  6669, 6679, 6697, 10080,
])

export interface Target {
  url: URL
  /** Lower case, without brackets or a trailing dot. */
  host: string
  port: number
  secure: boolean
  /** The host is an address. */
  literal: boolean
}

/**
 * Checks a URL against the function's capabilities. The URL parser has already normalised decimal,
 * octal and hexadecimal spellings of addresses.
 *
 * @throws {EgressError} REFUSED, with the rule; FAILED for a host that no DNS server can know
 */
export function checkTarget(
  url: URL,
  capabilities: Capabilities,
  allowance: PrivateAllowance,
): Target {
  if (!capabilities.allowNetwork) {
    throw refused('This function may not use the network (allowNetwork is off).')
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw refused(`The scheme ${JSON.stringify(url.protocol)} is not supported: use http or https.`)
  }
  if (url.username !== '' || url.password !== '') {
    throw refused('The URL contains credentials. Send them in an Authorization header.')
  }
  const host = normaliseHost(url.hostname)
  if (host === undefined) {
    throw failed('ENOTFOUND', `${JSON.stringify(url.hostname)} is not a valid host name.`)
  }
  if (!isDomainAllowed(capabilities, host)) {
    throw refused(`${host} is not in the allowed domains of this function (allowedDomains).`)
  }
  const secure = url.protocol === 'https:'
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
  if (isBadPort(port) && !allowance.namesPort(port)) throw badPort(port)
  return { url, host, port, secure, literal: isIP(host) !== 0 }
}

export function isBadPort(port: number): boolean {
  return BAD_PORTS.has(port)
}

export function badPort(port: number): Error {
  return refused(`Port ${port} is blocked: the Fetch standard forbids HTTP requests to it.`)
}
