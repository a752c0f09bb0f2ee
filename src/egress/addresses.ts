/** What kind of address this is, and whether the world may be asked at it. */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Where IPv6 gives out addresses that are routed: 2000::/3. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3')
/** A translator sends these to the IPv4 address in their last 32 bits (RFC 6052). */
const TRANSLATED = ipaddr.parseCIDR('64:ff9b::/96')

/** A cloud's metadata service in the middle of public addresses (Azure's WireServer). */
const METADATA_ADDRESSES = new Set(['168.63.129.16'])

/** Names that clouds resolve to their metadata service, where secrets of the machine lie. */
const METADATA_NAMES = new Set([
  'instance-data',
  'instance-data.ec2.internal',
  'metadata',
  'metadata.azure.internal',
  'metadata.goog',
  'metadata.google.internal',
])

/** The library's ranges, as a refusal names them. */
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
 * Why nobody may be sent to this address: a kind of address, as in "a private address"; undefined
 * where it is public. An IPv4 address that is mapped or translated into IPv6 is judged as itself.
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

/** Is it a name by which clouds offer their metadata service? `host` is normalised. */
export function isMetadataName(host: string): boolean {
  return METADATA_NAMES.has(host)
}

/** Addresses and ports that the operator named, although they are not public. */
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

  /** Was exactly this address and port named? */
  names(address: string, port: number): boolean {
    return this.#sockets.has(socketKey(embedded(ipaddr.parse(address)), port))
  }

  /** Was the port named with any address? */
  namesPort(port: number): boolean {
    return this.#ports.has(port)
  }

  /** May it be reached although it is not public? */
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

/** The IPv4 address that an IPv6 one stands for, or itself. */
function embedded(address: Address): Address {
  if (!(address instanceof ipaddr.IPv6)) return address
  if (address.isIPv4MappedAddress()) return address.toIPv4Address()
  if (!address.match(TRANSLATED)) return address
  return new ipaddr.IPv4(address.toByteArray().slice(12))
}
