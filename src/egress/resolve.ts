/** One resolution of a host name: every address that it has, each of them checked. */
import { promises as dns } from 'node:dns'
import { isMetadataName, type PrivateAllowance, specialKind } from './addresses.ts'
import { isBadPort } from './bad-ports.ts'
import { EgressError, failed, refused } from './errors.ts'
import { badPort, type Target } from './target.ts'

/**
 * Asks for the addresses of a name: each question goes out for itself. Were an answer kept, or a question
 * under way joined, one tenant could tell from the time of its answer what another had asked for.
 */
export type Lookup = (name: string) => Promise<string[]>

/**
 * @param resolver `address:port` of a DNS server to ask in place of the system's ways
 * @param timeoutMs for the whole of one question
 */
export function createLookup(resolver: string | undefined, timeoutMs: number): Lookup {
  const ask = resolver === undefined ? askSystem : askServer(resolver, timeoutMs)
  return (name) => {
    // RFC 6761: such a name is this machine, whatever a DNS server says of it.
    if (name === 'localhost' || name.endsWith('.localhost')) return Promise.resolve(['127.0.0.1'])
    return within(timeoutMs, ask(name), name)
  }
}

/**
 * The addresses to connect to. One that must not be reached spoils them all: whoever answers so
 * plays a game.
 *
 * @throws {EgressError} REFUSED or FAILED
 */
export async function resolveTarget(
  target: Target,
  lookup: Lookup,
  allowance: PrivateAllowance,
): Promise<string[]> {
  const addresses = target.literal ? [target.host] : await lookup(target.host)
  if (addresses.length === 0) throw failed(`${target.host} has no address`)
  for (const address of addresses) checkAddress(address, target, allowance)
  return addresses
}

function checkAddress(address: string, target: Target, allowance: PrivateAllowance): void {
  const { host, port } = target
  const kind = specialKind(address)
  if (kind === 'no address') throw failed(`${host} has no address that can be used`)
  const allowed = allowance.allows(address, port)
  if (kind !== undefined && !allowed) {
    throw refused(target.literal ? `${host} is ${kind}` : `${host} leads to ${kind}`)
  }
  if (isMetadataName(host) && !allowed) {
    throw refused(`${host} is the name of a metadata service`)
  }
  if (isBadPort(port) && !allowance.names(address, port)) throw badPort(port)
}

const PORTS = 65_535
let asked = 0

/** The port does nothing but tell questions apart: the library joins those that are alike. */
async function askSystem(name: string): Promise<string[]> {
  asked = (asked + 1) % PORTS
  const found = await Bun.dns.lookup(name, { backend: 'system', port: asked })
  return found.map(({ address }) => address)
}

function askServer(server: string, timeoutMs: number): Lookup {
  return async (name) => {
    // A resolver keeps answers for as long as they say: one for each question has none.
    const resolver = new dns.Resolver({ timeout: Math.ceil(timeoutMs / 2), tries: 2 })
    resolver.setServers([server])
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    const [first] = answers
    if (found.length === 0 && first?.status === 'rejected') throw first.reason
    return found
  }
}

function within(ms: number, answer: Promise<string[]>, name: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new EgressError('TIMEOUT', `no answer to who ${name} is`))
    const timer = setTimeout(late, ms)
    answer
      .then(resolve, (cause) => reject(failed(`${name} cannot be resolved`, cause)))
      .finally(() => clearTimeout(timer))
  })
}
