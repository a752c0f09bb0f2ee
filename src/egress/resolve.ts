/** Resolves a host name and checks every address of the answer. */
import { promises as dns } from 'node:dns'
import { isMetadataName, type PrivateAllowance, specialKind } from './addresses.ts'
import { EgressError, failed, refused } from './errors.ts'
import { askReplyCode, REPLY_NXDOMAIN, REPLY_SERVFAIL } from './reply-code.ts'
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
  const servers = () => (resolver === undefined ? dns.getServers() : [resolver])
  return (name) => {
    // RFC 6761: these names mean this machine, whatever a DNS server answers.
    if (name === 'localhost' || name.endsWith('.localhost')) return Promise.resolve(['127.0.0.1'])
    return within(timeoutMs, explained(name, ask(name), servers), name)
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
  if (addresses.length === 0) throw noAddress(target.host)
  for (const address of addresses) checkAddress(address, target, allowance)
  return addresses
}

function checkAddress(address: string, target: Target, allowance: PrivateAllowance): void {
  const { host, port } = target
  const kind = specialKind(address)
  if (kind === 'no address')
    throw failed('ERR_INVALID_ADDRESS', `${host} resolves to an address that is not valid.`)
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
    const failures = answers.flatMap((answer) =>
      answer.status === 'rejected' ? [answer.reason as Error & { code?: string }] : [],
    )
    if (found.length > 0 || failures.length === 0) return found
    // That one family is missing says less than that the question for the other one failed.
    throw failures.find(({ code }) => code !== 'ENOTFOUND') ?? failures[0]
  }
}

function within(ms: number, answer: Promise<string[]>, name: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(silent(name)), ms)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/**
 * Bun reports a missing name, a name without an address, and some other replies as the same error. The
 * code of the reply is asked for once more, after a failure only.
 *
 * @throws {EgressError} FAILED or TIMEOUT, with a reason that tells these apart
 */
async function explained(
  name: string,
  answer: Promise<string[]>,
  servers: () => string[],
): Promise<string[]> {
  try {
    return await answer
  } catch (cause) {
    const code = String((cause as { code?: unknown }).code).replace(/^DNS_/, '')
    if (code === 'ETIMEOUT' || code === 'ECONNREFUSED') throw silent(name, cause)
    throw explain(name, await askReplyCode(name, servers()), cause)
  }
}

function explain(name: string, replyCode: number | undefined, cause: unknown): EgressError {
  switch (replyCode) {
    case undefined:
      return silent(name, cause)
    case 0:
      return noAddress(name)
    case REPLY_NXDOMAIN:
      return failed('ENOTFOUND', `${name} could not be resolved: the name does not exist.`, cause)
    case REPLY_SERVFAIL:
      return failed(
        'EAI_AGAIN',
        `${name} could not be resolved: the DNS server failed (SERVFAIL). Try again later.`,
        cause,
      )
    default:
      return failed(
        'EAI_FAIL',
        `${name} could not be resolved: the DNS server refused the question (reply code ${replyCode}).`,
        cause,
      )
  }
}

function noAddress(name: string): EgressError {
  return failed('ENODATA', `${name} could not be resolved: the name exists but has no address.`)
}

function silent(name: string, cause?: unknown): EgressError {
  return new EgressError(
    'TIMEOUT',
    'EAI_AGAIN',
    `${name} could not be resolved in time: the DNS server did not answer.`,
    cause,
  )
}
