/** Deploy, rollback and delete: the same code with a running service and without one. */

import type { Bundle, BundleStore, StagedBundle } from '../bundles/bundle-store.ts'
import { sha256 } from '../bundles/bundle-store.ts'
import type { Runtime } from '../capabilities/runtime.ts'
import { FunctionError } from '../errors.ts'
import {
  DEFAULT_PROJECT,
  functionId,
  type NewVersion,
  type VersionRecord,
  type VersionSettings,
} from '../metadata/records.ts'
import type { MetadataStore } from '../metadata/store.ts'
import type { PreparedVersion } from '../router/router.ts'
import type { ServiceControl } from './control.ts'
import { type DeployDocument, deployDocument } from './documents.ts'
import { type DeploySettings, resolveSettings } from './settings.ts'
import { type HeldBundle, runnableVersion } from './worker-spec.ts'

interface OperationsDeps {
  store: MetadataStore
  bundles: BundleStore
  control: ServiceControl
  /** A service is running, so an active version is live. */
  serving: boolean
  /** For a deployment without a runtime. */
  defaultRuntime: Runtime
  /** Name and version of a runtime's engine. */
  engine(runtime: Runtime): Promise<string>
}

export class Operations {
  readonly #deps: OperationsDeps
  /** The last change of each function. The next change waits for it. */
  readonly #running = new Map<string, Promise<unknown>>()

  constructor(deps: OperationsDeps) {
    this.#deps = deps
  }

  /**
   * Records a bundle as a new version, after a worker has loaded it, and makes that version active.
   *
   * @throws {FunctionError} BAD_REQUEST; BUNDLE_REFUSED with the tenant's file and line; CONFLICT for
   * a version that exists with different content. Nothing is changed in these cases
   */
  async deploy(name: string, given: DeploySettings, bundle: Bundle): Promise<DeployDocument> {
    const { version, settings } = resolveSettings(given, this.#deps.defaultRuntime)
    return await this.#oneAtATime(name, async () => {
      const id = functionId(name, DEFAULT_PROJECT)
      const existing = version === undefined ? undefined : this.#deps.store.findVersion(id, version)
      if (existing !== undefined) {
        checkSame(name, existing, settings, bundle)
        return this.#document(name, existing)
      }
      return await this.#deployNew(name, version ?? this.#nextVersion(name), settings, bundle)
    })
  }

  /**
   * Makes an existing version active: `version`, or the one that was active before.
   *
   * @throws {FunctionError} FUNCTION_NOT_FOUND, VERSION_NOT_FOUND, BUNDLE_REFUSED
   */
  rollback(name: string, version?: string): Promise<DeployDocument> {
    const { store, bundles } = this.#deps
    return this.#oneAtATime(name, async () => {
      const target = store.rollbackTarget(name, version)
      if (store.show(name).version !== target.version) {
        const runnable = runnableVersion(store.runnable(name, target), bundles)
        const prepared = await this.#prepare(runnable)
        try {
          store.rollback(target)
        } catch (error) {
          prepared.discard()
          throw error
        }
        prepared.activate()
      }
      return this.#document(name, target)
    })
  }

  /**
   * Deletes a function with all its versions.
   *
   * @throws {FunctionError} FUNCTION_NOT_FOUND
   */
  remove(name: string): Promise<void> {
    const { store, bundles, control } = this.#deps
    return this.#oneAtATime(name, async () => {
      const versions = store.versions(name)
      store.remove(name)
      control.forget(name)
      const known = store.bundlePaths()
      for (const { bundle } of versions.filter((row) => !known.has(row.bundle.path))) {
        await bundles.removeVersion(bundle)
      }
    })
  }

  async #deployNew(
    name: string,
    version: string,
    settings: VersionSettings,
    bundle: Bundle,
  ): Promise<DeployDocument> {
    const { bundles } = this.#deps
    const engine = await this.#deps.engine(settings.runtime)
    const staged = await bundles.stage(functionId(name, DEFAULT_PROJECT), version, bundle)
    const next: NewVersion = {
      ...settings,
      project: DEFAULT_PROJECT,
      name,
      version,
      engine,
      bundle: staged.record,
    }
    const held: HeldBundle = { bundle }
    let prepared: PreparedVersion
    try {
      prepared = await this.#prepare(this.#candidate(next, held))
    } catch (error) {
      await staged.discard()
      throw error
    }
    const record = await this.#record(next, staged, prepared)
    held.bundle = undefined
    prepared.activate()
    return this.#document(name, record)
  }

  /** The version as it will be recorded, for the worker that loads its bundle first. */
  #candidate(next: NewVersion, held: HeldBundle) {
    const { store, bundles } = this.#deps
    const id = functionId(next.name, next.project)
    const candidate = { ...next, id: '', functionId: id, createdAt: '' }
    return runnableVersion(store.runnable(next.name, candidate), bundles, held)
  }

  async #prepare(version: ReturnType<typeof runnableVersion>): Promise<PreparedVersion> {
    try {
      return await this.#deps.control.prepare(version)
    } catch (cause) {
      if (!(cause instanceof FunctionError) || cause.code !== 'BUNDLE_LOAD_ERROR') {
        throw cause
      }
      const { tenantStack: stack, position } = cause
      throw new FunctionError('BUNDLE_REFUSED', `The bundle does not load: ${cause.message}`, {
        cause,
        ...(stack !== undefined && { stack }),
        ...(position !== undefined && { position }),
      })
    }
  }

  /**
   * The bundle gets its final name before a row refers to it. After a crash in between, the sweep
   * deletes it.
   */
  async #record(
    next: NewVersion,
    staged: StagedBundle,
    prepared: PreparedVersion,
  ): Promise<VersionRecord> {
    try {
      await staged.commit()
      return this.#deps.store.addVersion(next)
    } catch (error) {
      prepared.discard()
      await staged.discard()
      await this.#deps.bundles.removeVersion(staged.record)
      throw error
    }
  }

  #nextVersion(name: string): string {
    const { store } = this.#deps
    const known = store.resolve(name).found === 'nothing' ? [] : store.versions(name)
    const numbers = known.map(({ version }) => Number(/^v(\d{1,9})$/.exec(version)?.[1] ?? 0))
    return `v${Math.max(0, ...numbers) + 1}`
  }

  #document(name: string, record: VersionRecord): DeployDocument {
    const active = this.#deps.store.show(name).version === record.version
    return deployDocument(name, record, active && this.#deps.serving)
  }

  async #oneAtATime<T>(name: string, change: () => Promise<T>): Promise<T> {
    const before = this.#running.get(name)
    const run = Promise.resolve(before)
      .catch(() => {})
      .then(change)
    this.#running.set(name, run)
    try {
      return await run
    } finally {
      if (this.#running.get(name) === run) {
        this.#running.delete(name)
      }
    }
  }
}

function checkSame(
  name: string,
  existing: VersionRecord,
  settings: VersionSettings,
  bundle: Bundle,
): void {
  const { runtime, handler, capabilities, config } = existing
  const sameSettings = Bun.deepEquals({ runtime, handler, capabilities, config }, settings, true)
  const sameContent = existing.bundle.sha256 === sha256(bundle.code)
  if (!sameSettings || !sameContent) {
    const what = sameContent ? 'settings' : 'content'
    throw new FunctionError(
      'CONFLICT',
      `Version '${existing.version}' of function '${name}' already exists with different ${what}. A version never changes: deploy under another version name.`,
    )
  }
}
