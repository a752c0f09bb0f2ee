/** Opens a connection to an address that was checked. No name is resolved here. */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { EgressError, failed } from './errors.ts'
import type { Target } from './target.ts'

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
  throw last ?? new EgressError('TIMEOUT', `${target.host} did not accept the connection in time.`)
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
    const abort = () => settle(new EgressError('ABORTED', 'The fetch was aborted.'))
    const fail = (cause: Error) => settle(explain(target, cause))
    const close = () =>
      settle(failed(`${target.host} closed the connection before it was established.`))
    const late = `${target.host} did not accept the connection in time.`
    const timer = setTimeout(() => settle(new EgressError('TIMEOUT', late)), timeoutMs)
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
  const { code } = cause
  if (code === 'ECONNREFUSED') return failed(`${host} refused the connection.`, cause)
  if (secure && code !== undefined && /CERT|SSL|TLS|ALTNAME|SELF_SIGNED|VERIFY/.test(code)) {
    return failed(`The TLS certificate of ${host} was rejected (${code}).`, cause)
  }
  return failed(`${host} could not be reached.`, cause)
}
