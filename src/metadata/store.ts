import type { Database } from 'bun:sqlite'
import { and, desc, eq, getTableColumns, sql } from 'drizzle-orm'
import { type BunSQLiteDatabase, drizzle } from 'drizzle-orm/bun-sqlite'
import { FunctionError } from '../errors.ts'
import { openDatabase } from './database.ts'
import { KnownVersions } from './known-versions.ts'
import { prepareQueries } from './queries.ts'
import {
  DEFAULT_PROJECT,
  type FunctionSummary,
  functionId,
  type NewVersion,
  type Resolution,
  type ResolvedVersion,
  type VersionRecord,
  type VersionSettings,
} from './records.ts'
import { type FunctionRow, toSummary, toVersion, type VersionRow } from './rows.ts'
import { functionDeployments, functions, functionVersions } from './schema.ts'

/** The columns of a version in the order of the table. */
const VERSION_KEYS = Object.keys(getTableColumns(functionVersions))
const FUNCTION_ID_AT = VERSION_KEYS.indexOf('functionId')

/** The persistent record of functions and their versions: `<data-dir>/metadata.db`. */
export class MetadataStore {
  readonly #database: Database
  readonly #db: BunSQLiteDatabase
  readonly #queries: ReturnType<typeof prepareQueries>
  #known: KnownVersions<unknown[]> | undefined

  private constructor(database: Database) {
    this.#database = database
    this.#db = drizzle({ client: database })
    this.#queries = prepareQueries(this.#db)
  }

  /** @throws {FunctionError} STORAGE_UNUSABLE, also if a newer release has written the database */
  static open(dataDir: string): MetadataStore {
    return new MetadataStore(openDatabase(dataDir))
  }

  /** Caches the active versions, for a process that resolves many functions. */
  readAhead(): void {
    this.#known = new KnownVersions(this.#database, () => this.#deployed())
  }

  /** Returns the active version of a function, from the cache or the database. */
  resolve(name: string, project: string = DEFAULT_PROJECT): Resolution {
    const known = this.#known?.get(functionId(name, project))
    if (known !== undefined) {
      const row = Object.fromEntries(VERSION_KEYS.map((key, at) => [key, known[at]])) as VersionRow
      const version = { ...toVersion(row), functionName: name, project, env: {} }
      return { found: 'version', version }
    }
    const row = this.#queries.resolve.get({ name, project })
    if (row === undefined) {
      return { found: 'nothing' }
    }
    if (row.version === null || row.function.status !== 'deployed') {
      return { found: 'not-deployed' }
    }
    const { name: functionName, id } = row.function
    const env = row.hasEnv === 1 ? this.#env(id) : {}
    const version = { ...toVersion(row.version), functionName, project, env }
    return { found: 'version', version }
  }

