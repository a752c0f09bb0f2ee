/** Asks DNS servers for the code of a reply alone: why a name has no address. */
import { isIP } from 'node:net'

/** RFC 1035, 4.1.1. */
export const REPLY_SERVFAIL = 2
export const REPLY_NXDOMAIN = 3

/** Longest wait for one server. Only the text of an error depends on the reply. */
const WAIT_MS = 1_000
const MAX_SERVERS = 2
const DNS_PORT = 53
const HEADER_BYTES = 12
/** One question; recursion desired. */
const FLAGS = 0x0100
const TYPE_A_CLASS_IN = [0, 1, 0, 1]

/**
 * The reply code of the first server that answers; undefined if none does.
 *
 * @param servers an address, or `address:port`
 */
export async function askReplyCode(
  name: string,
  servers: readonly string[],
): Promise<number | undefined> {
  for (const server of servers.slice(0, MAX_SERVERS)) {
    const code = await askServer(name, server).catch(() => undefined)
    if (code !== undefined) return code
  }
  return undefined
}

async function askServer(name: string, server: string): Promise<number | undefined> {
  const query = question(name)
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  // A connected socket receives from that server alone.
  const socket = await Bun.udpSocket({
    connect: endpoint(server),
    socket: {
      data: (_socket, reply) => {
        const ours = reply.length >= HEADER_BYTES && reply.readUInt16BE(0) === query.readUInt16BE(0)
        if (ours) resolve(reply.readUInt8(3) & 0x0f)
      },
      error: () => resolve(undefined),
    },
  })
  const timer = setTimeout(() => resolve(undefined), WAIT_MS)
  try {
    socket.send(query)
    return await promise
  } finally {
    clearTimeout(timer)
    socket.close()
  }
}

function question(name: string): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  crypto.getRandomValues(header.subarray(0, 2))
  header.writeUInt16BE(FLAGS, 2)
  header.writeUInt16BE(1, 4)
  const labels = name.split('.').map((label) => {
    const bytes = Buffer.from(label, 'latin1')
    return Buffer.concat([Buffer.from([bytes.length]), bytes])
  })
  return Buffer.concat([header, ...labels, Buffer.from([0, ...TYPE_A_CLASS_IN])])
}

function endpoint(server: string): { hostname: string; port: number } {
  if (isIP(server) !== 0) return { hostname: server, port: DNS_PORT }
  const colon = server.lastIndexOf(':')
  const hostname = server.slice(0, colon).replace(/^\[|\]$/g, '')
  return { hostname, port: Number(server.slice(colon + 1)) }
}
