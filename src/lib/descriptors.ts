/** The open descriptors of this process, and what its sockets are bound to. */
import { readdirSync } from 'node:fs'
import { libc } from './libc.ts'

const SOL_SOCKET = 1
const SO_ACCEPTCONN = 30
const AF_UNIX = 1
const AF_INET = 2
const AF_INET6 = 10
const ADDRESS_BYTES = 128

export function descriptors(): number[] {
  return readdirSync('/proc/self/fd').map(Number)
}

/** Whether the descriptor is a socket that listens. */
export function listens(fd: number): boolean {
  const value = new Int32Array(1)
  const size = new Uint32Array([value.byteLength])
  return libc().getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, value, size) === 0 && value[0] === 1
}

/**
 * The port of a TCP socket, or the path of a Unix socket; undefined for anything else. A connection has the one of the
 * socket that accepted it.
 */
export function boundTo(fd: number): number | string | undefined {
  const address = Buffer.alloc(ADDRESS_BYTES)
  const size = new Uint32Array([ADDRESS_BYTES])
  if (libc().getsockname(fd, address, size) !== 0) return undefined
  const family = address.readUInt16LE(0)
  if (family === AF_INET || family === AF_INET6) return address.readUInt16BE(2)
  if (family !== AF_UNIX) return undefined
  return address.toString('utf8', 2, size[0]).replace(/\0.*$/s, '')
}

/** The connections that a listening socket of this port or path has accepted and that are open. */
export function acceptedBy(listener: number | string): number {
  return descriptors().filter((fd) => boundTo(fd) === listener && !listens(fd)).length
}
