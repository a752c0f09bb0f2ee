/** Classifies addresses: which ones functions may reach. */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** The range from which routed IPv6 addresses are assigned. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3')
/** NAT64 translates these to the IPv4 address in their last 32 bits (RFC 6052). */
const TRANSLATED = ipaddr.parseCIDR('64:ff9b::/96')

/** Metadata services that have a public address (Azure's WireServer). */
const METADATA_ADDRESSES = new Set(['168.63.129.16'])

/** Names that clouds resolve to their metadata service, which gives out the machine's secrets. */
const METADATA_NAMES = new Set([
  'instance-data',
  'instance-data.ec2.internal',
  'metadata',
  'metadata.azure.internal',
  'metadata.goog',
  'metadata.google.internal',
])

/** The library's ranges, in the words of an error message. */
const KINDS: Record<string, string> = {
  broadcast: 'a broadcast address',
  carrierGradeNat: 'an address of a carrier’s NAT',
  deprecatedSiteLocal: 'a private address',
  linkLocal: 'a link-local address',
  loopback: 'a loopback address',
  multicast: 'a multicast address',
  private: 'a private address',
  uniqueLocal: 'a private address',
  unspecified: 'an unspecified address',
}

/**
 * Returns why functions may not reach this address, as a noun such as "a private address"; undefined
 * for a public address. An IPv4 address that is mapped or translated into IPv6 is treated as IPv4.
 */
export function specialKind(text: string): string | undefined {
  if (isIP(text) === 0 || text.includes('%')) return 'no address'
  const address = embedded(ipaddr.parse(text))
  if (METADATA_ADDRESSES.has(address.toString())) return 'the address of a metadata service'
  const range = address.range()
  if (range !== 'unicast') return KINDS[range] ?? 'a reserved address'
  if (address.kind() === 'ipv6' && !address.match(GLOBAL_UNICAST)) return 'a reserved address'
  return undefined
}

/** Is this the name of a cloud's metadata service? `host` is normalised. */
export function isMetadataName(host: string): boolean {
  return METADATA_NAMES.has(host)
}

/** Addresses that are not public and that the operator has allowed (egress.allow_private). */
export class PrivateAllowance {
  readonly #sockets = new Set<string>()
  readonly #ports = new Set<number>()
  readonly #networks: [Address, number][] = []

  /** @param entries `address:port`, IPv6 in brackets, or CIDR */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      if (entry.includes('/')) {
        this.#networks.push(ipaddr.parseCIDR(entry))
        continue
      }
      const colon = entry.lastIndexOf(':')
      const port = Number(entry.slice(colon + 1))
      const address = entry.slice(0, colon).replace(/^\[|\]$/g, '')
      this.#ports.add(port)
      this.#sockets.add(socketKey(embedded(ipaddr.parse(address)), port))
    }
  }

  /** Does the allowance list exactly this address and port? */
  names(address: string, port: number): boolean {
    return this.#sockets.has(socketKey(embedded(ipaddr.parse(address)), port))
  }

  /** Does the allowance list this port with any address? */
  namesPort(port: number): boolean {
    return this.#ports.has(port)
  }

  /** May functions reach this address although it is not public? */
  allows(address: string, port: number): boolean {
    const parsed = embedded(ipaddr.parse(address))
    return (
      this.#sockets.has(socketKey(parsed, port)) ||
      this.#networks.some(([base, bits]) => {
        return base.kind() === parsed.kind() && parsed.match([base, bits] as never)
      })
    )
  }
}

function socketKey(address: Address, port: number): string {
  return `${address.toString()} ${port}`
}

/** The IPv4 address that is embedded in an IPv6 address, or the address itself. */
function embedded(address: Address): Address {
  if (!(address instanceof ipaddr.IPv6)) return address
  if (address.isIPv4MappedAddress()) return address.toIPv4Address()
  if (!address.match(TRANSLATED)) return address
  return new ipaddr.IPv4(address.toByteArray().slice(12))
}
