/** Deploy, variables, traffic, rollback and delete: the same code with a running service and without one. */
import type { BundleRemover } from '../bundles/bundle-remover.ts'
import {
  type Bundle,
  type BundleStore,
  type StagedBundle,
  sha256,
  type UnstoredVersion,
} from '../bundles/bundle-store.ts'
import { BUNDLES } from '../bundles/files.ts'
import type { Runtime } from '../capabilities/runtime.ts'
import { FunctionError } from '../errors.ts'
import type { Limits } from '../limits/names.ts'
import { noteChange } from '../metadata/audit-context.ts'
import type { AuditDetails } from '../metadata/audit-entry.ts'
import type { EnvChange, NextRevision } from '../metadata/env-store.ts'
import { functionId, type VersionRecord, type VersionSettings } from '../metadata/records.ts'
import type { Rotation } from '../metadata/secret-key-store.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { heaviest, type Split } from '../metadata/traffic-store.ts'
import type { PreparedVersion } from '../router/router.ts'
import type { Environment } from '../secrets/secret-variable.ts'
import { ChangeQueue } from './change-queue.ts'
import type { RunnableVersion, ServiceControl } from './control.ts'
import { checkDeployLimits } from './deploy-limits.ts'
import {
  type DeployDocument,
  deployDocument,
  type RollbackDocument,
  type TrafficDocument,
} from './documents.ts'
import type { EnvChangeDocument } from './env-documents.ts'
import { type FunctionRef, idOf, labelOf } from './function-ref.ts'
import { GarbageCollector } from './garbage-collector.ts'
import type { RetentionPolicy } from './retention.ts'
import { type DeploySettings, resolveSettings } from './settings.ts'
import { checkInjection, type HeldBundle, runnableVersion } from './worker-spec.ts'

interface OperationsDeps {
  store: MetadataStore
  bundles: BundleStore
  remover: BundleRemover
  control: ServiceControl
  /** A service is running, so an active version is live. */
  serving: boolean
  /** For a deployment without a runtime. */
  defaultRuntime: Runtime
  /** Name and version of a runtime's engine. */
  engine(runtime: Runtime): Promise<string>
  /** Which versions to keep after a deployment. */
  retention(): RetentionPolicy
  /** The limits of the installation, as they are now. */
  installation(): Limits
}

/** One of the functions that are deployed together. */
export interface NewDeployment {
  name: string
  given: DeploySettings
  bundle: Bundle
}

/** A deployment whose version loads, before it is recorded. */
interface BegunDeployment {
  of: FunctionRef
  staged: StagedBundle
  prepared: PreparedVersion
  held: HeldBundle
}

/** Percent. */
const ALL_REQUESTS = 100
/** Versions that are tried in place of one that does not load. */
const TRIED = 10
/** Names of variables in an entry of the audit. */
const NOTED = 100
export class Operations {
  readonly #deps: OperationsDeps
  readonly queue = new ChangeQueue()
  readonly garbage: GarbageCollector
  /** The collection that follows the last deployment. */
  #collecting: Promise<unknown> = Promise.resolve()

  constructor(deps: OperationsDeps) {
    this.#deps = deps
    this.garbage = new GarbageCollector(deps, this.queue)
  }

  /**
   * Records a bundle as a new version, after a worker has loaded it, and makes that version active.
   *
   * @throws {FunctionError} BAD_REQUEST; BUNDLE_REFUSED with the tenant's file and line; CONFLICT for
   * a version that exists with different content. Nothing is changed in these cases
   */
  async deploy(of: FunctionRef, given: DeploySettings, bundle: Bundle): Promise<DeployDocument> {
    const [document] = await this.deployAll(of.project, [{ name: of.name, given, bundle }])
    return document as DeployDocument
  }

