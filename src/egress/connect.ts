/** Opens a connection to an address that was checked. No name is resolved here. */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { aborted, EgressError, failed } from './errors.ts'
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

/**
 * Tries the addresses in turn; `timeoutMs` covers all of them.
 *
 * @throws {EgressError} FAILED, TIMEOUT or ABORTED
 */
export async function connectTo(
  target: Target,
  addresses: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Connected> {
  const end = performance.now() + timeoutMs
  const tried = addresses.slice(0, MAX_TRIES)
  let last: unknown
  for (const [index, address] of tried.entries()) {
    const leftMs = (end - performance.now()) / (tried.length - index)
    if (leftMs <= 0) break
    try {
      return { socket: await open(target, address, leftMs, signal), address }
    } catch (cause) {
      if (signal.aborted) throw cause
      last = cause
    }
  }
  throw last ?? late(target)
}

function open(
  target: Target,
  address: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = start(target, address)
    const settle = (error?: EgressError): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      socket.off('error', fail).off('close', close)
      if (error === undefined) {
        resolve(socket)
        return
      }
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    const abort = () => settle(aborted())
    const fail = (cause: Error) => settle(explain(target, cause))
    const close = () =>
      settle(
        failed('ECONNRESET', `${target.host} closed the connection before it was established.`),
      )
    const timer = setTimeout(() => settle(late(target)), timeoutMs)
    socket.on('error', fail).on('close', close)
    socket.once(target.secure ? 'secureConnect' : 'connect', () => settle())
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort)
  })
}

function start({ host, port, secure, literal }: Target, address: string): Socket {
  if (!secure) return connectTcp({ host: address, port })
  return connectTls({
    host: address,
    port,
    ALPNProtocols: ['http/1.1'],
    // The certificate is checked against the name, or against the address where the URL has no name.
    ...(!literal && { servername: host }),
  })
}

function explain({ host, secure }: Target, cause: Error & { code?: string }): EgressError {
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
