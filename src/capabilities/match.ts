import { normalize } from 'node:path'
import { type Capabilities, normaliseHost } from './schema.ts'

/** One entry of `allowedPaths`. */
export interface AllowedPath {
  path: string
  /** False: read-only. */
  write: boolean
}

/** Parses an entry: `/srv/data` may be read and written, `/srv/data:ro` only read. */
export function allowedPath(entry: string): AllowedPath {
  const readOnly = entry.endsWith(':ro')
  const named = normalize(readOnly ? entry.slice(0, -3) : entry)
  return { path: named.length > 1 ? named.replace(/\/$/, '') : named, write: !readOnly }
}

/**
 * Whether a function with these capabilities may connect to `host`. `*.example.com` excludes
 * `example.com`.
 */
export function isDomainAllowed(capabilities: Capabilities, host: string): boolean {
  if (!capabilities.allowNetwork) {
    return false
  }
  const name = normaliseHost(host)
  if (name === undefined) {
    return false
  }
  const { allowedDomains } = capabilities
  return allowedDomains.length === 0 || allowedDomains.some((rule) => matchesDomain(rule, name))
}

function matchesDomain(rule: string, name: string): boolean {
  return rule.startsWith('*.')
    ? name.endsWith(rule.slice(1)) && name !== rule.slice(2)
    : rule === name
}