  /**
   * Deploys several functions of a project: all of them, in one transaction, or none.
   *
   * @throws {FunctionError} as `deploy`; it names the function, if there are several
   */
  async deployAll(
    project: string,
    deployments: readonly NewDeployment[],
  ): Promise<DeployDocument[]> {
    const ids = deployments.map(({ name }) => functionId(name, project))
    return await this.queue.run(ids, () => this.#deployNow(project, deployments))
  }

  async #deployNow(
    project: string,
    deployments: readonly NewDeployment[],
  ): Promise<DeployDocument[]> {
    const { store, defaultRuntime, bundles, retention } = this.#deps
    const ceiling = store.projects.get(project)
    const begun: BegunDeployment[] = []
    const records = new Map<string, VersionRecord>()
    try {
      for (const { name, given, bundle } of deployments) {
        const of = { name, project }
        try {
          const { version, settings } = resolveSettings(given, defaultRuntime, {}, ceiling)
          const existing = version === undefined ? undefined : store.findVersion(idOf(of), version)
          if (existing === undefined) begun.push(await this.#begin(of, version, settings, bundle))
          else {
            checkSame(of, existing, settings, bundle)
            records.set(name, existing)
          }
        } catch (error) {
          throw deployments.length > 1 ? about(of, error) : error
        }
      }
      for (const { staged } of begun) await staged.commit()
      // Again for each, since another deployment may have been recorded meanwhile.
      const added = store.addVersions(
        begun.map(({ staged }) => staged.version),
        (next) => this.#checkLimits(next, next.bundle.size),
      )
      begun.forEach(({ of }, at) => {
        records.set(of.name, added[at] as VersionRecord)
      })
    } catch (error) {
      for (const { prepared } of begun) prepared.discard()
      await Promise.allSettled(begun.map(({ staged }) => staged.discard()))
      throw error
    }
    // All of them are recorded, so none waits for the files of another.
    for (const { prepared, held } of begun) {
      held.bundle = undefined
      prepared.activate()
    }
    for (const { of, staged } of begun) {
      // What stays of the intent does no harm: the row protects the bundle.
      await staged.settle().catch(() => {})
      await bundles.noteActive(idOf(of), staged.version.version)
      // Not awaited: the deployment is done. The collection waits for its turn of this function. What
      // fails here is tried again after the next deployment.
      this.#collecting = this.garbage.collect(retention(), { only: of }).catch(() => {})
    }
    return deployments.map(({ name }) => {
      return this.#document({ name, project }, records.get(name) as VersionRecord)
    })
  }

  /**
   * Makes an existing version active: `version`, or the one that was active before.
   *
   * @throws {FunctionError} FUNCTION_NOT_FOUND, VERSION_NOT_FOUND, BUNDLE_REFUSED
   */
  rollback(
    of: FunctionRef,
    version?: string,
    { keepEnv = false }: { keepEnv?: boolean | undefined } = {},
  ): Promise<RollbackDocument> {
    const { store, bundles } = this.#deps
    const { name, project } = of
    return this.queue.run([idOf(of)], async () => {
      const rollback = store.rollbackTarget(name, version, project)
      const { functionId: id } = rollback.version
      const before = store.envRevision(id)
      const after = keepEnv ? before : rollback.envRevision
      const envChanged = store.env.difference(id, before, after)
      if (!store.isActive(rollback)) {
        const { version, split } = rollback
        const environment = store.environment(labelOf(of), id, after)
        const prepared = await this.#prepareActive(of, split ?? version, environment)
        recordOrDiscard(prepared, () => store.rollback(rollback, keepEnv))
        prepared.activate()
        await bundles.noteActive(id, rollback.version.version)
      }
      const versions = rollback.split && weightsIn(rollback.split)
      const document = this.#document(of, rollback.version)
      return { ...document, envRevision: after, envChanged, ...(versions && { versions }) }
    })
  }

  /**
   * Sets the weights of versions, by which they share the requests. It is a deployment like one of a new version: live when
   * this resolves, and a rollback returns to what was before.
   *
   * @param weights percent by version; together 100
   * @throws {FunctionError} FUNCTION_NOT_FOUND, VERSION_NOT_FOUND, BUNDLE_REFUSED. Nothing is changed in these cases
   */
  setTraffic(
    of: FunctionRef,
    weights: Readonly<Record<string, number>>,
    stickyHeader: string | undefined,
  ): Promise<TrafficDocument> {
    const { store } = this.#deps
    const { name, project } = of
    return this.queue.run([idOf(of)], async () => {
      const noted = Object.entries(weights).map(([version, weight]) => `${version}=${weight}`)
      noteChange({ versions: noted, ...(stickyHeader !== undefined && { stickyHeader }) })
      const { id } = store.show(name, project)
      const versions = Object.entries(weights).map(([version, weight]) => {
        const record = store.findVersion(id, version)
        if (record !== undefined) return { version: record, weight }
        const message = `Function '${name}' has no version '${version}'.`
        throw new FunctionError('VERSION_NOT_FOUND', message)
      })
      versions.sort((one, other) => (one.version.id < other.version.id ? -1 : 1))
      const next: Split = { versions, stickyHeader }
      const environment = store.environment(labelOf(of), id, store.envRevision(id))
      const prepared = await this.#prepareActive(of, next, environment)
      recordOrDiscard(prepared, () => store.deployTraffic(id, next))
      prepared.activate()
      await this.#deps.bundles.noteActive(id, heaviest(next).version)
      return this.traffic(of)
    })
  }

  /** @throws {FunctionError} FUNCTION_NOT_FOUND */
  traffic({ name, project }: FunctionRef): TrafficDocument {
    const { store, serving } = this.#deps
    const { id, version } = store.show(name, project)
    const split = store.traffic.active(id)
    const alone = version === undefined ? {} : { [version]: ALL_REQUESTS }
    return {
      project,
      function: name,
      versions: split === undefined ? alone : weightsIn(split),
      stickyHeader: split?.stickyHeader ?? null,
      live: serving && version !== undefined,
    }
  }

  /**
   * Makes a revision of a function's variables out of the current one. It is live when this resolves;
   * requests in flight finish with the one before.
   *
   * @throws {FunctionError} FUNCTION_NOT_FOUND; BAD_REQUEST; CONFLICT; SECRETS_UNAVAILABLE;
   * BUNDLE_REFUSED if the function does not load with it. Nothing is changed in these cases
   * @param creates the function, if it does not exist: its first deployment gets the variables
   */
  changeEnv(
    of: FunctionRef,
    change: EnvChange,
    { creates = false }: { creates?: boolean } = {},
  ): Promise<EnvChangeDocument> {
    const { store, serving } = this.#deps
    const { name, project } = of
    return this.queue.run([idOf(of)], async () => {
      noteChange(namesIn(change))
      const version = this.#versionForEnv(of, creates)
      const id = idOf(of)
      const before = store.envRevision(id)
      const next = store.env.next(id, before, change)
      if (next !== undefined) await this.#deployEnv(of, version, next)
      const revision = next?.revision ?? before
      const changed = store.env.difference(id, before, revision)
      const live = serving && version !== undefined
      return { project, function: name, revision, changed, live }
    })
  }

  /**
   * Encrypts all secrets again, with a new key.
   *
   * @param discardLost also if the key is lost
   * @throws {FunctionError} SECRETS_UNAVAILABLE, CONFLICT, STORAGE_UNUSABLE
   */
  async rotateKey(discardLost: boolean): Promise<Rotation> {
    return await this.queue.run([], async () => {
      noteChange({ discardLost })
      return this.#deps.store.keys.rotate(discardLost)
    })
  }

  /**
   * Makes a version active whose bundle loads, if that of the active one does not: first those that
   * rollbacks return to, then the newest.
   *
   * @param broken versions that are known not to load
   * @returns the version; undefined if none loads
   */
  async rollbackToIntact(
    of: FunctionRef,
    broken: ReadonlySet<string>,
  ): Promise<string | undefined> {
    const { store } = this.#deps
    const { name, project } = of
    const { id } = store.show(name, project)
    const earlier = store.inUse(id, TRIED)
    const newest = store.versions(name, project, { limit: TRIED + broken.size })
    const byId = new Map(newest.map((row) => [row.id, row.version]))
    const order = [...earlier].flatMap((versionId) => byId.get(versionId) ?? [])
    const tried = [...order, ...byId.values()].filter((version) => !broken.has(version))
    for (const version of new Set(tried)) {
      try {
        await this.rollback(of, version)
        return version
      } catch (error) {
        if (!(error instanceof FunctionError)) throw error
      }
    }
    return undefined
  }

  /**
   * Deletes a function with all its versions.
   *
   * @throws {FunctionError} FUNCTION_NOT_FOUND
   */
  remove(of: FunctionRef): Promise<void> {
    const { store, remover, control } = this.#deps
    const { name, project } = of
    return this.queue.run([idOf(of)], async () => {
      const { id } = store.show(name, project)
      const hosts = store.routes.hostsOf(id)
      const removal = await remover.plan([`${BUNDLES}/${id}`])
      try {
        store.remove(name, project)
      } catch (error) {
        await removal.cancel()
        throw error
      }
      control.forget(name, project)
      for (const host of hosts) control.hostChanged(host)
      await removal.finish()
    })
  }

  /** Resolves when the collection after the last deployment is done. */
  async settled(): Promise<void> {
    await this.#collecting
  }

  /**
   * Keeps the bundles of all versions, whatever is deleted, until the returned function is called: for a
   * backup that copies them.
   */
  holdBundles(): () => Promise<void> {
    return this.#deps.remover.hold()
  }

  /**
   * The active version of the function whose variables are about to change.
   *
   * @throws {FunctionError} PROJECT_NOT_FOUND, FUNCTION_NOT_FOUND, QUOTA_EXCEEDED
   */
  #versionForEnv(of: FunctionRef, creates: boolean): string | undefined {
    const { store, installation } = this.#deps
    store.projects.get(of.project)
    if (store.rules.find(of.name, of.project) !== undefined) {
      return store.show(of.name, of.project).version
    }
    if (!creates) {
      const message = `Function '${labelOf(of)}' does not exist. Deploy it first, or create it with its variables (--create).`
      throw new FunctionError('FUNCTION_NOT_FOUND', message)
    }
    checkDeployLimits(store, installation(), of, 0)
    return undefined
  }

