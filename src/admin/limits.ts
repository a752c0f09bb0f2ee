/** Limits in the documents of the management API. */
import { z } from '@hono/zod-openapi'
import { lowest, type Scope } from '../limits/gate.ts'
import {
  changed,
  type Level,
  LIMIT_NAMES,
  type Limits,
  limitsChangeSchema,
  limitsOf,
  namesOf,
} from '../limits/names.ts'
import type { ProjectRecord } from '../metadata/project-store.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { checked } from './settings.ts'

/** In a request: numbers of the unit, or texts such as `60s` and `64MB`; null or `none` removes one. */
export const limitsBody = z
  .record(z.string(), z.union([z.number(), z.string(), z.null()]))
  .openapi({ description: `${LIMIT_NAMES.join(', ')}; null removes one` })

export const limitsDocument = {
  /** The limits that are set here: ms, bytes or counts. */
  limits: z.record(z.string(), z.number()),
  /** The limits that apply, each with the level that sets it. */
  limitsInForce: z.record(z.string(), z.object({ value: z.number(), level: z.string() })),
}

export interface LimitsDocument {
  limits: Record<string, number>
  limitsInForce: Record<string, { value: number; level: string }>
}

/**
 * The limits after the change that a request asks for.
 *
 * @throws {FunctionError} BAD_REQUEST that names the limit
 */
export function changeLimits(
  level: Level,
  before: Readonly<Record<string, number>>,
  given: unknown,
): Limits {
  return changed(limitsOf(before), checked(limitsChangeSchema(level), given, 'limits'))
}

export function projectLimits(project: ProjectRecord, installation: Limits): LimitsDocument {
  return documentOf('project', projectScopes(project, installation))
}

/** @throws {FunctionError} FUNCTION_NOT_FOUND */
export function functionLimits(
  store: MetadataStore,
  installation: Limits,
  of: { name: string; project: string },
): LimitsDocument {
  return documentOf('function', functionScopes(store, installation, of))
}

/** The limits of a function, from the installation to its own; one that does not exist yet has none. */
export function functionScopes(
  store: MetadataStore,
  installation: Limits,
  { name, project }: { name: string; project: string },
): Scope[] {
  const limits = limitsOf(store.rules.find(name, project)?.limits ?? {})
  const scopes = projectScopes(store.projects.get(project), installation)
  return [...scopes, { level: 'function', name, limits }]
}

function projectScopes({ name, limits }: ProjectRecord, installation: Limits): Scope[] {
  return [
    { level: 'installation', name: '', limits: installation },
    { level: 'project', name, limits: limitsOf(limits) },
  ]
}

/** @param scopes the last one is that of the object */
function documentOf(level: Level, scopes: readonly Scope[]): LimitsDocument {
  const inForce = namesOf(level).map((name) => [name, lowest(scopes, name)] as const)
  return {
    limits: { ...scopes.at(-1)?.limits },
    limitsInForce: Object.fromEntries(
      inForce.flatMap(([name, limit]) => (limit ? [[name, limit]] : [])),
    ),
  }
}
