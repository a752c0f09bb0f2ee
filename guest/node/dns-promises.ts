/** node:dns/promises: addresses by the service. */

import { isIP } from './internal/addresses.ts'
import { addressesOf, type Found, familyOf, literalOf } from './internal/dns.ts'
import { invalidArgType, notAvailable } from './internal/errors.ts'

export async function lookup(name: string, options?: unknown): Promise<Found | Found[]> {
  const wanted = familyOf(options)
  const literal = literalOf(name, wanted)
  if (literal !== undefined) return literal
  const addresses = await addressesOf(name, wanted.family, 'getaddrinfo')
  const found = addresses.map((address) => ({ address, family: isIP(address) as 4 | 6 }))
  return wanted.all ? found : (found[0] as Found)
}

async function addresses(name: string, family: 4 | 6, syscall: string, options: unknown) {
  if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name)
  const { ttl } = (options ?? {}) as { ttl?: boolean }
  const all = await addressesOf(name, family, syscall)
  return ttl === true ? all.map((address) => ({ address, ttl: 0 })) : all
}

export const resolve4 = (name: string, options?: unknown) => addresses(name, 4, 'queryA', options)
export const resolve6 = (name: string, options?: unknown) =>
  addresses(name, 6, 'queryAaaa', options)

export async function resolve(name: string, type = 'A') {
  if (type === 'A') return await resolve4(name)
  if (type === 'AAAA') return await resolve6(name)
  throw notAvailable(`dns.resolve of ${String(type)} records`)
}

export class Resolver {
  resolve = resolve
  resolve4 = resolve4
  resolve6 = resolve6
  cancel(): void {}
  getServers(): string[] {
    return []
  }
  setServers(): never {
    throw notAvailable('dns.Resolver.setServers')
  }
}

export const getServers = (): string[] => []
export function setDefaultResultOrder(): void {}
export const getDefaultResultOrder = (): string => 'verbatim'

export default {
  Resolver,
  getDefaultResultOrder,
  getServers,
  lookup,
  resolve,
  resolve4,
  resolve6,
  setDefaultResultOrder,
}
