/** Listens on the public port and on the management socket. Each error says what to change. */
import { lstatSync, renameSync, rmSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import type { Server } from 'bun'
import { FunctionError } from '../errors.ts'
import { acceptedBy } from '../lib/descriptors.ts'
import { isListening } from '../lib/socket-probe.ts'

/** Maximum bytes of a socket path: sockaddr_un.sun_path without its NUL. */
const MAX_SOCKET_PATH = 107

/** @throws {FunctionError} CONFLICT */
export function onPort<T>(
  hostname: string,
  port: number,
  listen: () => T,
  flags = '--host or --port',
): T {
  try {
    return listen()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new FunctionError('CONFLICT', whyNot(hostname, port, code, flags), { cause })
  }
}

function whyNot(hostname: string, port: number, code: string | undefined, flags: string): string {
  if (code === 'EADDRINUSE') return `Port ${port} of ${hostname} is in use by another program.`
  if (code === 'EACCES')
    return `Permission denied for port ${port} of ${hostname}: use a port above 1023, or grant CAP_NET_BIND_SERVICE.`
  // For a host name without an address, Bun reports an unrelated code.
  if (code === 'EADDRNOTAVAIL' || isIP(hostname) === 0) {
    return `${hostname} is not an address of this machine: set another with ${flags.split(' ', 1)[0]}.`
  }
  return `Port ${port} of ${hostname} cannot be used (${code}): set another address with ${flags}.`
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
  return privately(path, absolute, listen)
}

/** Listens on a socket that only its owner may use. */
function privately<T>(path: string, absolute: string, listen: (path: string) => T): T {
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

/** The management API on its socket. */
export class ManagementSocket {
  readonly #server: Server<undefined>
  /** Where clients look for it. */
  readonly #path: string
  readonly #listensOn: string
  readonly #inode: number

  /** Each response closes its connection. */
  #closing = false

  private constructor(path: string, listensOn: string, answer: Answer) {
    this.#path = path
    this.#listensOn = listensOn
    this.#server = this.#serve(answer)
    this.#inode = statSync(listensOn).ino
  }

  /** @throws {FunctionError} CONFLICT */
  static async listen(path: string, answer: Answer): Promise<ManagementSocket> {
    return await onSocket(path, (unix) => new ManagementSocket(unix, unix, answer))
  }

  /**
   * Listens while another process has the socket, under a name that no client looks for.
   *
   * @throws {FunctionError} CONFLICT
   */
  static beside(path: string, answer: Answer): ManagementSocket {
    const absolute = resolve(path)
    const temporary = join(dirname(absolute), `.${process.pid}.sock`)
    return privately(temporary, temporary, (unix) => new ManagementSocket(absolute, unix, answer))
  }

  /** Takes the place of the other process's socket, so that no client finds none. */
  publish(): void {
    renameSync(this.#listensOn, this.#path)
  }

  /** Clients that connect now reach this server. */
  get published(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.ino === this.#inode
  }

  /** Another process has the socket: clients send their next request there, on a new connection. */
  leave(): void {
    this.#closing = true
  }

  /** Number of open connections. */
  connections(): number {
    return acceptedBy(this.#listensOn)
  }

  /** Bun removes the file that the server listened on, under its first name. */
  async stop(closeConnections = false): Promise<void> {
    if (this.published) rmSync(this.#path, { force: true })
    await this.#server.stop(closeConnections)
  }

  #serve(answer: Answer): Server<undefined> {
    return Bun.serve({
      unix: this.#listensOn,
      development: false,
      fetch: async (request, server) => {
        // A deployment may take longer than the default idle timeout of a connection.
        server.timeout(request, 0)
        const response = await answer(request)
        if (this.#closing) response.headers.set('connection', 'close')
        return response
      },
    })
  }
}

type Answer = (request: Request) => Response | Promise<Response>

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
