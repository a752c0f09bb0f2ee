/** Projects: the tenants of a service. */
import { and, asc, eq, gt } from 'drizzle-orm'
import { z } from 'zod'
import { type Capabilities, capabilitiesSchema } from '../capabilities/schema.ts'
import { FunctionError } from '../errors.ts'
import { noteChange } from './audit-context.ts'
import type { AuditDetails } from './audit-entry.ts'
import type { Storage } from './change.ts'
import { DEFAULT_PROJECT } from './records.ts'
import { check, parse, parseLimits } from './rows.ts'
import { functions, projects } from './schema.ts'
import type { TokenStore } from './token-store.ts'

export type ProjectState = 'active' | 'suspended'

/** What functions of a project may do at most; a deployment without a profile gets it. */
export interface ProjectProfile {
  name: string
  capabilities: Capabilities
}

export interface ProjectRecord {
  name: string
  state: ProjectState
  /** Undefined: no ceiling. */
  profile: ProjectProfile | undefined
  limits: Readonly<Record<string, number>>
  /** ISO 8601, UTC. */
  createdAt: string
  updatedAt: string
}

/** What can be changed of a project. What is not set stays. */
export interface ProjectChange {
  state?: ProjectState | undefined
  /** Null: no ceiling. */
  profile?: ProjectProfile | null | undefined
  limits?: Readonly<Record<string, number>> | undefined
}

const stateSchema = z.enum(['active', 'suspended'])

export class ProjectStore {
  readonly #storage: Storage
  readonly #tokens: TokenStore

  constructor(storage: Storage, tokens: TokenStore) {
    this.#storage = storage
    this.#tokens = tokens
  }

  /** @throws {FunctionError} CONFLICT if the name is taken */
  create(name: string, given: ProjectChange = {}): ProjectRecord {
    const now = new Date().toISOString()
    const record: ProjectRecord = {
      name,
      state: given.state ?? 'active',
      profile: given.profile ?? undefined,
      limits: given.limits ?? {},
      createdAt: now,
      updatedAt: now,
    }
    noteChange({ project: name, ...changed(given) })
    this.#storage.change((tx) => {
      const taken = tx.select().from(projects).where(eq(projects.name, name)).get()
      if (taken !== undefined)
        throw new FunctionError('CONFLICT', `Project '${name}' exists already.`)
      tx.insert(projects).values(toRow(record)).run()
    })
    return record
  }

  /** @throws {FunctionError} PROJECT_NOT_FOUND */
  get(name: string): ProjectRecord {
    const record = this.find(name)
    if (record === undefined)
      throw new FunctionError('PROJECT_NOT_FOUND', `Project '${name}' does not exist.`)
    return record
  }

  find(name: string): ProjectRecord | undefined {
    const row = this.#storage.db.select().from(projects).where(eq(projects.name, name)).get()
    return row === undefined ? undefined : toRecord(row)
  }

  /** By name, beginning after one. */
  list(after: string, limit: number): ProjectRecord[] {
    const { db } = this.#storage
    return db
      .select()
      .from(projects)
      .where(gt(projects.name, after))
      .orderBy(asc(projects.name))
      .limit(limit)
      .all()
      .map(toRecord)
  }

  /** @throws {FunctionError} PROJECT_NOT_FOUND */
  set(name: string, change: ProjectChange): ProjectRecord {
    noteChange(changed(change))
    return this.#storage.change((tx) => {
      const before = this.get(name)
      const record: ProjectRecord = {
        ...before,
        ...(change.state !== undefined && { state: change.state }),
        ...(change.profile !== undefined && { profile: change.profile ?? undefined }),
        ...(change.limits !== undefined && { limits: change.limits }),
        updatedAt: new Date().toISOString(),
      }
      tx.update(projects).set(toRow(record)).where(eq(projects.name, name)).run()
      return record
    })
  }

  /**
   * Deletes a project that has no functions, with its tokens: they must not serve a later project of its name.
   *
   * @throws {FunctionError} PROJECT_NOT_FOUND; CONFLICT if it has functions, or is the default one
   */
  remove(name: string): void {
    this.#storage.change((tx) => {
      this.get(name)
      this.refuseDefault(name)
      const one = tx.select({ name: functions.name }).from(functions)
      if (one.where(eq(functions.project, name)).limit(1).get() !== undefined) {
        const message = `Project '${name}' has functions: delete them first.`
        throw new FunctionError('CONFLICT', message)
      }
      this.#tokens.removeOf(name)
      tx.delete(projects).where(eq(projects.name, name)).run()
    })
  }

  /** @throws {FunctionError} CONFLICT for the project that is always there */
  refuseDefault(name: string): void {
    if (name !== DEFAULT_PROJECT) return
    throw new FunctionError('CONFLICT', `The project '${name}' cannot be deleted.`)
  }

  /** Names of its functions, beginning after one. */
  functionNames(name: string, after: string, limit: number): string[] {
    const { db } = this.#storage
    return db
      .select({ name: functions.name })
      .from(functions)
      .where(and(eq(functions.project, name), gt(functions.name, after)))
      .orderBy(asc(functions.name))
      .limit(limit)
      .all()
      .map((row) => row.name)
  }
}

/** For the audit. */
function changed({ state, profile, limits }: ProjectChange): AuditDetails {
  return {
    ...(state !== undefined && { state }),
    ...(profile !== undefined && { profile: profile?.name ?? 'none' }),
    ...(limits !== undefined && { limits: JSON.stringify(limits) }),
  }
}

type ProjectRow = typeof projects.$inferSelect

function toRow(record: ProjectRecord): ProjectRow {
  const { name, state, profile, limits, createdAt, updatedAt } = record
  return {
    name,
    state,
    profile: profile?.name ?? null,
    profileJson: profile === undefined ? null : JSON.stringify(profile.capabilities),
    limitsJson: JSON.stringify(limits),
    createdAt,
    updatedAt,
  }
}

function toRecord(row: ProjectRow): ProjectRecord {
  const where = `project '${row.name}'`
  const { profile: name, profileJson } = row
  const profile =
    name === null || profileJson === null
      ? undefined
      : { name, capabilities: parse(capabilitiesSchema, profileJson, where, 'profile_json') }
  return {
    name: row.name,
    state: check(stateSchema, row.state, where, 'state'),
    profile,
    limits: parseLimits(row.limitsJson, where),
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  }
}
