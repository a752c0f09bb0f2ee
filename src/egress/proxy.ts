/** The operator's forward proxy: opens tunnels to addresses that were checked (RFC 9110, 9.3.6). */
import { connect, type Socket } from 'node:net'
import type { Dispatcher } from 'undici'
import UndiciClient from 'undici/lib/dispatcher/client.js'
import { aborted, EgressError, failed } from './errors.ts'
import { established } from './established.ts'
import { takeOnce } from './take-once.ts'
import type { Target } from './target.ts'

/** Size of the proxy's response head. Its content is not used. */
const MAX_HEAD_BYTES = 16 * 1024

export interface EgressProxy {
  host: string
  port: number
  /** Value of Proxy-Authorization. */
  authorization: string | undefined
}

/** @param text `http://[user:password@]host[:port]`, as the configuration checked it */
export function parseProxy(text: string): EgressProxy {
  const { hostname, port, username, password } = new URL(text)
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  const hasCredentials = username !== '' || password !== ''
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 80 : Number(port),
    authorization: hasCredentials ? `Basic ${Buffer.from(pair).toString('base64')}` : undefined,
  }
}

/**
 * A connection to `address` through the proxy. The proxy gets the address and not the name: it would
 * resolve the name again, and could connect to an address that was not checked.
 *
 * @throws {EgressError} with the reason ERR_PROXY
 */
export async function openTunnel(
  proxy: EgressProxy,
  target: Target,
  address: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  const end = performance.now() + timeoutMs
  const socket = connect({ host: proxy.host, port: proxy.port })
  await established(socket, 'connect', timeoutMs, signal, {
    failure: (cause) =>
      failed('ERR_PROXY', `${target.host}: the proxy of the service is not available.`, cause),
    late: () => late(target),
  })
  return await ask(socket, proxy, target, address, end - performance.now(), signal)
}

async function ask(
  socket: Socket,
  proxy: EgressProxy,
  target: Target,
  address: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  const authority = `${address.includes(':') ? `[${address}]` : address}:${target.port}`
  const client = new UndiciClient(`http://${authority}`, {
    connect: takeOnce(socket),
    maxHeaderSize: MAX_HEAD_BYTES,
  })
  const answer = Promise.withResolvers<Answer>()
  const timer = setTimeout(() => answer.reject(late(target)), timeoutMs)
  const abort = () => answer.reject(aborted())
  signal.addEventListener('abort', abort)
  const headers: Record<string, string> = {}
  if (proxy.authorization !== undefined) headers['proxy-authorization'] = proxy.authorization
  client.dispatch({ method: 'CONNECT', path: authority, headers }, handlerOf(answer))
  try {
    const { status, tunnel } = await answer.promise
    if (status < 200 || status > 299) throw refusal(target, status)
    return tunnel
  } catch (cause) {
    socket.on('error', () => {}).destroy()
    if (cause instanceof EgressError) throw cause
    const message = `${target.host}: the proxy of the service sent an invalid response.`
    throw failed('ERR_PROXY', message, cause)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
    client.destroy().catch(() => {})
  }
}

interface Answer {
  status: number
  tunnel: Socket
}

/** The library hands over the socket at any status of a response to CONNECT. */
function handlerOf(answer: PromiseWithResolvers<Answer>): Dispatcher.DispatchHandler {
  return {
    onRequestStart() {},
    onRequestUpgrade: (_controller, status, _headers, tunnel) =>
      answer.resolve({ status, tunnel: tunnel as Socket }),
    onResponseError: (_controller, cause) => answer.reject(cause),
  }
}

function refusal({ host, port }: Target, status: number): EgressError {
  return failed(
    'ERR_PROXY',
    `${host}: the proxy of the service did not connect to port ${port} (status ${status}).`,
  )
}

function late({ host }: Target): EgressError {
  return new EgressError(
    'TIMEOUT',
    'ERR_PROXY',
    `${host}: the proxy of the service did not connect in time.`,
  )
}
