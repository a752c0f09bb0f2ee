/**
 * Who sent a request, and with which scheme and host: what the connection shows, or what a trusted proxy
 * says in `X-Forwarded-*` or `Forwarded` (RFC 7239). Nobody else is believed.
 *
 * Each proxy appends the address of its own peer at the right of a list. So the list is read from there:
 * an entry is believed if the one to its right, or the connection, is a trusted proxy. What stands to the
 * left of the first address that is not trusted is the client's own claim.
 */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { RawHeaders } from './headers.ts'
import { validHost } from './target.ts'

/** Proxies in a row that are followed. At the limit the client's address is unknown. */
const MAX_HOPS = 32

export interface ClientOrigin {
  /** The client's address; undefined if it is not known. */
  address: string | undefined
  /** The client's `scheme://host`, where it differs from what the listener received. */
  base: string | undefined
  /** The connection comes from a trusted proxy. */
  trusted: boolean
}

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** The addresses in `server.trusted_proxies`. */
export class TrustedProxies {
  readonly #networks: [Address, number][] = []
  /** A proxy's connections come one after another: its address is looked up once. */
  #last = ''
  #lastTrusted = false
  #lastKey = ''
  #lastBase: string | undefined

  /** @param entries addresses and CIDRs */
  constructor(entries: readonly string[]) {
    for (const entry of entries) this.#networks.push(parseNetwork(entry))
  }

  /**
   * @param peer address of the connection, canonical; undefined if it was reset meanwhile, which is no
   *   proxy then
   * @param ownHost the listener's host and port, for a request that names none
   */
  originOf(peer: string | undefined, raw: RawHeaders, ownHost: string): ClientOrigin {
    if (!this.#trusts(peer)) return { address: peer, base: undefined, trusted: false }
    const forwardedFor = text(raw['x-forwarded-for'])
    const forwarded = text(raw.forwarded)
    // A proxy that sets one of the two may pass on the client's own copy of the other.
    const claim =
      forwardedFor === undefined && forwarded !== undefined
        ? this.#fromForwarded(peer, forwarded)
        : this.#fromLists(peer, forwardedFor, raw)
    return { address: claim.address, base: this.#base(claim, raw, ownHost), trusted: true }
  }

  #trusts(peer: string | undefined): boolean {
    if (peer === undefined || this.#networks.length === 0) return false
    if (peer === this.#last) return this.#lastTrusted
    this.#last = peer
    this.#lastTrusted = this.#lists(peer)
    return this.#lastTrusted
  }

  #lists(address: string): boolean {
    if (isIP(address) === 0) return false
    const parsed = ipaddr.parse(address)
    return this.#networks.some(
      ([base, bits]) => base.kind() === parsed.kind() && parsed.match([base, bits] as never),
    )
  }

  #fromLists(peer: string | undefined, forwardedFor: string | undefined, raw: RawHeaders): Claim {
    const hops = forwardedFor === undefined ? [] : forwardedFor.split(',')
    const { address, followed } = this.#walk(peer, hops)
    return {
      address,
      scheme: ofHop(raw['x-forwarded-proto'], followed),
      host: ofHop(raw['x-forwarded-host'], followed),
    }
  }

  #fromForwarded(peer: string | undefined, header: string): Claim {
    const elements = parseForwarded(header)
    if (elements === undefined) return { address: undefined, scheme: undefined, host: undefined }
    const { address, followed } = this.#walk(
      peer,
      elements.map((element) => element.get('for') ?? ''),
    )
    const outermost = elements.at(-followed)
    return { address, scheme: outermost?.get('proto'), host: outermost?.get('host') }
  }

  /** Follows trusted proxies from the right; `followed` entries are theirs. */
  #walk(peer: string | undefined, hops: string[]) {
    let address = peer
    let followed = 0
    while (followed < hops.length && (followed === 0 || this.#lists(address as string))) {
      address = followed === MAX_HOPS ? undefined : parseNode(hops.at(-1 - followed) as string)
      followed++
      if (address === undefined) break
    }
    return { address, followed }
  }

  #base(claim: Claim, raw: RawHeaders, ownHost: string): string | undefined {
    const scheme = claim.scheme?.toLowerCase() === 'https' ? 'https' : 'http'
    if (scheme === 'http' && claim.host === undefined) return undefined
    const host = claim.host ?? (text(raw.host) || ownHost)
    const key = `${scheme}://${host}`
    if (key !== this.#lastKey) {
      this.#lastKey = key
      const valid = validHost(host) ? host : (text(raw.host) ?? '')
      this.#lastBase = validHost(valid) ? new URL(`${scheme}://${valid}`).origin : undefined
    }
    return this.#lastBase
  }
}

interface Claim {
  address: string | undefined
  scheme: string | undefined
  host: string | undefined
}

/** An address as it is compared and shown: IPv6 compressed, an IPv4-mapped one as IPv4. */
function canonicalAddress(address: string): string {
  if (!address.includes(':')) return address
  const parsed = ipaddr.IPv6.parse(address)
  return parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : parsed.toRFC5952String()
}

/** The address in one entry of a list: alone, or with a port; IPv6 with or without brackets. */
function parseNode(entry: string): string | undefined {
  const node = entry.trim()
  const match = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/.exec(node)
  const address = match?.[1] ?? match?.[2] ?? node
  const fits = match?.[1] === undefined ? isIP(address) !== 0 : isIP(address) === 6
  // A zone means something to the proxy's machine only.
  return fits && !address.includes('%') ? canonicalAddress(address) : undefined
}

/** The entry of a list that the outermost trusted proxy wrote; a list may be shorter than the chain. */
function ofHop(value: string | string[] | undefined, followed: number): string | undefined {
  const list = text(value)?.split(',')
  return list?.[Math.max(0, list.length - Math.max(1, followed))]?.trim() || undefined
}

function text(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.join(',')
}

const PAIR = /[ \t]*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;\\]+))[ \t]*(;|,|$)/y

/** The elements of a Forwarded header, names in lower case; undefined if it is malformed. */
function parseForwarded(header: string): Map<string, string>[] | undefined {
  const elements = [new Map<string, string>()]
  for (let at = 0; at < header.length; at = PAIR.lastIndex) {
    PAIR.lastIndex = at
    const match = PAIR.exec(header)
    if (match === null) return undefined
    const [, name = '', quoted, token, end] = match
    elements.at(-1)?.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? token ?? '')
    if (end === ',') elements.push(new Map())
  }
  return elements.at(-1)?.size === 0 ? undefined : elements
}

/** @throws {Error} if it is neither an address nor a CIDR */
function parseNetwork(entry: string): [Address, number] {
  const [address, bits] = entry.includes('/')
    ? ipaddr.parseCIDR(entry)
    : [ipaddr.parse(entry), undefined]
  const mapped = address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress()
  const width = address.kind() === 'ipv4' ? 32 : 128
  if (!mapped || (bits ?? width) < 96) return [address, bits ?? width]
  return [address.toIPv4Address(), (bits ?? width) - 96]
}
