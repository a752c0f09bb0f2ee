/** node:dns: `lookup` and `resolve` of addresses by the service, for names that the function may reach. */

import promises from 'node:dns/promises'
import { addressesOf, familyOf, literalOf } from './internal/dns.ts'
import { invalidArgType, notAvailable } from './internal/errors.ts'
import { validateFunction } from './internal/validate.ts'

type Done = (error: Error | null, ...rest: unknown[]) => void
interface LookupOptions {
  family?: number | string
  all?: boolean
}

/** Runs `work`, and calls back outside of its promise: an exception of the callback is its own. */
function settle<T>(work: Promise<T>, done: Done, values: (result: T) => unknown[]): void {
  work.then(
    (result) => queueMicrotask(() => done(null, ...values(result))),
    (error) => queueMicrotask(() => done(error)),
  )
}

export function lookup(name: string, options?: LookupOptions | number | Done, last?: Done): object {
  const done = (typeof options === 'function' ? options : last) as Done
  validateFunction(done, 'callback')
  const given = typeof options === 'function' ? undefined : options
  // Wrong arguments are thrown at once, and failures go to the callback.
  const wanted = familyOf(given)
  literalOf(name, wanted)
  const found = promises.lookup(name, wanted)
  settle(found, done, (result) =>
    Array.isArray(result) ? [result] : [result.address, result.family],
  )
  return { hostname: name, family: wanted.family }
}

function resolver(family: 4 | 6, syscall: string) {
  return (name: string, options: { ttl?: boolean } | Done, last?: Done): object => {
    const done = (typeof options === 'function' ? options : last) as Done
    if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name)
    validateFunction(done, 'callback')
    const ttl = typeof options === 'object' && options !== null && options.ttl === true
    settle(addressesOf(name, family, syscall), done, (all) => [
      ttl ? all.map((address) => ({ address, ttl: 0 })) : all,
    ])
    return { hostname: name }
  }
}

export const resolve4 = resolver(4, 'queryA')
export const resolve6 = resolver(6, 'queryAaaa')

export function resolve(name: string, type: string | Done, last?: Done): object {
  if (typeof type === 'function') return resolve4(name, type)
  if (type === 'A') return resolve4(name, last as Done)
  if (type === 'AAAA') return resolve6(name, last as Done)
  throw notAvailable(`dns.resolve of ${String(type)} records`)
}

Object.defineProperty(lookup, Symbol.for('nodejs.util.promisify.custom'), {
  value: promises.lookup,
})

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

/** The addresses come as the service's resolver orders them. */
export function setDefaultResultOrder(): void {}
export const getDefaultResultOrder = (): string => 'verbatim'
/** The resolver is the service's, which tells nothing of its servers. */
export const getServers = (): string[] => []

export const ADDRCONFIG = 32
export const ALL = 16
export const V4MAPPED = 8
export const NODATA = 'ENODATA'
export const NOTFOUND = 'ENOTFOUND'
export const REFUSED = 'EREFUSED'
export const SERVFAIL = 'ESERVFAIL'
export const TIMEOUT = 'ETIMEOUT'
export const CANCELLED = 'ECANCELLED'

export { promises }

export default {
  ADDRCONFIG,
  ALL,
  CANCELLED,
  NODATA,
  NOTFOUND,
  REFUSED,
  Resolver,
  SERVFAIL,
  TIMEOUT,
  V4MAPPED,
  getDefaultResultOrder,
  getServers,
  lookup,
  promises,
  resolve,
  resolve4,
  resolve6,
  setDefaultResultOrder,
}
