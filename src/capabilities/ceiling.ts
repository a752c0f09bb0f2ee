/** Whether capabilities stay below those of a ceiling. */
import { allowedPath } from './match.ts'
import type { Capabilities } from './schema.ts'

const FLAGS = ['allowFilesystem', 'allowNetwork', 'allowChildProcess', 'allowEval'] as const
const LIMITS = ['maxMemory', 'maxCpu', 'maxFileDescriptors'] as const

/** What the capabilities allow beyond the ceiling, for people: the first one; undefined if nothing. */
export function exceeds(given: Capabilities, ceiling: Capabilities): string | undefined {
  for (const flag of FLAGS) {
    if (given[flag] && !ceiling[flag]) return `${flag} is true`
  }
  for (const limit of LIMITS) {
    if (given[limit] > ceiling[limit]) {
      return `${limit} is ${given[limit]}, and may be ${ceiling[limit]}`
    }
  }
  return pathBeyond(given, ceiling) ?? domainBeyond(given, ceiling)
}

/**
 * Each path has to be one of the ceiling's. A path below one of these could be a symbolic link that a
 * function of the project made itself.
 */
function pathBeyond(given: Capabilities, ceiling: Capabilities): string | undefined {
  if (!given.allowFilesystem || ceiling.allowedPaths.length === 0) return undefined
  if (given.allowedPaths.length === 0) return 'allowedPaths is empty, which allows every path'
  const known = ceiling.allowedPaths.map(allowedPath)
  const beyond = given.allowedPaths.find((entry) => {
    const { path, write } = allowedPath(entry)
    return !known.some((each) => each.path === path && (each.write || !write))
  })
  return beyond === undefined ? undefined : `allowedPaths has ${beyond}`
}

function domainBeyond(given: Capabilities, ceiling: Capabilities): string | undefined {
  if (!given.allowNetwork || ceiling.allowedDomains.length === 0) return undefined
  if (given.allowedDomains.length === 0) return 'allowedDomains is empty, which allows every domain'
  const beyond = given.allowedDomains.find(
    (rule) => !ceiling.allowedDomains.some((each) => covers(each, rule)),
  )
  return beyond === undefined ? undefined : `allowedDomains has ${beyond}`
}

/** `*.example.com` covers `a.example.com` and `*.a.example.com`, and not `example.com`. */
function covers(ceiling: string, rule: string): boolean {
  if (ceiling === rule) return true
  if (!ceiling.startsWith('*.')) return false
  const name = rule.startsWith('*.') ? rule.slice(2) : rule
  return name.endsWith(ceiling.slice(1)) && name !== ceiling.slice(2)
}
