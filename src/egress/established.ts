/** Waits until a socket is connected. */
import type { Socket } from 'node:net'
import { aborted, type EgressError } from './errors.ts'

export interface Explanations {
  /** The socket failed, or was closed: then there is no cause. */
  failure(cause: (Error & { code?: string }) | undefined): EgressError
  late(): EgressError
}

/**
 * Resolves at the event `event`; destroys the socket if that does not come in time.
 *
 * @throws {EgressError}
 */
export function established(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  timeoutMs: number,
  signal: AbortSignal,
  { failure, late }: Explanations,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
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
    const fail = (cause: Error) => settle(failure(cause))
    const close = () => settle(failure(undefined))
    const timer = setTimeout(() => settle(late()), timeoutMs)
    socket.on('error', fail).on('close', close)
    socket.once(event, () => settle())
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort)
  })
}
