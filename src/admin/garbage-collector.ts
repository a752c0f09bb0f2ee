/** Deletes versions that are not kept, and bundles without a version. */
import { dirname } from 'node:path'
import type { BundleRemover } from '../bundles/bundle-remover.ts'
import { namesOf } from '../bundles/files.ts'
import type { VersionAge } from '../metadata/records.ts'
import { BEFORE_ALL, type MetadataStore } from '../metadata/store.ts'
import type { ChangeQueue } from './change-queue.ts'
import type { ServiceControl } from './control.ts'
import { type FunctionRef, idOf, labelOf } from './function-ref.ts'
import { expired, type RetentionPolicy, rollbacksKept } from './retention.ts'

/** What a garbage collection removed, or would remove. */
export interface Garbage {
  versions: number
  /** Bytes of their bundles. */
  bytes: number
  /** Bundle directories that no version referred to. */
  orphans: number
  /** Bundle directories that no version refers to and that are kept: the database may be older than they are. */
  unknown: number
  /** The first of the versions. */
  removed: { function: string; version: string; size: number; createdAt: string }[]
}

/** Functions of one query, and versions of one transaction: the thread also serves requests. */
const FUNCTIONS_AT_ONCE = 100
const VERSIONS_AT_ONCE = 50
/** Maximum length of `Garbage.removed`. */
const LISTED = 1000

interface GarbageDeps {
  store: MetadataStore
  remover: BundleRemover
  control: ServiceControl
}

export class GarbageCollector {
  readonly #deps: GarbageDeps
  readonly #queue: ChangeQueue

  constructor(deps: GarbageDeps, queue: ChangeQueue) {
    this.#deps = deps
    this.#queue = queue
  }

  /**
   * Deletes the versions that the policy does not keep, and bundles without a version, a few at a time.
   *
   * @param only one function; all unless set
   * @throws {FunctionError} FUNCTION_NOT_FOUND
   */
  async collect(
    policy: RetentionPolicy,
    { dryRun = false, only }: { dryRun?: boolean; only?: FunctionRef | undefined } = {},
  ): Promise<Garbage> {
    const { store, remover } = this.#deps
    const garbage: Garbage = { versions: 0, bytes: 0, orphans: 0, unknown: 0, removed: [] }
    if (only !== undefined) {
      store.show(only.name, only.project)
      await this.#collectVersions(only, policy, dryRun, garbage)
      return garbage
    }
    let after = ''
    for (;;) {
      const page = store.functionsAfter(after, FUNCTIONS_AT_ONCE)
      for (const { name, project } of page) {
        await this.#collectVersions({ name, project }, policy, dryRun, garbage)
        await nextTurn()
      }
      const last = page.at(-1)
      if (last === undefined) break
      after = last.id
    }
    for (const id of await remover.functionIds()) {
      const sweep = () => remover.sweepFunction(id, dryRun)
      const { orphans, unknown } = await this.#queue.run([id], sweep)
      garbage.orphans += orphans
      garbage.unknown += unknown
    }
    if (!dryRun) await remover.sweepOldStaged()
    return garbage
  }

  async #collectVersions(
    of: FunctionRef,
    policy: RetentionPolicy,
    dryRun: boolean,
    garbage: Garbage,
  ): Promise<void> {
    if (policy.keep === 0 && policy.olderThanMs === 0) return
    const { store } = this.#deps
    const id = idOf(of)
    const count = rollbacksKept(policy)
    const kept = {
      ids: new Set([...store.inUse(id, count), ...store.newestVersions(id, count)]),
      highest: `v${store.highestNumber(id)}`,
    }
    let page = store.oldestVersions(id, BEFORE_ALL, VERSIONS_AT_ONCE)
    for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
      const some = expired(page, kept, policy, Date.now())
      if (some.length > 0) {
        const remove = () => this.#removeVersions(id, some, count)
        addRemoved(garbage, labelOf(of), dryRun ? some : await this.#queue.run([id], remove))
      }
      await nextTurn()
      page = store.oldestVersions(id, last, VERSIONS_AT_ONCE)
    }
  }

  async #removeVersions(
    id: string,
    versions: readonly VersionAge[],
    kept: number,
  ): Promise<VersionAge[]> {
    const { store, remover } = this.#deps
    const removal = await remover.plan(versions.map(({ bundlePath }) => dirname(bundlePath)))
    let removed: Set<string>
    try {
      const ids = versions.map((row) => row.id)
      removed = store.removeVersions(id, ids, kept)
    } catch (error) {
      await removal.cancel()
      throw error
    }
    const { name, project } = namesOf(id)
    this.#deps.control.endPreviews(name, project)
    await removal.finish()
    return versions.filter((row) => removed.has(row.id))
  }
}

function addRemoved(garbage: Garbage, name: string, versions: readonly VersionAge[]): void {
  for (const { version, size, createdAt } of versions) {
    garbage.versions++
    garbage.bytes += size
    if (garbage.removed.length < LISTED) {
      garbage.removed.push({ function: name, version, size, createdAt })
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((next) => setImmediate(next))
}
