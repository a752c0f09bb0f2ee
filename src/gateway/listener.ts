/**
 * The listening socket below an HTTP server of Bun, which has no API for it: it ignores the option `fd`, and it can
 * only close the socket, not stop accepting.
 *
 * Bun polls a listening socket with epoll. So the socket can be exchanged below the server: `dup3` puts another one
 * under the same descriptor, and it is registered with the values of the first, which /proc/self/fdinfo shows. A
 * socket that two processes have so is one queue of connections: whichever accepts first serves the client, and a
 * process that stops accepting loses none.
 */
import { fstatSync, readFileSync, readlinkSync } from 'node:fs'
import { acceptedBy, boundTo, descriptors, listens } from '../lib/descriptors.ts'
import { CLOEXEC, libc } from '../lib/libc.ts'

const EPOLL_CTL_ADD = 1
const EPOLL_CTL_DEL = 2
const EPOLL_LINK = 'anon_inode:[eventpoll]'

/** How epoll watches the socket. */
interface Registration {
  epoll: number
  events: number
  data: bigint
}

export class Listener {
  /** It belongs to Bun's server. */
  readonly fd: number
  readonly #registration: Registration
  #paused = false

  /**
   * Finds the socket of a server.
   *
   * @param port the server's; no other server of this process may have it
   * @throws {Error} if this version of Bun does not listen as expected
   */
  constructor(port: number) {
    const fd = descriptors().find((each) => listens(each) && boundTo(each) === port)
    if (fd === undefined) throw new Error(`no descriptor listens on port ${port}`)
    this.fd = fd
    this.#registration = registrationOf(fd)
  }

  /** The port of the socket, which another one may have replaced. */
  get port(): number {
    return Number(boundTo(this.fd) ?? 0)
  }

  /** Stops accepting. Connections wait in the queue of the socket until some process accepts them. */
  pause(): void {
    if (this.#paused) return
    this.#control(EPOLL_CTL_DEL)
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#control(EPOLL_CTL_ADD)
    this.#paused = false
  }

  /**
   * Replaces the socket by another one that listens, and closes `fd`.
   *
   * @throws {Error} if it is not one, or if the server would not accept its connections
   */
  replace(fd: number): void {
    if (!listens(fd)) throw new Error(`the descriptor ${fd} is not a listening socket`)
    const { ino } = fstatSync(fd)
    // This closes the first socket, which ends its registration.
    if (libc().dup3(fd, this.fd, CLOEXEC) !== this.fd) throw new Error('dup3 failed')
    libc().close(fd)
    this.#control(EPOLL_CTL_ADD)
    const { epoll, events, data } = registrationOf(this.fd)
    const before = this.#registration
    const same = epoll === before.epoll && events === before.events && data === before.data
    if (!same || fstatSync(this.fd).ino !== ino)
      throw new Error('the server does not poll the socket')
  }

  /** Number of open connections of this process that came in by the socket's port. */
  connections(): number {
    return acceptedBy(this.port)
  }

  #control(operation: number): void {
    const { epoll, events, data } = this.#registration
    const event = Buffer.alloc(16)
    event.writeUInt32LE(events, 0)
    // x86-64 packs the structure.
    event.writeBigUInt64LE(data, process.arch === 'x64' ? 4 : 8)
    if (libc().epoll_ctl(epoll, operation, this.fd, event) !== 0) {
      throw new Error(`epoll_ctl ${operation} failed for the listening socket`)
    }
  }
}

function registrationOf(fd: number): Registration {
  const entry = new RegExp(`^tfd:\\s+${fd} events:\\s+([0-9a-f]+) data:\\s+([0-9a-f]+)`, 'm')
  for (const epoll of descriptors()) {
    if (linkOf(epoll) !== EPOLL_LINK) continue
    const found = entry.exec(readFileSync(`/proc/self/fdinfo/${epoll}`, 'latin1'))
    if (found === null) continue
    const [, events = '', data = ''] = found
    return { epoll, events: Number.parseInt(events, 16), data: BigInt(`0x${data}`) }
  }
  throw new Error(`no epoll instance watches the descriptor ${fd}`)
}

/** Undefined for the descriptor that read the directory, which is closed by now. */
function linkOf(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined
  }
}
