/**
 * The fields `exports` and `imports` of a package.json: where a path leads under given conditions, and
 * by which keys. Packages come from strangers, so the size of what is searched has a limit.
 */

/** Conditions and lists that may be nested in each other. */
const MAX_DEPTH = 32
/** Keys and targets that are looked at for one import. */
const MAX_STEPS = 10_000

export interface Target {
  /** A path that begins with `./`, or, in `imports`, the specifier of a package. */
  target: string
  /** The keys that led to it, such as `.`, `workerd`, `import`. */
  via: string[]
}

/**
 * @param field the value of `exports` or `imports`
 * @param path `.`, `./sub` or `#name`
 * @returns undefined if the path does not lead anywhere
 */
export function findTarget(
  field: unknown,
  path: string,
  conditions: ReadonlySet<string>,
): Target | undefined {
  const entries = hasPaths(field) ? field : { '.': field }
  const match = matchPath(entries, path)
  if (match === undefined) return undefined
  const { key, star } = match
  const search = new Search(conditions, star, path.startsWith('#'))
  const target = search.follow(entries[key], 0)
  return target ? { target, via: [key, ...search.via] } : undefined
}

/** Are its keys paths? Otherwise it is a target of the package's main entry. */
function hasPaths(field: unknown): field is Record<string, unknown> {
  if (typeof field !== 'object' || field === null || Array.isArray(field)) return false
  return Object.keys(field).some((key) => /^[.#]/.test(key))
}

/** An exact key counts first, then the pattern with the longest text before its `*`. */
function matchPath(
  entries: Record<string, unknown>,
  path: string,
): { key: string; star: string } | undefined {
  if (Object.hasOwn(entries, path) && !path.includes('*')) return { key: path, star: '' }
  let best: { key: string; star: string; base: number } | undefined
  for (const key of Object.keys(entries).slice(0, MAX_STEPS)) {
    const [before, after, ...more] = key.split('*')
    if (before === undefined || after === undefined || more.length > 0) continue
    if (path.length <= before.length + after.length) continue
    if (!path.startsWith(before) || !path.endsWith(after)) continue
    if (best !== undefined && best.base >= before.length) continue
    const star = path.slice(before.length, path.length - after.length)
    best = { key, star, base: before.length }
  }
  return best
}

class Search {
  /** The conditions that were followed. */
  readonly via: string[] = []
  readonly #conditions: ReadonlySet<string>
  readonly #star: string
  readonly #allowsPackages: boolean
  #steps = 0

  constructor(conditions: ReadonlySet<string>, star: string, allowsPackages: boolean) {
    this.#conditions = conditions
    this.#star = star
    this.#allowsPackages = allowsPackages
  }

  /** Null means that the path is excluded, undefined that another condition or target counts. */
  follow(target: unknown, depth: number): string | null | undefined {
    if (++this.#steps > MAX_STEPS || depth > MAX_DEPTH || target === null) return null
    if (typeof target === 'string') return this.#path(target)
    if (typeof target !== 'object') return undefined
    if (Array.isArray(target)) return this.#first(target, depth)
    for (const key of Object.keys(target)) {
      if (++this.#steps > MAX_STEPS) return null
      if (key !== 'default' && !this.#conditions.has(key)) continue
      this.via.push(key)
      const found = this.follow((target as Record<string, unknown>)[key], depth + 1)
      if (found !== undefined) return found
      this.via.pop()
    }
    return undefined
  }

  #first(targets: readonly unknown[], depth: number): string | null | undefined {
    let last: string | null | undefined
    for (const each of targets) {
      last = this.follow(each, depth + 1)
      if (typeof last === 'string') return last
      if (this.#steps > MAX_STEPS) return null
    }
    return last
  }

  #path(target: string): string | undefined {
    const path = target.replaceAll('*', () => this.#star)
    if (!path.startsWith('./')) return this.#allowsPackages ? path : undefined
    const parts = path.slice(2).split(/[/\\]|%2f|%5c/i)
    return parts.some((part) => /^(?:\.{1,2}|%2e.*|node_modules)$/i.test(part)) ? undefined : path
  }
}
