import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'

/**
 * Hands the socket to the library once. After it is closed the library would reconnect by name, which
 * would bypass the check of the address.
 */
export function takeOnce(socket: Socket) {
  let taken = false
  return (_options: unknown, callback: buildConnector.Callback) => {
    const gone = taken || socket.destroyed
    taken = true
    // Called synchronously, the library would not continue with the request.
    queueMicrotask(() => {
      if (gone) callback(new Error('the connection is closed'), null)
      else callback(null, socket)
    })
  }
}
