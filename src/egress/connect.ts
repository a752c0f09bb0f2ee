/** Opens a connection to an address that was checked. No name is resolved here. */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { specialKind } from './addresses.ts'
import { EgressError, failed } from './errors.ts'
import { established } from './established.ts'
import { type EgressProxy, openTunnel } from './proxy.ts'
import type { Target } from './target.ts'

/** Codes of the system that describe the network. Its other codes describe this machine. */
const OF_NETWORK = new Set([
  'ECONNABORTED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
])
/** Addresses of one host that are tried, one after the other. */
const MAX_TRIES = 4

export interface Connected {
  socket: Socket
  address: string
}

export interface ConnectOptions {
  /** Longest time for all addresses together. */
  connectTimeoutMs: number
  /** Public addresses are reached through it. */
  proxy: EgressProxy | undefined
}

/**
 * Tries the addresses in turn.
 *
 * @throws {EgressError} FAILED, TIMEOUT or ABORTED
 */
export async function connectTo(
  target: Target,
  addresses: readonly string[],
  { connectTimeoutMs, proxy }: ConnectOptions,
  signal: AbortSignal,
): Promise<Connected> {
  const end = performance.now() + connectTimeoutMs
  const tried = addresses.slice(0, MAX_TRIES)
  let last: unknown
  for (const [index, address] of tried.entries()) {
    const leftMs = (end - performance.now()) / (tried.length - index)
    if (leftMs <= 0) break
    try {
      return { socket: await open(target, address, leftMs, signal, proxy), address }
    } catch (cause) {
      if (signal.aborted) throw cause
      last = cause
    }
  }
  throw last ?? late(target)
}

async function open(
  target: Target,
  address: string,
  timeoutMs: number,
  signal: AbortSignal,
  proxy: EgressProxy | undefined,
): Promise<Socket> {
  const { port, secure } = target
  const explanations = {
    failure: (cause: (Error & { code?: string }) | undefined) => explain(target, cause),
    late: () => late(target),
  }
  const connected = (socket: Socket, leftMs: number) =>
    established(socket, secure ? 'secureConnect' : 'connect', leftMs, signal, explanations)
  // A private address that the operator allows is this machine's, or this network's: not the proxy's.
  if (proxy === undefined || specialKind(address) !== undefined) {
    const to = { host: address, port }
    return await connected(secure ? startTls(target, to) : connectTcp(to), timeoutMs)
  }
  const end = performance.now() + timeoutMs
  const socket = await openTunnel(proxy, target, address, timeoutMs, signal)
  return secure ? await connected(startTls(target, { socket }), end - performance.now()) : socket
}

function startTls(
  { host, literal }: Target,
  to: { host: string; port: number } | { socket: Socket },
) {
  return connectTls({
    ...to,
    ALPNProtocols: ['http/1.1'],
    // The certificate is checked against the name, or against the address where the URL has no name.
    ...(!literal && { servername: host }),
  })
}

function explain({ host, secure }: Target, cause?: Error & { code?: string }): EgressError {
  if (cause === undefined) {
    return failed('ECONNRESET', `${host} closed the connection before it was established.`)
  }
  const { code = 'ECONNRESET' } = cause
  if (code === 'ECONNREFUSED') return failed(code, `${host} refused the connection.`, cause)
  if (secure && /CERT|ALTNAME|SELF_SIGNED|VERIFY|ISSUER|CRL|SIGNATURE/.test(code)) {
    return failed(code, `The TLS certificate of ${host} was rejected (${code}).`, cause)
  }
  if (OF_NETWORK.has(code)) return failed(code, `${host} could not be reached (${code}).`, cause)
  if (secure && (code === 'EPROTO' || code.includes('_'))) {
    return failed(code, `The TLS handshake with ${host} failed (${code}).`, cause)
  }
  return failed('ERR_INTERNAL', `${host} could not be reached.`, cause)
}

function late({ host }: Target): EgressError {
  return new EgressError('TIMEOUT', 'ETIMEDOUT', `${host} did not accept the connection in time.`)
}
