/** Sends datagrams to Unix sockets. Bun and Node.js have no such sockets. */
import { addressOf, CLOEXEC, type Libc, libc } from './libc.ts'

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOL_SOCKET = 1
const SO_SNDTIMEO = 21
const SCM_RIGHTS = 1
const MSG_NOSIGNAL = 0x4000
const MSG_DONTWAIT = 0x40
/** Bytes of sockaddr_un.sun_path. */
const MAX_PATH = 108
/** How long a send may wait for a receiver whose queue is full, s. This thread does nothing else meanwhile. */
const SEND_TIMEOUT_S = 2
/** struct msghdr, and with the one struct iovec behind it. */
const MSGHDR_BYTES = 56n
const HEADER_BYTES = 72

export interface Datagram {
  /** Path of the receiver's socket; `@` in front stands for an abstract one. */
  to: string
  text: string
  /** A descriptor that the receiver gets a copy of. */
  fd?: number
  /** Return false instead of waiting when the receiver's queue is full. */
  noWait?: boolean
}

/** @returns whether the kernel has queued the datagram for its receiver */
export function sendDatagram(datagram: Datagram): boolean {
  const c = libc()
  const fd = c.socket(AF_UNIX, SOCK_DGRAM | CLOEXEC, 0)
  if (fd < 0) return false
  try {
    c.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, new BigInt64Array([BigInt(SEND_TIMEOUT_S), 0n]), 16)
    return send(c, fd, datagram)
  } finally {
    c.close(fd)
  }
}

function send(c: Libc, fd: number, { to, text, fd: attached, noWait = false }: Datagram): boolean {
  const address = socketAddress(to)
  if (address === undefined) return false
  const bytes = Buffer.from(text)
  const control = attached === undefined ? Buffer.alloc(0) : descriptorMessage(attached)
  // One allocation, so that all parts live as long as the call: msghdr, iovec, then what they point to.
  const parts = [Buffer.alloc(HEADER_BYTES), control, address, bytes]
  const message = Buffer.concat(parts)
  const base = BigInt(addressOf(message))
  const at = (part: number) =>
    base + BigInt(parts.slice(0, part).reduce((sum, { length }) => sum + length, 0))
  const size = (part: number) => BigInt((parts[part] as Buffer).length)
  const fields = [at(2), size(2), base + MSGHDR_BYTES, 1n, at(1), size(1), 0n, at(3), size(3)]
  for (const [index, field] of fields.entries()) message.writeBigUInt64LE(field, index * 8)
  const sent = c.sendmsg(fd, message, MSG_NOSIGNAL | (noWait ? MSG_DONTWAIT : 0))
  return Number(sent) === bytes.length
}

/** struct sockaddr_un. An abstract name ends with the address, a path with a NUL. */
function socketAddress(to: string): Buffer | undefined {
  const abstract = to.startsWith('@')
  if (!abstract && !to.startsWith('/')) return undefined
  const path = Buffer.from(abstract ? `\0${to.slice(1)}` : `${to}\0`)
  if (path.length > MAX_PATH) return undefined
  return Buffer.concat([Buffer.from([AF_UNIX, 0]), path])
}

/** struct cmsghdr with one descriptor, padded to 8 bytes. */
function descriptorMessage(fd: number): Buffer {
  const message = Buffer.alloc(24)
  message.writeBigUInt64LE(20n, 0)
  message.writeInt32LE(SOL_SOCKET, 8)
  message.writeInt32LE(SCM_RIGHTS, 12)
  message.writeInt32LE(fd, 16)
  return message
}
