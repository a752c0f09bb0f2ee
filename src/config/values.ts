import { isIP, isIPv6 } from 'node:net'
import { z } from 'zod'
import { parseDomainPattern, parseFunctionPattern } from '../lib/host-name.ts'
import { parseDuration, parseSize } from '../units.ts'

/** A whole number, written as text in the environment and in flags. */
export function integer(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`
  return z
    .union([z.number(), z.string().regex(/^\d{1,15}$/, message)], message)
    .transform(Number)
    .pipe(z.int(message).min(min, message).max(max, message))
}

/** A boolean, written as text in the environment and in flags. */
export function truth() {
  return z
    .union([z.boolean(), z.enum(['true', 'false'])], 'must be true or false')
    .transform((value) => value === true || value === 'true')
}

/** Bytes, from a size with its unit or a plain number. */
export function size(minBytes: number) {
  return measure(parseSize, minBytes, 'must be a size such as "100MB"', 'bytes').meta({
    unit: 'bytes',
  })
}

/** Milliseconds, from a duration with its unit. */
export function duration(minMs: number) {
  return measure(parseDuration, minMs, 'must be a duration such as "30s" or "500ms"', 'ms').meta({
    unit: 'ms',
  })
}

/** A non-empty string. */
export function text() {
  return z
    .string('must be a string')
    .min(1, 'must not be empty')
    .refine((value) => {
      return !value.includes('\0')
    }, 'must not contain a NUL character')
}

/** A list, separated by commas in the environment and in flags. */
export function list<T extends z.ZodType<string, string>>(item: T) {
  const split = (value: string) => value.split(',').map((part) => part.trim())
  return z
    .union([z.array(z.string()), z.string().transform((value) => split(value).filter(Boolean))], {
      error: 'must be a list of strings',
    })
    .pipe(z.array(item))
}

/** `address:port`, with IPv6 addresses in brackets. */
export const socketAddress = z
  .string()
  .refine(isSocketAddress, 'must be an address and a port, such as "10.0.0.1:53" or "[::1]:53"')

/** `host:port`, with IPv6 addresses in brackets; port 0 takes a free one. */
export const listenAddress = z
  .string('must be a string')
  .refine(
    isListenAddress,
    'must be a host and a port, such as "127.0.0.1:9443", "0.0.0.0:9443" or "[::]:9443"',
  )

/** `{name}.{project}.example.com` */
export const functionPattern = z
  .string()
  .refine(
    (text) => parseFunctionPattern(text) !== undefined,
    'must be a host whose labels are text, {name} or {project}, such as "{name}.{project}.example.com"',
  )

/** `*.{project}.example.com` */
export const domainPattern = z
  .string()
  .refine(
    (text) => parseDomainPattern(text) !== undefined,
    'must be a host whose labels are text, * or {project}, such as "*.{project}.example.com"',
  )

/** `address:port` or a CIDR. */
export const addressOrCidr = z
  .string()
  .refine(
    (value) => isSocketAddress(value) || isCidr(value),
    'must be an address and a port, such as "10.0.0.1:80", or a CIDR, such as "10.0.0.0/8"',
  )

/** An address, or a CIDR. */
export const proxyAddress = z
  .string()
  .refine(
    (value) => !value.includes('%') && (isIP(value) !== 0 || isCidr(value)),
    'must be an address, such as "10.0.0.1", or a CIDR, such as "10.0.0.0/8"',
  )

/** An HTTP proxy, with or without a user and a password. */
export const proxyUrl = z
  .string('must be a string')
  .refine(isProxyUrl, 'must be the URL of an HTTP proxy, such as "http://proxy.example.com:3128"')

/** The value with the user and the password of a URL hidden. */
export function withoutCredentials(value: string): string {
  return value.replace(/\/\/[^/]*@/, '//***@')
}

function measure(
  parse: (text: string) => number | undefined,
  min: number,
  message: string,
  unit: string,
) {
  return z
    .union([z.number(), z.string()], message)
    .transform((value) => parse(String(value)) ?? Number.NaN)
    .pipe(z.int(message).min(min, `${message}, and at least ${min} ${unit}`))
}

function isSocketAddress(value: string): boolean {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value)
  const address = match?.[1] ?? match?.[2] ?? ''
  const port = Number(match?.[3] ?? 0)
  const fits = match?.[1] === undefined ? isIP(address) === 4 : isIPv6(address)
  return fits && port >= 1 && port <= 65_535
}

function isListenAddress(value: string): boolean {
  const match = /^(?:\[([^\]]+)\]|([\w.-]+)):(\d{1,5})$/.exec(value)
  const bracketed = match?.[1]
  return (
    match !== null && Number(match[3]) <= 65_535 && (bracketed === undefined || isIPv6(bracketed))
  )
}

function isProxyUrl(value: string): boolean {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url?.protocol !== 'http:' || url.hostname === '') return false
  try {
    decodeURIComponent(`${url.username}${url.password}`)
  } catch {
    return false
  }
  return url.pathname === '/' && url.search === '' && url.hash === ''
}

function isCidr(value: string): boolean {
  const [address = '', bits = '', ...rest] = value.split('/')
  const width = isIP(address) === 4 ? 32 : 128
  return isIP(address) !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= width
}
