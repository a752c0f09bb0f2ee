import { lstatSync, realpathSync } from 'node:fs'
import { dirname, isAbsolute, join, normalize, sep } from 'node:path'
import { type Capabilities, normaliseHost } from './schema.ts'

/**
 * May a function with these capabilities touch `path`? Both sides are compared as the real paths
 * that the kernel would reach, so that neither `..` nor a symbolic link leads out of an allowed one.
 */
export function isPathAllowed(capabilities: Capabilities, path: string): boolean {
  if (!capabilities.allowFilesystem || path.includes('\0')) {
    return false
  }
  if (capabilities.allowedPaths.length === 0) {
    return true
  }
  const real = realPath(path)
  return (
    real !== undefined &&
    capabilities.allowedPaths.some((allowed) => {
      const root = realPath(allowedPath(allowed).path)
      return root !== undefined && isInside(root, real)
    })
  )
}

/** One entry of `allowedPaths`. */
export interface AllowedPath {
  path: string
  /** Else it may only be read. */
  write: boolean
}

/** `/srv/data` may be read and written, `/srv/data:ro` only read. */
export function allowedPath(entry: string): AllowedPath {
  const readOnly = entry.endsWith(':ro')
  const named = normalize(readOnly ? entry.slice(0, -3) : entry)
  return { path: named.length > 1 ? named.replace(/\/$/, '') : named, write: !readOnly }
}

/** May a function with these capabilities speak to `host`? `*.example.com` excludes `example.com`. */
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

/** Is `path` the folder `root` or below it? Both absolute and free of symbolic links. */
export function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
}

function matchesDomain(rule: string, name: string): boolean {
  return rule.startsWith('*.')
    ? name.endsWith(rule.slice(1)) && name !== rule.slice(2)
    : rule === name
}

/**
 * The path as the kernel would walk it: each symbolic link is followed before the `..` behind it.
 * What does not exist yet is taken below its nearest parent that does. A dangling link has no real
 * path, since whatever is made through it lands elsewhere; nor has `..` behind what is not there.
 */
function realPath(path: string): string | undefined {
  let real: string = sep
  let missing = false
  for (const part of (isAbsolute(path) ? path : `${process.cwd()}/${path}`).split(sep)) {
    if (part === '' || part === '.') {
      continue
    }
    if (part === '..') {
      if (missing) {
        return undefined
      }
      real = dirname(real)
      continue
    }
    const next = join(real, part)
    missing ||= lstatSync(next, { throwIfNoEntry: false }) === undefined
    try {
      real = missing ? next : realpathSync(next)
    } catch {
      return undefined
    }
  }
  return real
}
