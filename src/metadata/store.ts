import type { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { and, desc, eq, getTableColumns, inArray, sql } from 'drizzle-orm'
import { type BunSQLiteDatabase, drizzle } from 'drizzle-orm/bun-sqlite'
import { namedProfile } from '../capabilities/profiles.ts'
import { FunctionError } from '../errors.ts'
import { KEY_FILE } from '../secrets/key-file.ts'
import { type Environment, NO_VARIABLES } from '../secrets/secret-variable.ts'
import { noteChange } from './audit-context.ts'
import { AuditStore } from './audit-store.ts'
import { type Change, storageOf } from './change.ts'
import { emptyDatabase, openDatabase } from './database.ts'
import { EnvStore, type NextRevision } from './env-store.ts'
import { Footprint } from './footprint.ts'
import { IdempotencyStore } from './idempotency-store.ts'
import { KnownVersions } from './known-versions.ts'
import { ProjectStore } from './project-store.ts'
import { prepareQueries } from './queries.ts'
import {
  DEFAULT_PROJECT,
  type FunctionName,
  type FunctionSummary,
  functionId,
  functionLabel,
  type NewVersion,
  type Resolution,
  type ResolvedVersion,
  type VersionAge,
  type VersionRecord,
  type VersionSettings,
} from './records.ts'
import { RouteStore } from './route-store.ts'
import { toSummary, toVersion, type VersionRow } from './rows.ts'
import { RuleStore } from './rule-store.ts'
import { deploymentWeights, functionDeployments, functions, functionVersions } from './schema.ts'
import { type KeySource, SecretKeyStore } from './secret-key-store.ts'
import { TokenStore } from './token-store.ts'
import { heaviest, type Split, TrafficStore } from './traffic-store.ts'

/** The columns of a version in the order of the table. */
const VERSION_KEYS = Object.keys(getTableColumns(functionVersions))
/** More rows than there can be. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER
/** Below every version in the order of creation. */
export const BEFORE_ALL: VersionPlace = { createdAt: '', id: '' }
/** Above every version. */
const AFTER_ALL: VersionPlace = { createdAt: '~', id: '~' }
const FUNCTION_ID_AT = VERSION_KEYS.indexOf('functionId')

/** 12 of `v12`; 0 for a name that a deployment does not count up to. */
function versionNumber(version: string): number {
  return Number(/^v(\d{1,9})$/.exec(version)?.[1] ?? 0)
}

/** What a rollback makes active. */
export interface RollbackTarget {
  version: VersionRecord
  /** The deployment that it returns to; undefined for a version that is not below the active one. */
  deployment: number | undefined
  /** The revision of the variables with which it served. */
  envRevision: number
  /** Undefined: the version alone. */
  split: Split | undefined
}

/** The place of a version in the order of creation. */
export type VersionPlace = Pick<VersionRecord, 'createdAt' | 'id'>

/** The persistent record of functions and their versions: `<data-dir>/metadata.db`. */
export class MetadataStore {
  readonly #database: Database
  readonly #db: BunSQLiteDatabase
  readonly #queries: ReturnType<typeof prepareQueries>
  readonly #change: Change
  readonly projects: ProjectStore
  readonly footprint: Footprint
  readonly tokens: TokenStore
  readonly idempotency: IdempotencyStore
  readonly keys: SecretKeyStore
  readonly env: EnvStore
  readonly audit: AuditStore
  readonly rules: RuleStore
  readonly routes: RouteStore
  readonly traffic: TrafficStore
  #known: KnownVersions<unknown[]> | undefined
  #dataVersion: number | undefined

  private constructor(database: Database, keySource: KeySource) {
    this.#database = database
    this.#db = drizzle({ client: database })
    this.#queries = prepareQueries(this.#db)
    const storage = storageOf(database, this.#db)
    this.#change = storage.change
    this.footprint = new Footprint(storage)
    this.tokens = new TokenStore(storage)
    this.idempotency = new IdempotencyStore(storage)
    this.keys = new SecretKeyStore(storage, keySource)
    this.env = new EnvStore(storage, this.keys)
    this.audit = new AuditStore(storage)
    this.projects = new ProjectStore(storage, this.tokens)
    this.rules = new RuleStore(storage)
    this.routes = new RouteStore(storage)
    this.traffic = new TrafficStore(storage)
  }

  /**
   * @param keySource the key for secrets; `<dataDir>/secret.key` unless given
   * @throws {FunctionError} STORAGE_UNUSABLE, also if a newer release has written the database
   */
  static open(
    dataDir: string,
    keySource: KeySource = { file: join(dataDir, KEY_FILE), given: undefined },
  ): MetadataStore {
    return new MetadataStore(openDatabase(dataDir), keySource)
  }

  /** A store without a data directory, in which nothing is recorded. */
  static empty(): MetadataStore {
    return new MetadataStore(emptyDatabase(), { file: KEY_FILE, given: undefined })
  }

  /** Caches the active versions, for a process that resolves many functions. */
  readAhead(): void {
    this.#known = new KnownVersions(this.#database, () => this.#deployed())
  }

  /**
   * Returns the active version of a function, from the cache or the database.
   *
   * @throws {FunctionError} SECRETS_UNAVAILABLE
   */
  resolve(name: string, project: string = DEFAULT_PROJECT): Resolution {
    // A path may spell any name. With a dot it would be the id of another project's function.
    const known = name.includes('.') ? undefined : this.#known?.get(functionId(name, project))
    if (known !== undefined) {
      const row = Object.fromEntries(VERSION_KEYS.map((key, at) => [key, known[at]])) as VersionRow
      const version = { ...toVersion(row), functionName: name, project, ...NO_VARIABLES }
      return { found: 'version', version, split: undefined }
    }
    const row = this.#queries.resolve.get({ name, project })
    if (row === undefined) {
      return { found: 'nothing' }
    }
    if (row.version === null || row.function.status !== 'deployed') {
      return { found: 'not-deployed' }
    }
    const { name: functionName, id, envRevision } = row.function
    const variables = this.environment(functionLabel(functionName, project), id, envRevision)
    const resolved = { functionName, project, ...variables }
    const version = { ...toVersion(row.version), ...resolved }
    const split = this.traffic.active(id)
    if (split === undefined) return { found: 'version', version, split }
    const versions = split.versions.map(({ version, weight }) => {
      return { version: { ...version, ...resolved }, weight }
    })
    return { found: 'version', version, split: { ...split, versions } }
  }

  /**
   * Functions of the project, by name.
   *
   * @param page `after`: the name that the page before ended with; everything unless set
   */
  list(
    project: string = DEFAULT_PROJECT,
    { after = '', limit = NO_LIMIT }: { after?: string | undefined; limit?: number } = {},
  ): FunctionSummary[] {
    const rows = this.#queries.list.all({ project, after, limit })
    return rows.map((row) => toSummary(row.function, row.version))
  }

  /** Functions of all projects, by id, beginning after an id. */
  functionsAfter(after: string, limit: number): FunctionName[] {
    return this.#queries.functionsAfter.all({ after, limit })
  }

  /** @throws {FunctionError} FUNCTION_NOT_FOUND */
  show(name: string, project: string = DEFAULT_PROJECT): FunctionSummary {
    const row = this.#queries.resolve.get({ name, project })
    if (row === undefined) {
      throw new FunctionError('FUNCTION_NOT_FOUND', `Function '${name}' does not exist.`)
    }
    return toSummary(row.function, row.version?.version ?? null)
  }

  /**
   * Versions of a function, newest first.
   *
   * @param page `before`: the last version of the page before; everything unless set
   * @throws {FunctionError} FUNCTION_NOT_FOUND
   */
  versions(
    name: string,
    project: string = DEFAULT_PROJECT,
    {
      before = AFTER_ALL,
      limit = NO_LIMIT,
    }: { before?: VersionPlace | undefined; limit?: number } = {},
  ): VersionRecord[] {
    const { id } = this.show(name, project)
    const { createdAt, id: last } = before
    return this.#queries.versions.all({ id, createdAt, before: last, limit }).map(toVersion)
  }

  /** Versions of all functions, by id, beginning after an id. */
  versionsAfter(
    after: string,
    limit: number,
  ): (VersionRecord & { name: string; project: string })[] {
    const rows = this.#queries.versionsAfter.all({ after, limit })
    return rows.map(({ name, project, version }) => ({ ...toVersion(version), name, project }))
  }

  /** The highest number of a version named `v<number>`; 0 if there is none. */
  highestNumber(functionId: string): number {
    // Raw rows: a function may have very many versions.
    const rows = this.#queries.versionNames.values({ functionId }) as [string][]
    return rows.reduce((highest, [version]) => Math.max(highest, versionNumber(version)), 0)
  }

  /** Versions of a function, oldest first, beginning after one. */
  oldestVersions(functionId: string, after: VersionPlace, limit: number): VersionAge[] {
    const { createdAt, id } = after
    return this.#queries.oldest.all({ functionId, createdAt, after: id, limit })
  }

  /** Ids of the newest versions of a function. */
  newestVersions(functionId: string, limit: number): string[] {
    return this.#queries.newest.all({ functionId, limit }).map(({ id }) => id)
  }

  /**
   * Ids of the versions that retention never deletes: those that are active, and those that the next `count`
   * rollbacks return to.
   */
  inUse(functionId: string, count: number): Set<string> {
    const active = this.#queries.activeId.get({ functionId })?.id
    const below = this.#queries.superseded.all({ functionId, limit: count + 1 })
    const earlier = below.map(({ versionId }) => versionId).filter((id) => id !== active)
    const split = this.traffic.inUse(functionId, count)
    return new Set([...(active ? [active] : []), ...earlier.slice(0, count), ...split])
  }

  /**
   * Deletes versions with their deployments. What remains of the stack of deployments keeps its order.
   *
   * @returns the versions that were deleted: not the active one, nor those that `count` rollbacks
   * return to
   */
  removeVersions(functionId: string, ids: readonly string[], count: number): Set<string> {
    return this.#change((tx) => {
      const kept = this.inUse(functionId, count)
      const removed = ids.filter((id) => !kept.has(id))
      this.traffic.removeWith(removed)
      tx.delete(functionVersions)
        .where(
          and(eq(functionVersions.functionId, functionId), inArray(functionVersions.id, removed)),
        )
        .run()
      return new Set(removed)
    })
  }

  findVersion(functionId: string, version: string): VersionRecord | undefined {
    const row = this.#queries.version.get({ functionId, version })
    return row === undefined ? undefined : toVersion(row)
  }

  /** The current revision of a function's variables; 0 if it has none. */
  envRevision(functionId: string): number {
    return this.#queries.activeId.get({ functionId })?.envRevision ?? 0
  }

  /**
   * A version with everything that is needed to run it, active or not.
   *
   * @param revision of the variables; the current one unless given
   * @throws {FunctionError} SECRETS_UNAVAILABLE
   */
  runnable(
    name: string,
    version: VersionRecord,
    project: string = DEFAULT_PROJECT,
    revision = this.envRevision(version.functionId),
  ): ResolvedVersion {
    const variables = this.environment(functionLabel(name, project), version.functionId, revision)
    return { ...version, functionName: name, project, ...variables }
  }

  /**
   * Records a revision of a function's variables as a new deployment of what is active, with the same
   * weights.
   *
   * @param created the function, if it does not exist yet: its first deployment gets the variables
   */
  deployEnv(next: NextRevision, created?: { name: string; project: string }): void {
    const { functionId, revision } = next
    this.#known?.forget(functionId)
    this.#change((tx) => {
      if (created !== undefined) this.#register(functionId, created)
      this.env.add(next)
      const updatedAt = new Date().toISOString()
      const changed = { envRevision: revision, updatedAt }
      tx.update(functions).set(changed).where(eq(functions.id, functionId)).run()
      const active = this.#active(functionId)
      if (active === undefined) return
      const split = this.traffic.ofDeployment(active.id)
      const id = this.#push(functionId, active.versionId)
      if (split !== undefined) this.traffic.add(id, split)
      this.env.prune(functionId)
    })
  }

  /**
   * Records a deployment of several versions, or of one alone, with the current variables.
   *
   * @param next the weights add up to 100
   */
  deployTraffic(functionId: string, next: Split): void {
    const active = heaviest(next)
    this.#known?.forget(functionId)
    this.#change(() => {
      const id = this.#push(functionId, active.id)
      if (next.versions.length > 1) this.traffic.add(id, next)
      this.#setActive(functionId, active.id, settingsColumns(active))
    })
  }

  /** Does the version refer to the bundle? */
  refersTo(functionId: string, version: string, bundlePath: string): boolean {
    return this.#queries.bundlePath.get({ functionId, version })?.path === bundlePath
  }

  /** Records a new version and makes it active. The function is registered if it is new. */
  addVersion(next: NewVersion): VersionRecord {
    const [record] = this.addVersions([next])
    return record as VersionRecord
  }

  /**
   * The same for several functions: all of them, or none.
   *
   * @param check is called for each in the transaction, when those before it are recorded
   */
  addVersions(list: readonly NewVersion[], check = (_: NewVersion) => {}): VersionRecord[] {
    const now = new Date().toISOString()
    const rows = list.map((next) => rowOf(next, now))
    for (const { functionId } of rows) this.#known?.forget(functionId)
    noteVersions(list)
    this.#change((tx) => {
      list.forEach((next, index) => {
        check(next)
        const row = rows[index] as VersionRow
        const registered = {
          id: row.functionId,
          project: next.project,
          name: next.name,
          ...settingsColumns(next),
          status: 'registered',
          activeVersionId: null,
          createdAt: now,
          updatedAt: now,
        }
        tx.insert(functions).values(registered).onConflictDoNothing().run()
        tx.insert(functionVersions).values(row).run()
        this.#push(row.functionId, row.id)
        this.#setActive(row.functionId, row.id, settingsColumns(next))
      })
    })
    return rows.map(toVersion)
  }

  /**
   * Returns the target of a rollback: `version`, or the deployment before the active one.
   *
   * @throws {FunctionError} FUNCTION_NOT_FOUND, VERSION_NOT_FOUND
   */
  rollbackTarget(
    name: string,
    version?: string,
    project: string = DEFAULT_PROJECT,
  ): RollbackTarget {
    const { id } = this.show(name, project)
    const row =
      version === undefined ? undefined : this.#queries.version.get({ functionId: id, version })
    const found =
      version === undefined
        ? this.#onStack(id, eq(functionDeployments.status, 'superseded'))
        : row && this.#onStack(id, aloneIn(row.id))
    const target = row ?? found?.version
    if (target === undefined) {
      const what =
        version === undefined ? 'earlier deployment to roll back to' : `version '${version}'`
      throw new FunctionError('VERSION_NOT_FOUND', `Function '${name}' has no ${what}.`)
    }
    return {
      version: toVersion(target),
      deployment: found?.deployment.id,
      envRevision: found?.deployment.envRevision ?? this.envRevision(id),
      split: found && this.traffic.ofDeployment(found.deployment.id),
    }
  }

  /** Whether the target of a rollback is what is active. */
  isActive({ version, deployment }: RollbackTarget): boolean {
    return deployment !== undefined && this.#active(version.functionId)?.id === deployment
  }

  /**
   * Makes an existing deployment or version active. Deployments above it in the stack are rolled back.
   *
   * @param keepEnv the variables stay as they are
   */
  rollback({ version, deployment, envRevision }: RollbackTarget, keepEnv = false): void {
    const { functionId } = version
    this.#known?.forget(functionId)
    noteChange({ version: version.version, keepEnv })
    this.#change((tx) => {
      if (deployment === undefined) this.#push(functionId, version.id)
      else {
        const current = this.envRevision(functionId)
        this.#mark(functionId, sql`${functionDeployments.id} > ${deployment}`, 'rolled-back')
        tx.update(functionDeployments)
          .set({ status: 'active', envRevision: keepEnv ? current : envRevision })
          .where(eq(functionDeployments.id, deployment))
          .run()
        const changed = { envRevision: keepEnv ? current : envRevision }
        tx.update(functions).set(changed).where(eq(functions.id, functionId)).run()
      }
      this.#setActive(functionId, version.id, settingsColumns(version))
    })
  }

  /**
   * Deletes a function with its versions, deployments and variables.
   *
   * @throws {FunctionError} FUNCTION_NOT_FOUND
   */
  remove(name: string, project: string = DEFAULT_PROJECT): void {
    const { id } = this.show(name, project)
    this.#known?.forget(id)
    this.#change((tx) => {
      tx.update(functions).set({ activeVersionId: null }).where(eq(functions.id, id)).run()
      tx.delete(functions).where(eq(functions.id, id)).run()
    })
  }

  /** Whether another process has changed functions since the last call; the first call only looks. */
  changedElsewhere(): boolean {
    const row = this.#database.query('PRAGMA data_version').get() as { data_version: number }
    const before = this.#dataVersion
    this.#dataVersion = row.data_version
    return before !== undefined && before !== row.data_version
  }

  close(): void {
    this.#database.close()
  }

  /**
   * The deployed versions of functions without variables, as raw rows: most of them are never
   * needed.
   */
  *#deployed(): Iterable<[string, unknown[]]> {
    for (const [name, project, ...row] of this.#queries.deployed.values()) {
      const id = functionId(name as string, project as string)
      if (row[FUNCTION_ID_AT] === id) yield [id, row]
    }
  }

  /**
   * The variables of a function. Most have none, and a second query would nearly double the cost of resolving.
   *
   * @throws {FunctionError} SECRETS_UNAVAILABLE
   */
  environment(label: string, functionId: string, revision: number): Environment {
    return revision === 0 ? NO_VARIABLES : this.env.environment(label, functionId, revision)
  }

  #setActive(id: string, versionId: string, settings: ReturnType<typeof settingsColumns>): void {
    this.#db
      .update(functions)
      .set({
        ...settings,
        status: 'deployed',
        activeVersionId: versionId,
        updatedAt: new Date().toISOString(),
      })
      .where(eq(functions.id, id))
      .run()
  }

  /** Until its first deployment a function has the settings of a strict one. */
  #register(id: string, { name, project }: { name: string; project: string }): void {
    const createdAt = new Date().toISOString()
    const settings = settingsColumns({
      runtime: 'quickjs-ng',
      handler: 'default',
      capabilities: namedProfile('strict', project),
      config: { profile: 'strict', exposeErrors: false },
    })
    const row = { id, project, name, ...settings, status: 'registered', createdAt }
    this.#db
      .insert(functions)
      .values({ ...row, updatedAt: createdAt })
      .run()
  }

  /** @returns the id of the deployment */
  #push(functionId: string, versionId: string): number {
    this.#mark(functionId, eq(functionDeployments.status, 'active'), 'superseded')
    const createdAt = new Date().toISOString()
    const envRevision = this.envRevision(functionId)
    return this.#db
      .insert(functionDeployments)
      .values({ functionId, versionId, status: 'active', createdAt, envRevision })
      .returning({ id: functionDeployments.id })
      .get().id
  }

  #active(functionId: string) {
    return this.#onStack(functionId, eq(functionDeployments.status, 'active'))?.deployment
  }

  #mark(functionId: string, which: ReturnType<typeof eq>, status: string): void {
    this.#db
      .update(functionDeployments)
      .set({ status })
      .where(and(eq(functionDeployments.functionId, functionId), which))
      .run()
  }

  /** The topmost deployment of those that were not rolled back, with its version. */
  #onStack(functionId: string, which: ReturnType<typeof eq>) {
    return this.#db
      .select({ deployment: functionDeployments, version: functionVersions })
      .from(functionDeployments)
      .innerJoin(functionVersions, eq(functionVersions.id, functionDeployments.versionId))
      .where(
        and(
          eq(functionDeployments.functionId, functionId),
          sql`${functionDeployments.status} <> 'rolled-back'`,
          which,
        ),
      )
      .orderBy(desc(functionDeployments.id))
      .get()
  }
}

