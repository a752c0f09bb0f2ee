import { isIP } from 'node:net'
import { isAbsolute } from 'node:path'
import { domainToASCII } from 'node:url'
import { z } from 'zod'

/** The least memory with which an engine can load a bundle. */
const MIN_MEMORY_BYTES = 2 ** 20

const path = z
  .string()
  .refine((value) => isAbsolute(value) && !value.includes('\0'), 'must be an absolute path')

const domain = z.string().transform((value, context) => {
  const normalised = normaliseDomain(value)
  if (normalised === undefined) {
    context.addIssue({
      code: 'custom',
      message: 'must be a host name such as "api.example.com" or "*.example.com"',
    })
    return z.NEVER
  }
  return normalised
})

const COUNT = 'must be a whole number above 0'

/** What a function may access. An empty list with its flag set allows everything. */
export const capabilitiesSchema = z.strictObject({
  allowFilesystem: z.boolean(),
  allowedPaths: z.array(path),
  allowNetwork: z.boolean(),
  allowedDomains: z.array(domain),
  allowChildProcess: z.boolean(),
  allowEval: z.boolean(),
  /** Bytes. */
  maxMemory: z.int('must be whole bytes').min(MIN_MEMORY_BYTES, 'must be at least 1MB'),
  /** CPU milliseconds of one invocation. */
  maxCpu: z.int('must be whole milliseconds').positive('must be at least 1ms'),
  maxFileDescriptors: z.int(COUNT).positive(COUNT),
  projectId: z.string().min(1),
})

export type Capabilities = z.infer<typeof capabilitiesSchema>

/** Lower case, ASCII, without a trailing dot; undefined if it is neither `host` nor `*.host`. */
function normaliseDomain(value: string): string | undefined {
  const wildcard = value.startsWith('*.')
  const host = normaliseHost(wildcard ? value.slice(2) : value)
  if (host === undefined || (wildcard && isIP(host) !== 0)) {
    return undefined
  }
  return wildcard ? `*.${host}` : host
}

/** The canonical form of a host name or an IP address; undefined if it is neither. */
export function normaliseHost(value: string): string | undefined {
  const bare = value.startsWith('[') && value.endsWith(']') ? value.slice(1, -1) : value
  if (isIP(bare) !== 0) {
    return new URL(`http://${isIP(bare) === 6 ? `[${bare}]` : bare}`).hostname.replace(
      /^\[|\]$/g,
      '',
    )
  }
  // A URL parser would accept `a.b/c` or `a.b:80` and use only the beginning.
  if (/[\s/?#@:%\\[\]]/.test(value)) {
    return undefined
  }
  const ascii = domainToASCII(value.endsWith('.') ? value.slice(0, -1) : value)
  const label = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
  const fits = ascii.length <= 253 && new RegExp(`^${label}(?:\\.${label})*$`).test(ascii)
  return fits ? ascii : undefined
}
