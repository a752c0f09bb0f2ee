/** Which versions of a function a garbage collection deletes. */
import type { VersionAge } from '../metadata/records.ts'

export interface RetentionPolicy {
  /** Newest versions of each function to keep, and rollbacks to keep possible; 0 = no limit. */
  keep: number
  /** Versions younger than this are kept, ms; 0 = age does not matter. */
  olderThanMs: number
}

/** The policy of a request: what it does not set is the service's. */
export function withDefaults(
  policy: RetentionPolicy,
  { keep, olderThanMs }: { keep?: number | undefined; olderThanMs?: number | undefined },
): RetentionPolicy {
  return { keep: keep ?? policy.keep, olderThanMs: olderThanMs ?? policy.olderThanMs }
}

/** Rollbacks that stay possible: at least one, whatever the policy says. */
export function rollbacksKept({ keep }: RetentionPolicy): number {
  return Math.max(keep, 1)
}

/**
 * The versions to delete, oldest first. Kept are those in use, the newest, and the one with the highest
 * number: the next deployment must not get the name of a version that was deleted.
 *
 * @param versions all of one function, newest first
 * @param inUse ids of the active version and of those that rollbacks return to
 */
export function expired(
  versions: readonly VersionAge[],
  inUse: ReadonlySet<string>,
  policy: RetentionPolicy,
  now: number,
): VersionAge[] {
  if (policy.keep === 0 && policy.olderThanMs === 0) return []
  const newest = new Set(versions.slice(0, rollbacksKept(policy)).map(({ id }) => id))
  const highest = versions.reduce<VersionAge | undefined>(
    (best, row) => (versionNumber(row.version) > versionNumber(best?.version ?? '') ? row : best),
    undefined,
  )
  return versions
    .filter(({ id, createdAt }) => {
      const kept = inUse.has(id) || newest.has(id) || id === highest?.id
      return !kept && now - Date.parse(createdAt) >= policy.olderThanMs
    })
    .toReversed()
}

/** 12 of `v12`; 0 for a name that a deployment does not count up to. */
export function versionNumber(version: string): number {
  return Number(/^v(\d{1,9})$/.exec(version)?.[1] ?? 0)
}
