/**
 * What clients have not acknowledged yet. Bun's server does not say how far a client has read: a system
 * buffers some megabytes for each connection, and a slow client needs minutes for them. The kernel's
 * tables of connections have the bytes that wait in each one.
 */
import { isIPv4 } from 'node:net'

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6']

/** The other end of a connection. */
export interface Peer {
  address: string
  port: number
}

/** The bytes that wait in each connection to a local port, by the peer: see `queueOf`. */
export async function sendQueues(localPort: number): Promise<ReadonlyMap<string, number>> {
  const queues = new Map<string, number>()
  const local = hexPort(localPort)
  for (const table of TABLES) {
    for (const line of (await textOf(table)).split('\n')) {
      // sl, local address, remote address, state, transmit and receive queue
      const [, from, to, , both] = line.trim().split(/\s+/, 5)
      if (from === undefined || to === undefined || !from.endsWith(local)) continue
      queues.set(to, Number.parseInt(both ?? '', 16))
    }
  }
  return queues
}

/** The bytes that wait for this peer; undefined if it has no connection. */
export function queueOf(queues: ReadonlyMap<string, number>, peer: Peer): number | undefined {
  for (const key of keysOf(peer)) {
    const bytes = queues.get(key)
    if (bytes !== undefined) return bytes
  }
  return undefined
}

/** A peer as the kernel's tables write it: IPv4 also as in IPv6. */
function keysOf({ address: given, port }: Peer): string[] {
  const address = given.replace(/^::ffff:(?=\d+\.)/, '')
  const end = hexPort(port)
  if (isIPv4(address)) {
    const word = hexWord(address.split('.').map(Number))
    return [`${word}${end}`, `0000000000000000FFFF0000${word}${end}`]
  }
  const bytes = ipv6Bytes(address)
  if (bytes === undefined) return []
  const words = [0, 4, 8, 12].map((at) => hexWord(bytes.slice(at, at + 4)))
  return [`${words.join('')}${end}`]
}

async function textOf(path: string): Promise<string> {
  try {
    return await Bun.file(path).text()
  } catch {
    return '' // no IPv6, or a /proc without these files
  }
}

function hexPort(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, '0')}`
}

/** Four bytes as the kernel prints a word of them: on these machines the last byte comes first. */
function hexWord(bytes: number[]): string {
  return bytes
    .map((byte) => byte.toString(16).toUpperCase().padStart(2, '0'))
    .reverse()
    .join('')
}

function ipv6Bytes(address: string): number[] | undefined {
  const parsed = URL.parse(`http://[${address.split('%')[0]}]/`)
  if (parsed === null) return undefined
  const [head = '', tail] = parsed.hostname.slice(1, -1).split('::')
  const groups = (text: string) => text.split(':').filter((group) => group !== '')
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = new Array(Math.max(0, 8 - before.length - after.length)).fill('0')
  return [...before, ...zeros, ...after].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}