  async #deployEnv(
    of: FunctionRef,
    activeName: string | undefined,
    next: NextRevision,
  ): Promise<void> {
    const { store, control } = this.#deps
    const { name, project } = of
    const version =
      activeName === undefined ? undefined : store.findVersion(next.functionId, activeName)
    if (version === undefined || !store.env.isReadable(next)) {
      store.deployEnv(next, store.rules.find(name, project) === undefined ? of : undefined)
      control.forget(name, project)
      return
    }
    const environment = store.env.environmentOf(labelOf(of), next)
    const active = store.traffic.active(next.functionId) ?? version
    const prepared = await this.#prepareActive(of, active, environment)
    recordOrDiscard(prepared, () => store.deployEnv(next))
    prepared.activate()
  }

  /**
   * Stages a bundle, and starts a worker of it.
   *
   * The bundle gets its final name before a row refers to it. After a crash in between, the intent of the
   * staged bundle makes the next start delete it.
   */
  async #begin(
    of: FunctionRef,
    given: string | undefined,
    settings: VersionSettings,
    bundle: Bundle,
  ): Promise<BegunDeployment> {
    const version = given ?? this.#nextVersion(idOf(of))
    this.#checkLimits(of, bundle.code.length)
    const engine = await this.#deps.engine(settings.runtime)
    const next: UnstoredVersion = { ...settings, ...of, version, engine }
    const staged = await this.#deps.bundles.stage(next, bundle)
    const held: HeldBundle = { bundle }
    try {
      const prepared = await this.#prepare(this.#candidate(staged.version, held))
      return { of, staged, prepared, held }
    } catch (error) {
      await staged.discard()
      throw error
    }
  }

  /** The version as it will be recorded, for the worker that loads its bundle first. */
  #candidate(next: StagedBundle['version'], held: HeldBundle) {
    const { store, bundles } = this.#deps
    const id = functionId(next.name, next.project)
    const candidate = { ...next, id: '', functionId: id, createdAt: '' }
    return runnableVersion(store.runnable(next.name, candidate, next.project), bundles, held)
  }

  async #prepare(version: RunnableVersion): Promise<PreparedVersion> {
    checkInjection(version)
    return await loaded(this.#deps.control.prepare(version))
  }

  /** Prepares what is to be active, one version or several. */
  async #prepareActive(
    { name: functionName, project }: FunctionRef,
    what: VersionRecord | Split,
    environment: Environment,
  ): Promise<PreparedVersion> {
    const { control, bundles } = this.#deps
    const runnable = (version: VersionRecord) =>
      runnableVersion({ ...version, functionName, project, ...environment }, bundles)
    if (!('versions' in what)) return await this.#prepare(runnable(what))
    const versions = what.versions.map(({ version, weight }) => {
      return { version: runnable(version), weight }
    })
    for (const { version } of versions) checkInjection(version)
    return await loaded(control.prepareSplit({ versions, stickyHeader: what.stickyHeader }))
  }

  #checkLimits(of: FunctionRef, bytes: number): void {
    checkDeployLimits(this.#deps.store, this.#deps.installation(), of, bytes)
  }

  #nextVersion(id: string): string {
    return `v${this.#deps.store.highestNumber(id) + 1}`
  }

  #document({ name, project }: FunctionRef, record: VersionRecord): DeployDocument {
    const active = this.#deps.store.show(name, project).version === record.version
    return deployDocument(name, project, record, active && this.#deps.serving)
  }
}

