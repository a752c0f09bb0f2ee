/** Listens on the public port and on the management socket. Each error says what to change. */
import { lstatSync, rmSync } from 'node:fs'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { FunctionError } from '../errors.ts'
import { isListening } from '../lib/socket-probe.ts'

/** Maximum bytes of a socket path: sockaddr_un.sun_path without its NUL. */
const MAX_SOCKET_PATH = 107

/** @throws {FunctionError} CONFLICT */
export function onPort<T>(hostname: string, port: number, listen: () => T): T {
  try {
    return listen()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new FunctionError('CONFLICT', whyNot(hostname, port, code), { cause })
  }
}

function whyNot(hostname: string, port: number, code: string | undefined): string {
  if (code === 'EADDRINUSE') return `Port ${port} of ${hostname} is in use by another program.`
  if (code === 'EACCES')
    return `Permission denied for port ${port} of ${hostname}: use a port above 1023, or grant CAP_NET_BIND_SERVICE.`
  // For a host name without an address, Bun reports an unrelated code.
  if (code === 'EADDRNOTAVAIL' || isIP(hostname) === 0) {
    return `${hostname} is not an address of this machine: set another with --host.`
  }
  return `Port ${port} of ${hostname} cannot be used (${code}): set another address with --host or --port.`
}

/**
 * Listens on a socket that only its owner may use. The socket file of a service that was killed is
 * replaced; one that a process still listens on is not.
 *
 * @throws {FunctionError} CONFLICT
 */
export async function onSocket<T>(path: string, listen: (path: string) => T): Promise<T> {
  const absolute = resolve(path)
  if (Buffer.byteLength(absolute) > MAX_SOCKET_PATH) {
    const limit = `at most ${MAX_SOCKET_PATH} bytes are possible`
    throw new FunctionError(
      'CONFLICT',
      `The socket path ${path} is too long: ${limit}. Set a shorter path with --socket.`,
    )
  }
  await replaceStale(absolute)
  const before = process.umask(0o177)
  try {
    return listen(absolute)
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message
    const message = `The socket ${path} cannot be used (${why}): check its directory, or set another path with --socket.`
    throw new FunctionError('CONFLICT', message, { cause })
  } finally {
    process.umask(before)
  }
}

async function replaceStale(path: string): Promise<void> {
  const file = lstatSync(path, { throwIfNoEntry: false })
  if (file === undefined) return
  if (!file.isSocket()) {
    throw new FunctionError(
      'CONFLICT',
      `${path} exists and is not a socket: remove it, or set another path with --socket.`,
    )
  }
  if (await isListening(path)) {
    throw new FunctionError('CONFLICT', `The socket ${path} is in use by another program.`)
  }
  rmSync(path, { force: true })
}
