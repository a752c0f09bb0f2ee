/** The headers of an outbound request. The broker alone sets those that describe the connection. */

export type HeaderLines = [name: string, value: string][]

/** Hop-by-hop headers (RFC 9110, 7.6.1), and others that change the message's framing or target. */
const FORBIDDEN = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Removed when a redirect goes to another origin. */
const CREDENTIALS = new Set(['authorization', 'cookie', 'proxy-authorization'])

/** Removed when a redirect drops the body. */
const OF_BODY = new Set([
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-type',
])

/** A script must not request a forbidden method through these headers either. */
const METHOD_OVERRIDES = new Set(['x-http-method', 'x-http-method-override', 'x-method-override'])
const FORBIDDEN_METHOD = /(?:^|,)[ \t]*(?:connect|trace|track)[ \t]*(?:,|$)/i

/** The allowed headers of those that the worker set, and the defaults of the Fetch standard. */
export function requestHeaders(asked: HeaderLines, userAgent: string): HeaderLines {
  const lines = asked
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .filter(([name, value]) => !isForbidden(name, value))
  const names = new Set(lines.map(([name]) => name))
  const fallback = (name: string, value: string) => {
    if (!names.has(name)) lines.push([name, value])
  }
  fallback('accept', '*/*')
  fallback('accept-language', '*')
  fallback('user-agent', userAgent)
  // A range of an encoded body cannot be decoded.
  fallback('accept-encoding', names.has('range') ? 'identity' : 'gzip, deflate, br, zstd')
  return lines
}

/** The body's length as the worker declares it; undefined if it declares none, or not a number. */
export function declaredLength(asked: HeaderLines): number | undefined {
  const given = asked.filter(([name]) => name.toLowerCase() === 'content-length')
  const value = given[0]?.[1]
  if (given.length !== 1 || value === undefined || !/^\d{1,15}$/.test(value)) return undefined
  return Number(value)
}

export const withoutCredentials = (lines: HeaderLines): HeaderLines =>
  lines.filter(([name]) => !CREDENTIALS.has(name))

export const withoutBody = (lines: HeaderLines): HeaderLines =>
  lines.filter(([name]) => !OF_BODY.has(name))

function isForbidden(name: string, value: string): boolean {
  if (FORBIDDEN.has(name)) return true
  if (name.startsWith('proxy-')) return name !== 'proxy-authorization'
  return METHOD_OVERRIDES.has(name) && FORBIDDEN_METHOD.test(value)
}
