/**
 * Which function a request's host and path lead to. The most exact host wins, then the longest prefix: a route of the
 * host itself, a route of `*.` one level above, a pattern of the settings.
 *
 * Most hosts have one route, which is kept as it is; only those with more have a map of their prefixes.
 */
import { type HostPattern, parentOf } from '../lib/host-name.ts'
import { DEFAULT_PROJECT } from '../metadata/records.ts'

/** Where a request goes, and what is removed from its path. */
export interface Mount {
  readonly project: string
  readonly name: string
  /** Without a slash at the end; empty for all paths of a host. */
  readonly prefix: string
}

interface Prefixes {
  byPrefix: Map<string, Mount>
  longest: number
}

type Entry = Mount | Prefixes

const WILDCARD = '*.'
const SLASH = 47
const QUESTION_MARK = 63
const HASH = 35

export class HostTable {
  /** By host; `*.` hosts too. */
  #entries = new Map<string, Entry>()
  #wildcards = 0
  #patterns: readonly HostPattern[] = []

  /** Nothing is routed by its host. */
  get empty(): boolean {
    return this.#entries.size === 0 && this.#patterns.length === 0
  }

  set patterns(patterns: readonly HostPattern[]) {
    this.#patterns = patterns
  }

  /** Replaces all routes. */
  load(rows: Iterable<readonly [host: string, mount: Mount]>): void {
    this.#entries = new Map()
    this.#wildcards = 0
    for (const [host, mount] of rows) this.#add(host, mount)
  }

  /** Replaces the routes of a host. */
  replace(host: string, mounts: readonly Mount[]): void {
    if (this.#entries.delete(host) && host.startsWith(WILDCARD)) this.#wildcards--
    for (const mount of mounts) this.#add(host, mount)
  }

  /**
   * @param host as `hostOf` gives it
   * @param url absolute, with that host or another
   */
  find(host: string, url: string): Mount | undefined {
    if (this.#entries.size > 0) {
      const exact = this.#entries.get(host)
      const found = exact && within(exact, url)
      if (found !== undefined) return found
      const above = this.#wildcardOf(host)
      const below = above && within(above, url)
      if (below !== undefined) return below
    }
    return this.#patterns.length === 0 ? undefined : this.#named(host)
  }

  /** Whether a route has the host, or which function a pattern names by it. */
  ofHost(host: string): 'routed' | Mount | undefined {
    const routed = this.#entries.has(host) || this.#wildcardOf(host) !== undefined
    return routed && !host.startsWith(WILDCARD) ? 'routed' : this.#named(host)
  }

  #wildcardOf(host: string): Entry | undefined {
    return this.#wildcards === 0 ? undefined : this.#entries.get(WILDCARD + parentOf(host))
  }

  #named(host: string): Mount | undefined {
    for (const { regExp } of this.#patterns) {
      const groups = regExp.exec(host)?.groups
      if (groups === undefined) continue
      return { project: groups.project ?? DEFAULT_PROJECT, name: groups.name as string, prefix: '' }
    }
    return undefined
  }

  #add(host: string, mount: Mount): void {
    const before = this.#entries.get(host)
    if (before === undefined) {
      this.#entries.set(host, mount)
      if (host.startsWith(WILDCARD)) this.#wildcards++
      return
    }
    const prefixes =
      'byPrefix' in before
        ? before
        : { byPrefix: new Map([[before.prefix, before]]), longest: before.prefix.length }
    prefixes.byPrefix.set(mount.prefix, mount)
    prefixes.longest = Math.max(prefixes.longest, mount.prefix.length)
    this.#entries.set(host, prefixes)
  }
}

/** The route whose prefix is the longest one that the path begins with. */
function within(entry: Entry, url: string): Mount | undefined {
  const from = url.indexOf('/', url.indexOf('//') + 2)
  if (from < 0) return undefined
  if (!('byPrefix' in entry)) return begins(url, from, entry.prefix) ? entry : undefined
  const { byPrefix, longest } = entry
  let end = Math.min(pathEnd(url, from), from + longest)
  if (!endsSegment(url, end)) end = url.lastIndexOf('/', end - 1)
  while (end > from) {
    const found = byPrefix.get(url.slice(from, end))
    if (found !== undefined) return found
    end = url.lastIndexOf('/', end - 1)
  }
  return byPrefix.get('')
}

function pathEnd(url: string, from: number): number {
  for (let at = from; at < url.length; at++) {
    const code = url.charCodeAt(at)
    if (code === QUESTION_MARK || code === HASH) return at
  }
  return url.length
}

function begins(url: string, from: number, prefix: string): boolean {
  return url.startsWith(prefix, from) && endsSegment(url, from + prefix.length)
}

function endsSegment(url: string, at: number): boolean {
  if (at >= url.length) return true
  const next = url.charCodeAt(at)
  return next === SLASH || next === QUESTION_MARK || next === HASH
}
