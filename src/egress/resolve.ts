/** Resolves a host name and checks every address of the answer. */
import { promises as dns } from 'node:dns'
import { isMetadataName, type PrivateAllowance, specialKind } from './addresses.ts'
import { EgressError, failed, refused } from './errors.ts'
import { badPort, isBadPort, type Target } from './target.ts'

/**
 * Looks up the addresses of a name, with a new query each time. If answers were cached, or queries in
 * flight were shared, one tenant could find out by timing which names another one had looked up.
 */
export type Lookup = (name: string) => Promise<string[]>

/**
 * @param resolver `address:port` of a DNS server that replaces the system's resolver
 * @param timeoutMs for one whole lookup
 */
export function createLookup(resolver: string | undefined, timeoutMs: number): Lookup {
  const ask = resolver === undefined ? askSystem : askServer(resolver, timeoutMs)
  return (name) => {
    // RFC 6761: these names mean this machine, whatever a DNS server answers.
    if (name === 'localhost' || name.endsWith('.localhost')) return Promise.resolve(['127.0.0.1'])
    return within(timeoutMs, ask(name), name)
  }
}

/**
 * The addresses to connect to. One forbidden address rejects the whole answer: mixed answers are how
 * DNS rebinding is done.
 *
 * @throws {EgressError} REFUSED or FAILED
 */
export async function resolveTarget(
  target: Target,
  lookup: Lookup,
  allowance: PrivateAllowance,
): Promise<string[]> {
  const addresses = target.literal ? [target.host] : await lookup(target.host)
  if (addresses.length === 0) throw failed(`${target.host} has no address.`)
  for (const address of addresses) checkAddress(address, target, allowance)
  return addresses
}

function checkAddress(address: string, target: Target, allowance: PrivateAllowance): void {
  const { host, port } = target
  const kind = specialKind(address)
  if (kind === 'no address') throw failed(`${host} resolves to an address that is not valid.`)
  const allowed = allowance.allows(address, port)
  if (kind !== undefined && !allowed) {
    const verb = target.literal ? 'is' : 'resolves to'
    throw refused(`${host} ${verb} ${kind}, which functions may not reach.`)
  }
  if (isMetadataName(host) && !allowed) {
    throw refused(`${host} is the name of a metadata service, which functions may not reach.`)
  }
  if (isBadPort(port) && !allowance.names(address, port)) throw badPort(port)
}

const PORTS = 65_535
let lookups = 0

/**
 * Bun merges equal lookups that are in flight, so each lookup gets another port, which has no other
 * effect. Breaks when Bun merges lookups of different ports; resolve.test.ts notices.
 */
async function askSystem(name: string): Promise<string[]> {
  lookups = (lookups + 1) % PORTS
  const found = await Bun.dns.lookup(name, { backend: 'system', port: lookups })
  return found.map(({ address }) => address)
}

function askServer(server: string, timeoutMs: number): Lookup {
  return async (name) => {
    // A resolver caches answers for their TTL; a new one for each lookup has no cache.
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
    const message = `${name} could not be resolved in time: the DNS server did not answer.`
    const late = () => reject(new EgressError('TIMEOUT', message))
    const timer = setTimeout(late, ms)
    answer
      .then(resolve, (cause) => reject(failed(`${name} could not be resolved.`, cause)))
      .finally(() => clearTimeout(timer))
  })
}
