/** Headers of requests and responses, without those that concern one connection only. */
import type { HeaderList } from '../worker/worker.ts'

/** Hop-by-hop headers (RFC 9110, 7.6.1), and others that belong to the connection. */
const HOP_BY_HOP = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What proxies say of the client. It passes only from a trusted one. */
const FORWARDED = ['forwarded', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto']

/** Has a token of the service, and leaves Authorization to the function. */
export const OWN_AUTHORIZATION = 'functions-authorization'

/**
 * A value that has a token of the service in it (src/metadata/token-store.ts), wherever it stands. No function gets one,
 * whether it needs it or not: it could use it.
 */
const OWN_TOKEN = /(?:^|[^\w-])fn_[\w-]/i

/** Request headers that do not pass as they are: one look-up for each header. */
const HELD_BACK = new Map<string, 'always' | 'untrusted' | 'token'>([
  ...[...HOP_BY_HOP].map((name) => [name, 'always'] as const),
  ...FORWARDED.map((name) => [name, 'untrusted'] as const),
  ['authorization', 'token'],
  [OWN_AUTHORIZATION, 'always'],
  ['x-forwarded-for', 'always'],
  ['x-forwarded-prefix', 'always'],
  ['x-request-id', 'always'],
])

/** RFC 9110, 5.5: Fetch allows these in values, but a client may reject a message that has them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern looks for control characters
const CONTROL_CHARACTER = /[\x00-\x08\x0a-\x1f\x7f]/

const REQUEST_ID = /^[\w.:@=+/-]{1,128}$/

/** Bun's Headers as a plain object: names in lower case; `set-cookie` alone may be a list. */
export type RawHeaders = Record<string, string | string[]>

/** Where a request's connection comes from. */
export interface Peer {
  /** Undefined: the connection was reset meanwhile. */
  address: string | undefined
  /** It is a trusted proxy. */
  trusted: boolean
}

/** The request headers that a handler sees. */
export function requestHeaders(
  raw: RawHeaders,
  requestId: string,
  prefix: string,
  peer: Peer,
): HeaderList {
  const connection = raw.connection as string | undefined
  const named = connection === undefined ? undefined : connectionNames(connection)
  const list: HeaderList = []
  for (const name in raw) {
    const held = HELD_BACK.get(name)
    if (held !== undefined && holdsBack(held, raw[name] as string | string[], peer)) continue
    if (named?.has(name) === true && name !== 'host') continue
    const value = raw[name] as string | string[]
    if (typeof value === 'string') list.push([name, value])
    else for (const one of value) list.push([name, one])
  }
  const hops = raw['x-forwarded-for'] as string | undefined
  const forwardedFor =
    hops === undefined || hops === '' ? peer.address : appended(hops, peer.address)
  if (forwardedFor !== undefined) list.push(['x-forwarded-for', forwardedFor])
  list.push(['x-request-id', requestId])
  if (prefix !== '') list.push(['x-forwarded-prefix', prefix])
  return list
}

function holdsBack(
  held: 'always' | 'untrusted' | 'token',
  value: string | string[],
  peer: Peer,
): boolean {
  if (held === 'token') return OWN_TOKEN.test(String(value))
  return held === 'always' || !peer.trusted
}

function appended(hops: string, address: string | undefined): string {
  return address === undefined ? hops : `${hops}, ${address}`
}

/** Names of the headers that a Connection header declares as hop-by-hop. */
function connectionNames(connection: string): Set<string> | undefined {
  const value = connection.toLowerCase()
  if (value === 'close' || value === 'keep-alive') return undefined
  return new Set(value.split(',').map((name) => name.trim()))
}

/** The client's request id if it is well-formed, else a new one. */
export function requestIdOf(raw: RawHeaders): string {
  const given = raw['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : crypto.randomUUID()
}

/**
 * Converts a handler's headers for a Response. Bun is fastest with a plain object, which cannot hold a
 * name twice.
 *
 * @throws {TypeError} for a value that HTTP does not allow
 * @param keepLength the body is not sent, so the handler's `content-length` is kept
 */
export function responseHeaders(
  list: HeaderList,
  requestId: string,
  timing: string,
  keepLength: boolean,
): Headers | Record<string, string> {
  const plain: Record<string, string> = Object.create(null)
  for (const pair of list) {
    const name = pair[0].toLowerCase()
    if (passes(name, pair[1], keepLength)) {
      if (name in plain) return repeatedHeaders(list, requestId, timing, keepLength)
      plain[name] = pair[1]
    }
  }
  const fromHandler = plain['server-timing']
  plain['server-timing'] = fromHandler === undefined ? timing : `${fromHandler}, ${timing}`
  plain['x-request-id'] = requestId
  return plain
}

function repeatedHeaders(
  list: HeaderList,
  requestId: string,
  timing: string,
  keepLength: boolean,
): Headers {
  const headers = new Headers()
  for (const [name, value] of list) {
    if (passes(name.toLowerCase(), value, keepLength)) headers.append(name, value)
  }
  headers.append('server-timing', timing)
  headers.set('x-request-id', requestId)
  return headers
}

function passes(name: string, value: string, keepLength: boolean): boolean {
  if (CONTROL_CHARACTER.test(value))
    throw new TypeError(`The value of header '${name}' contains a control character.`)
  if (name === 'content-length') return keepLength && /^\d{1,15}$/.test(value)
  return !HOP_BY_HOP.has(name)
}

/**
 * Sets what this connection needs: a 426 must name the protocols to upgrade to (RFC 9110, 15.5.22), and a
 * service that stops closes its connections after their responses.
 */
export function connectionHeaders(
  headers: Headers | Record<string, string>,
  list: HeaderList,
  status: number,
  closing: boolean,
): void {
  if (status !== 426 && !closing) return
  const upgrade = list
    .filter(([name]) => name.toLowerCase() === 'upgrade')
    .map(([, value]) => value)
  const upgrades = status === 426 && upgrade.length > 0
  if (upgrades) setHeader(headers, 'upgrade', upgrade.join(', '))
  const options = [...(upgrades ? ['upgrade'] : []), ...(closing ? ['close'] : [])]
  if (options.length > 0) setHeader(headers, 'connection', options.join(', '))
}

/** Sets a header of what `responseHeaders` returned. The name is in lower case. */
export function setHeader(
  headers: Headers | Record<string, string>,
  name: string,
  value: string | number,
): void {
  if (headers instanceof Headers) headers.set(name, String(value))
  else headers[name] = String(value)
}

/** Adds a cookie to what `responseHeaders` returned, beside those of the handler. */
export function withCookie(headers: Headers | Record<string, string>, cookie: string): Headers {
  const all = new Headers(headers)
  all.append('set-cookie', cookie)
  return all
}

/** Removes a header of what `responseHeaders` returned. The name is in lower case. */
export function removeHeader(headers: Headers | Record<string, string>, name: string): void {
  if (headers instanceof Headers) headers.delete(name)
  else if (name in headers) delete headers[name]
}

/** The `server-timing` header of a request; ms. */
export function serverTiming(queueMs: number, initMs: number, execMs: number): string {
  return `queue;dur=${rounded(queueMs)}, init;dur=${rounded(initMs)}, exec;dur=${rounded(execMs)}`
}

/** With two decimals at most; integers are written several times as fast as fractions. */
function rounded(ms: number): string | number {
  const hundredths = Math.round(ms * 100)
  const whole = Math.floor(hundredths / 100)
  const rest = hundredths - whole * 100
  if (rest === 0) return whole
  return rest < 10 ? `${whole}.0${rest}` : `${whole}.${rest}`
}