  /** Every function of the project, by name. */
  list(project: string = DEFAULT_PROJECT): FunctionSummary[] {
    return this.#queries.list.all({ project }).map((row) => toSummary(row.function, row.version))
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
   * The versions of a function, newest first.
   *
   * @throws {FunctionError} FUNCTION_NOT_FOUND
   */
  versions(name: string, project: string = DEFAULT_PROJECT): VersionRecord[] {
    const { id } = this.show(name, project)
    return this.#queries.versions.all({ id }).map(toVersion)
  }

  findVersion(functionId: string, version: string): VersionRecord | undefined {
    const row = this.#queries.version.get({ functionId, version })
    return row === undefined ? undefined : toVersion(row)
  }

  /** A version with everything that is needed to run it, active or not. */
  runnable(
    name: string,
    version: VersionRecord,
    project: string = DEFAULT_PROJECT,
  ): ResolvedVersion {
    return { ...version, functionName: name, project, env: this.#env(version.functionId) }
  }

  /** The bundle paths of all versions. Other files in the directory of bundles are leftovers. */
  bundlePaths(): Set<string> {
    const rows = this.#db.select({ path: functionVersions.bundlePath }).from(functionVersions).all()
    return new Set(rows.map((row) => row.path))
  }

  /** Records a new version and makes it active. The function is registered if it is new. */
  addVersion(next: NewVersion): VersionRecord {
    const now = new Date().toISOString()
    const id = functionId(next.name, next.project)
    this.#known?.forget(id)
    const row: VersionRow = {
      id: Bun.randomUUIDv7(),
      functionId: id,
      version: next.version,
      ...settingsColumns(next),
      engine: next.engine,
      bundlePath: next.bundle.path,
      bundleSha256: next.bundle.sha256,
      size: next.bundle.size,
      createdAt: now,
    }
    this.#db.transaction(
      (tx) => {
        const registered: FunctionRow = {
          id,
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
        this.#push(id, row.id)
        this.#setActive(id, row.id, settingsColumns(next))
      },
      { behavior: 'immediate' },
    )
    return toVersion(row)
  }

  /**
   * Returns the target of a rollback: `version`, or the one that was active before.
   *
   * @throws {FunctionError} FUNCTION_NOT_FOUND, VERSION_NOT_FOUND
   */
  rollbackTarget(name: string, version?: string, project: string = DEFAULT_PROJECT): VersionRecord {
    const { id } = this.show(name, project)
    const row =
      version === undefined
        ? this.#previous(id)
        : this.#queries.version.get({ functionId: id, version })
    if (row === undefined) {
      const what =
        version === undefined ? 'earlier version to roll back to' : `version '${version}'`
      throw new FunctionError('VERSION_NOT_FOUND', `Function '${name}' has no ${what}.`)
    }
    return toVersion(row)
  }

  /** Makes an existing version active. Deployments above it in the stack are rolled back. */
  rollback(target: VersionRecord): void {
    this.#known?.forget(target.functionId)
    this.#db.transaction(
      () => {
        this.#popTo(target.functionId, target.id)
        this.#setActive(target.functionId, target.id, settingsColumns(target))
      },
      { behavior: 'immediate' },
    )
  }

  /**
   * Deletes a function with its versions, deployments and variables.
   *
   * @throws {FunctionError} FUNCTION_NOT_FOUND
   */
  remove(name: string, project: string = DEFAULT_PROJECT): void {
    const { id } = this.show(name, project)
    this.#known?.forget(id)
    this.#db.transaction(
      (tx) => {
        tx.update(functions).set({ activeVersionId: null }).where(eq(functions.id, id)).run()
        tx.delete(functions).where(eq(functions.id, id)).run()
      },
      { behavior: 'immediate' },
    )
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

  #env(functionId: string): Record<string, string> {
    const rows = this.#queries.env.all({ functionId })
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
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

  #push(functionId: string, versionId: string): void {
    this.#mark(functionId, eq(functionDeployments.status, 'active'), 'superseded')
    const createdAt = new Date().toISOString()
    this.#db
      .insert(functionDeployments)
      .values({ functionId, versionId, status: 'active', createdAt })
      .run()
  }

  /** Pops the stack down to the version, or pushes the version if it is not on the stack. */
  #popTo(functionId: string, versionId: string): void {
    const target = this.#db
      .select({ id: functionDeployments.id, status: functionDeployments.status })
      .from(functionDeployments)
      .where(
        and(
          eq(functionDeployments.functionId, functionId),
          eq(functionDeployments.versionId, versionId),
          sql`${functionDeployments.status} <> 'rolled-back'`,
        ),
      )
      .orderBy(desc(functionDeployments.id))
      .get()
    if (target === undefined) {
      this.#push(functionId, versionId)
      return
    }
    this.#mark(functionId, sql`${functionDeployments.id} > ${target.id}`, 'rolled-back')
    this.#mark(functionId, eq(functionDeployments.id, target.id), 'active')
  }

  #mark(functionId: string, which: ReturnType<typeof eq>, status: string): void {
    this.#db
      .update(functionDeployments)
      .set({ status })
      .where(and(eq(functionDeployments.functionId, functionId), which))
      .run()
  }

  /** The version right below the active one. */
  #previous(functionId: string): VersionRow | undefined {
    return this.#db
      .select({ version: functionVersions })
      .from(functionDeployments)
      .innerJoin(functionVersions, eq(functionVersions.id, functionDeployments.versionId))
      .where(
        and(
          eq(functionDeployments.functionId, functionId),
          eq(functionDeployments.status, 'superseded'),
        ),
      )
      .orderBy(desc(functionDeployments.id))
      .get()?.version
  }
}

function settingsColumns(settings: VersionSettings) {
  return {
    runtime: settings.runtime,
    handler: settings.handler,
    capabilitiesJson: JSON.stringify(settings.capabilities),
    configJson: JSON.stringify(settings.config),
  }
}
