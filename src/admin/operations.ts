/** Deploy, change of variables, rollback, delete and garbage collection: the same code with a running service and without one. */

import { dirname } from 'node:path'
import type { BundleRemover } from '../bundles/bundle-remover.ts'
import {
  type Bundle,
  type BundleStore,
  type StagedBundle,
  sha256,
  type UnstoredVersion,
} from '../bundles/bundle-store.ts'
import { BUNDLES, namesOf } from '../bundles/files.ts'
import type { Runtime } from '../capabilities/runtime.ts'
import { FunctionError } from '../errors.ts'
import type { Limits } from '../limits/names.ts'
import { noteChange } from '../metadata/audit-context.ts'
import type { AuditDetails } from '../metadata/audit-entry.ts'
import type { EnvChange, NextRevision } from '../metadata/env-store.ts'
import {
  functionId,
  functionLabel,
  type VersionAge,
  type VersionRecord,
  type VersionSettings,
} from '../metadata/records.ts'
import type { Rotation } from '../metadata/secret-key-store.ts'
import { BEFORE_ALL, type MetadataStore } from '../metadata/store.ts'
import { heaviest, type Split } from '../metadata/traffic-store.ts'
import type { PreparedVersion } from '../router/router.ts'
import type { Environment } from '../secrets/secret-variable.ts'
import type { RunnableVersion, ServiceControl } from './control.ts'
import { checkDeployLimits } from './deploy-limits.ts'
import {
  type DeployDocument,
  deployDocument,
  type RollbackDocument,
  type TrafficDocument,
} from './documents.ts'
import type { EnvChangeDocument } from './env-documents.ts'
import { expired, type RetentionPolicy, rollbacksKept } from './retention.ts'
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

/** Names one function. */
export interface FunctionRef {
  name: string
  project: string
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
const ALL_REQUESTS = 100
/** Versions that are tried in place of one that does not load. */
const TRIED = 10
/** Names of variables in an entry of the audit. */
const NOTED = 100
/** Maximum length of `Garbage.removed`. */
const LISTED = 1000

export class Operations {
  readonly #deps: OperationsDeps
  /** The last change of each function. The next change waits for it. */
  readonly #running = new Map<string, Promise<unknown>>()
  /** The collection that follows the last deployment. */
  #collecting: Promise<unknown> = Promise.resolve()
  /** Settled when changes may begin again. */
  #paused: PromiseWithResolvers<void> | undefined

  constructor(deps: OperationsDeps) {
    this.#deps = deps
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
    const refs = deployments.map(({ name }) => ({ name, project }))
    const run = () => this.#deployLocked(project, deployments)
    // In one order, so that two of them never wait for each other.
    const inOrder = refs.toSorted((a, b) => (idOf(a) < idOf(b) ? 1 : -1))
    const locked = inOrder.reduce((inner, of) => () => this.#oneAtATime(of, inner), run)
    return await locked()
  }

  async #deployLocked(
    project: string,
    deployments: readonly NewDeployment[],
  ): Promise<DeployDocument[]> {
    const { store, defaultRuntime, bundles, retention } = this.#deps
    const ceiling = store.projects.get(project)
    const begun: BegunDeployment[] = []
    const same: [FunctionRef, VersionRecord][] = []
    try {
      for (const { name, given, bundle } of deployments) {
        const of = { name, project }
        try {
          const { version, settings } = resolveSettings(given, defaultRuntime, {}, ceiling)
          const existing = version === undefined ? undefined : store.findVersion(idOf(of), version)
          if (existing === undefined) begun.push(await this.#begin(of, version, settings, bundle))
          else {
            checkSame(of, existing, settings, bundle)
            same.push([of, existing])
          }
        } catch (error) {
          throw deployments.length > 1 ? about(of, error) : error
        }
      }
      for (const { staged } of begun) await staged.commit()
      // Again for each, since another deployment may have been recorded meanwhile.
      store.addVersions(
        begun.map(({ staged }) => staged.version),
        (next) => this.#checkLimits(next, next.bundle.size),
      )
    } catch (error) {
      for (const { prepared, staged } of begun) {
        prepared.discard()
        await staged.discard()
      }
      throw error
    }
    for (const { of, staged, prepared, held } of begun) {
      held.bundle = undefined
      prepared.activate()
      // What stays of the intent does no harm: the row protects the bundle.
      await staged.settle().catch(() => {})
      await bundles.noteActive(idOf(of), staged.version.version)
      // Not awaited: the deployment is done. The collection waits for its turn of this function. What
      // fails here is tried again after the next deployment.
      this.#collecting = this.collect(retention(), { only: of }).catch(() => {})
    }
    const rows = begun.map(({ of, staged }): [FunctionRef, VersionRecord] => {
      const record = store.findVersion(idOf(of), staged.version.version)
      return [of, record as VersionRecord]
    })
    const documents = [...same, ...rows].map(([of, record]) => this.#document(of, record))
    return deployments.map(
      ({ name }) => documents.find((each) => each.function === name) as DeployDocument,
    )
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
    return this.#oneAtATime(of, async () => {
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
   * Gives each of several versions a share of the requests. It is a deployment like one of a new version: live when
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
    return this.#oneAtATime(of, async () => {
      const shares = Object.entries(weights).map(([version, weight]) => `${version}=${weight}`)
      noteChange({ versions: shares, ...(stickyHeader !== undefined && { stickyHeader }) })
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
    return this.#oneAtATime(of, async () => {
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
    while (this.#paused !== undefined) await this.#paused.promise
    noteChange({ discardLost })
    return this.#deps.store.keys.rotate(discardLost)
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
    return this.#oneAtATime(of, async () => {
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
      const { orphans, unknown } = await this.#oneAtATime(namesOf(id), sweep)
      garbage.orphans += orphans
      garbage.unknown += unknown
    }
    if (!dryRun) await remover.sweepOldStaged()
    return garbage
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
        addRemoved(garbage, labelOf(of), dryRun ? some : await this.#oneAtATime(of, remove))
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

  /** Lets no change begin until `resume`; resolves when the running ones are over. */
  async pause(): Promise<void> {
    this.#paused ??= Promise.withResolvers<void>()
    // Changes that wait see its rejection; without any it must not count as unhandled.
    this.#paused.promise.catch(() => {})
    await Promise.allSettled(this.#running.values())
  }

  /** @param elsewhere the changes that waited fail with it: another process makes changes now */
  resume(elsewhere?: FunctionError): void {
    if (elsewhere !== undefined) {
      this.#paused?.reject(elsewhere)
      return
    }
    this.#paused?.resolve()
    this.#paused = undefined
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

  async #oneAtATime<T>(of: FunctionRef, change: () => Promise<T>): Promise<T> {
    while (this.#paused !== undefined) await this.#paused.promise
    const id = idOf(of)
    const before = this.#running.get(id)
    const run = Promise.resolve(before)
      .catch(() => {})
      .then(change)
    this.#running.set(id, run)
    try {
      return await run
    } finally {
      if (this.#running.get(id) === run) {
        this.#running.delete(id)
      }
    }
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

function idOf({ name, project }: FunctionRef): string {
  return functionId(name, project)
}

function labelOf({ name, project }: FunctionRef): string {
  return functionLabel(name, project)
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
