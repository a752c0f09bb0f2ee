/** Bounds how often one address may present a token that is none. */
import ipaddr from 'ipaddr.js'
import type { Clock } from '../lib/clock.ts'

/** Attempts in one window; the next ones are refused unseen until it ends. */
const MAX_FAILURES = 10
const WINDOW_MS = 60_000
/** Windows of one generation, about 100 bytes each; two generations are kept. At the limit the older one is forgotten. */
const MAX_WINDOWS = 32_768
/** A client with one IPv6 address usually has the whole network of this prefix. */
const IPV6_PREFIX_BYTES = 8

interface Window {
  count: number
  /** By the clock, ms. */
  endsAt: number
}

export class FailedAttempts {
  readonly #clock: Clock
  /** Windows that began since `#rotatedAt`, and those of the generation before. */
  #young = new Map<string, Window>()
  #old = new Map<string, Window>()
  #rotatedAt: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#rotatedAt = clock.now()
  }

  /** Number of addresses that are remembered. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** Seconds until the address may try again; 0: now. */
  waitOf(address: string): number {
    const now = this.#clock.now()
    const window = this.#windowOf(keyOf(address), now)
    if (window === undefined || window.count < MAX_FAILURES) return 0
    return Math.ceil((window.endsAt - now) / 1000)
  }

  add(address: string): void {
    const now = this.#clock.now()
    if (this.#young.size >= MAX_WINDOWS || now - this.#rotatedAt >= WINDOW_MS) this.#rotate(now)
    const key = keyOf(address)
    const window = this.#windowOf(key, now)
    if (window !== undefined) window.count++
    else this.#young.set(key, { count: 1, endsAt: now + WINDOW_MS })
  }

  #windowOf(key: string, now: number): Window | undefined {
    const window = this.#young.get(key) ?? this.#old.get(key)
    return window !== undefined && window.endsAt > now ? window : undefined
  }

  #rotate(now: number): void {
    this.#old = this.#young
    this.#young = new Map()
    this.#rotatedAt = now
  }
}

/** The address itself, or the /64 network of an IPv6 address. */
function keyOf(address: string): string {
  if (!address.includes(':') || !ipaddr.IPv6.isValid(address)) return address
  const parsed = ipaddr.IPv6.parse(address)
  if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address().toString()
  return parsed.toByteArray().slice(0, IPV6_PREFIX_BYTES).join('.')
}