function rowOf(next: NewVersion, now: string): VersionRow {
  return {
    id: Bun.randomUUIDv7(),
    functionId: functionId(next.name, next.project),
    version: next.version,
    ...settingsColumns(next),
    engine: next.engine,
    bundlePath: next.bundle.path,
    bundleSha256: next.bundle.sha256,
    size: next.bundle.size,
    createdAt: next.createdAt ?? now,
    retry: next.config.retry === false ? 0 : 1,
  }
}

/** For the audit. */
function noteVersions(list: readonly NewVersion[]): void {
  const [first] = list
  if (list.length === 1 && first !== undefined)
    noteChange({ version: first.version, sha256: first.bundle.sha256 })
  else noteChange({ versions: list.map(({ name, version }) => `${name} ${version}`) })
}

/** A deployment of this version alone. */
function aloneIn(versionId: string) {
  const { id } = functionDeployments
  const split = sql`SELECT 1 FROM ${deploymentWeights} WHERE ${deploymentWeights.deploymentId} = ${id}`
  return sql`${functionDeployments.versionId} = ${versionId} AND NOT EXISTS (${split})`
}

/** The columns that both tables have. */
function settingsColumns(settings: VersionSettings) {
  const { retry: _, ...config } = settings.config
  return {
    runtime: settings.runtime,
    handler: settings.handler,
    capabilitiesJson: JSON.stringify(settings.capabilities),
    configJson: JSON.stringify(config),
  }
}
