/** Addresses of names: the arguments of node:dns, and the question to the service. */

import * as native from 'fn:dns'
import { isIP } from './addresses.ts'
import { invalidArgType, invalidArgValue, nodeError } from './errors.ts'

/** libuv's numbers of the errors of a lookup. */
const ERRNO: Record<string, number> = {
  EAI_AGAIN: -3001,
  EAI_FAIL: -3004,
  ENODATA: -3007,
  ENOTFOUND: -3008,
}

export interface Wanted {
  family: 0 | 4 | 6
  all: boolean
}

export interface Found {
  address: string
  family: 4 | 6
}

export function dnsError(syscall: string, code: string, name: string, why?: string): Error {
  const text = `${syscall} ${code} ${name}${why === undefined ? '' : `: ${why}`}`
  const errno = ERRNO[code]
  const error = Object.assign(nodeError(code, text), { syscall, hostname: name })
  return errno === undefined ? error : Object.assign(error, { errno })
}

/** The options of `lookup`, each of which is read once. */
export function familyOf(options: unknown): Wanted {
  if (typeof options === 'number') return { family: checked(options), all: false }
  if (options === undefined || options === null) return { family: 0, all: false }
  if (typeof options !== 'object') {
    throw invalidArgType('options', 'of type object or integer', options)
  }
  const { family, all } = options as { family?: unknown; all?: unknown }
  if (all !== undefined && typeof all !== 'boolean') {
    throw invalidArgType('options.all', 'of type boolean', all)
  }
  return { family: checked(family ?? 0), all: all ?? false }
}

function checked(family: unknown): 0 | 4 | 6 {
  if (family === 'IPv4') return 4
  if (family === 'IPv6') return 6
  if (family === 0 || family === 4 || family === 6) return family
  throw invalidArgValue('options.family', family, 'must be one of: 0, 4, 6')
}

/** The answer that needs no question: to an address, and to no name. Undefined if there is none. */
export function literalOf(name: unknown, { all, family }: Wanted): Found[] | Found | undefined {
  if (name !== undefined && name !== null && name !== false && typeof name !== 'string') {
    throw invalidArgType('hostname', 'of type string', name)
  }
  if (!name) {
    const none = { address: null as unknown as string, family: family === 6 ? 6 : 4 } as Found
    return all ? [] : none
  }
  const kind = isIP(name)
  if (kind === 0) return undefined
  const found = { address: name as string, family: kind }
  return all ? [found] : found
}

function ask(name: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    native.lookUp(name, (response, error) => {
      if (response === undefined) reject(error)
      else resolve((response.headers.get('address') ?? '').split(', '))
    })
  })
}

/** The addresses of a name; those of one family if it is not 0. */
export async function addressesOf(
  name: string,
  family: 0 | 4 | 6,
  syscall: string,
): Promise<string[]> {
  if (name.length > 253) throw dnsError(syscall, 'ENOTFOUND', name)
  let all: string[]
  try {
    all = await ask(name)
  } catch (failure) {
    const { code, cause, message } = failure as Error & { code?: string; cause?: Error }
    if (code === undefined) throw failure
    throw dnsError(syscall, code, name, cause?.message ?? message)
  }
  const found = all.filter((address) => family === 0 || isIP(address) === family)
  if (found.length > 0) return found
  throw dnsError(syscall, syscall === 'getaddrinfo' ? 'ENOTFOUND' : 'ENODATA', name)
}