/** The error with the name of the function that it is about. */
function about(of: FunctionRef, error: unknown): unknown {
  if (!(error instanceof FunctionError)) return error
  const { tenantStack: stack, position } = error
  return new FunctionError(error.code, `Function '${labelOf(of)}': ${error.message}`, {
    cause: error,
    ...(stack !== undefined && { stack }),
    ...(position !== undefined && { position }),
  })
}

/** @throws {FunctionError} BUNDLE_REFUSED in place of BUNDLE_LOAD_ERROR */
async function loaded(preparing: Promise<PreparedVersion>): Promise<PreparedVersion> {
  try {
    return await preparing
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

/** Percent by version. */
function weightsIn({ versions }: Split): Record<string, number> {
  return Object.fromEntries(versions.map(({ version, weight }) => [version.version, weight]))
}

/** For the audit. */
function namesIn({ set, secrets, unset }: EnvChange): AuditDetails {
  const hosts = (secrets ?? []).flatMap(({ hosts: own = [] }) => [...own]).slice(0, NOTED)
  return {
    set: [...Object.keys(set ?? {}), ...(secrets ?? []).map(({ name }) => name)].slice(0, NOTED),
    unset: (unset ?? []).map(({ name }) => name).slice(0, NOTED),
    ...(hosts.length > 0 && { hosts }),
  }
}

/** Drops the version that was prepared if what makes it active cannot be recorded. */
function recordOrDiscard(prepared: PreparedVersion, record: () => void): void {
  try {
    record()
  } catch (error) {
    prepared.discard()
    throw error
  }
}

function checkSame(
  of: FunctionRef,
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
      `Version '${existing.version}' of function '${labelOf(of)}' already exists with different ${what}. A version never changes: deploy under another version name.`,
    )
  }
}
