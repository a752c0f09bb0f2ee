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

/** What a collection keeps of one function, whatever the age. */
export interface KeptVersions {
  /** Those in use, and the newest. */
  ids: ReadonlySet<string>
  /** The version with the highest number: the next deployment must not get the name of a deleted one. */
  highest: string
}

/** The versions to delete among `versions`. */
export function expired(
  versions: readonly VersionAge[],
  kept: KeptVersions,
  { keep, olderThanMs }: RetentionPolicy,
  now: number,
): VersionAge[] {
  if (keep === 0 && olderThanMs === 0) return []
  return versions.filter(({ id, version, createdAt }) => {
    const stays = kept.ids.has(id) || version === kept.highest
    return !stays && now - Date.parse(createdAt) >= olderThanMs
  })
}
