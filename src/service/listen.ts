/** Taking a port or a socket, or saying in one sentence why not. */
import { lstatSync, rmSync } from 'node:fs'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { FunctionError } from '../errors.ts'

/** sockaddr_un holds so many bytes of a path. */
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
  // Where a name has no address, the code is of something else.
  if (code === 'EADDRNOTAVAIL' || isIP(hostname) === 0) {
    return `${hostname} is not an address of this machine: set another with --host.`
  }
  return `Port ${port} of ${hostname} cannot be used (${code}).`
}

/**
 * Listens on a socket that only its owner may use. The file of a service that was killed is
 * replaced; one that somebody listens on is not.
 *
 * @throws {FunctionError} CONFLICT
 */
export async function onSocket<T>(path: string, listen: (path: string) => T): Promise<T> {
  const absolute = resolve(path)
  if (Buffer.byteLength(absolute) > MAX_SOCKET_PATH) {
    const limit = `a socket's path has at most ${MAX_SOCKET_PATH} bytes`
    throw new FunctionError(
      'CONFLICT',
      `${path} is too long: ${limit}; set a shorter path with --socket.`,
    )
  }
  await replaceStale(absolute)
  const before = process.umask(0o177)
  try {
    return listen(absolute)
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message
    throw new FunctionError('CONFLICT', `The socket ${path} cannot be used (${why}).`, {
      cause,
    })
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
  if (await answers(path)) {
    throw new FunctionError('CONFLICT', `The socket ${path} is in use by another program.`)
  }
  rmSync(path, { force: true })
}

async function answers(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } })
    socket.end()
    return true
  } catch {
    return false
  }
}
