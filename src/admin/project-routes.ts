/** The API of projects. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { isProfileName, namedProfile, parseCustomProfile } from '../capabilities/profiles.ts'
import { FunctionError } from '../errors.ts'
import type { Limits } from '../limits/names.ts'
import type { ProjectProfile, ProjectRecord } from '../metadata/project-store.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { access, callerOf } from './access.ts'
import type { ServiceControl } from './control.ts'
import { changeLimits, limitsBody, limitsDocument, projectLimits } from './limits.ts'
import type { Operations } from './operations.ts'
import {
  addNext,
  json,
  jsonBody,
  listOf,
  page,
  problem,
  projectOf,
  projectParams,
  readCursor,
} from './route-parts.ts'

const MAX_PROFILE_CHARS = 65_536
/** Functions that are deleted at a time with their project. */
const AT_ONCE = 100

const profileSchema = {
  /** What its functions may do at most, and do by default; null: no ceiling. */
  profile: z.enum(['strict', 'permissive', 'custom']).nullable().optional(),
  /** JSON text of a custom profile. */
  customProfile: z.string().max(MAX_PROFILE_CHARS).optional(),
}

const createSchema = z
  .strictObject({ name: z.string(), limits: limitsBody.optional(), ...profileSchema })
  .openapi('NewProject')

const changeSchema = z
  .strictObject({
    state: z.enum(['active', 'suspended']).optional(),
    limits: limitsBody.optional(),
    ...profileSchema,
  })
  .openapi('ProjectChange')

export const projectDocumentSchema = z
  .object({
    name: z.string(),
    state: z.enum(['active', 'suspended']),
    profile: z.string().nullable(),
    capabilities: z.record(z.string(), z.unknown()).nullable(),
    ...limitsDocument,
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('Project')

export type ProjectDocument = z.infer<typeof projectDocumentSchema>

const listRoute = createRoute({
  ...access('viewer'),
  operationId: 'project.list',
  method: 'get',
  path: '/v1/projects',
  summary: 'Projects, by name',
  request: { query: page },
  responses: listOf(projectDocumentSchema, 'Projects.'),
})

const createProjectRoute = createRoute({
  ...access('admin', 'all'),
  operationId: 'project.create',
  method: 'post',
  path: '/v1/projects',
  summary: 'Creates a project, with the strict profile as its ceiling unless another is given',
  request: { body: jsonBody(createSchema) },
  responses: { 201: json(projectDocumentSchema, 'The project.'), default: problem },
})

const showRoute = createRoute({
  ...access('viewer'),
  operationId: 'project.show',
  method: 'get',
  path: '/v1/projects/{project}',
  summary: 'One project',
  request: { params: projectParams },
  responses: { 200: json(projectDocumentSchema, 'The project.'), default: problem },
})

const changeRoute = createRoute({
  ...access('admin', 'all'),
  operationId: 'project.set',
  method: 'patch',
  path: '/v1/projects/{project}',
  summary: 'Changes a project: what is not given stays',
  request: { params: projectParams, body: jsonBody(changeSchema) },
  responses: { 200: json(projectDocumentSchema, 'The project.'), default: problem },
})

const deleteRoute = createRoute({
  ...access('admin', 'all'),
  operationId: 'project.delete',
  method: 'delete',
  path: '/v1/projects/{project}',
  summary:
    'Deletes a project; with `functions=true` with all its functions, else it must have none',
  request: {
    params: projectParams,
    query: z.object({ functions: z.enum(['true', 'false']).default('false') }),
  },
  responses: { 204: { description: 'The project was deleted.' }, default: problem },
})

interface ProjectDeps {
  store: MetadataStore
  operations: Operations
  control: ServiceControl
  /** The limits of the installation, as they are now. */
  installation(): Limits
}

export function addProjects(app: OpenAPIHono, deps: ProjectDeps): void {
  const { store, operations, control } = deps
  const { projects } = store
  const documentOf = (record: ProjectRecord) => projectDocument(record, deps.installation())
  app.openapi(listRoute, (c) => {
    const { limit, cursor } = c.req.valid('query')
    const after = cursor === undefined ? '' : readCursor(z.string(), cursor)
    const { project: own } = callerOf(c)
    if (own !== undefined) return c.json([documentOf(projects.get(own))], 200)
    const rows = projects.list(after, limit)
    addNext(c, rows.length === limit ? rows.at(-1)?.name : undefined)
    return c.json(rows.map(documentOf), 200)
  })
  app.openapi(createProjectRoute, (c) => {
    const given = c.req.valid('json')
    const name = projectOf({ project: given.name })
    const profile = profileOf(name, { profile: 'strict', ...given })
    const limits = changeLimits('project', {}, given.limits ?? {})
    return c.json(documentOf(projects.create(name, { profile, limits })), 201)
  })
  app.openapi(showRoute, (c) => {
    return c.json(documentOf(projects.get(projectOf(c.req.valid('param')))), 200)
  })
  app.openapi(changeRoute, (c) => {
    const name = projectOf(c.req.valid('param'))
    const given = c.req.valid('json')
    const limits = given.limits && changeLimits('project', projects.get(name).limits, given.limits)
    const profile = profileOf(name, given)
    const record = projects.set(name, { state: given.state, profile, limits })
    control.projectChanged(name)
    return c.json(documentOf(record), 200)
  })
  app.openapi(deleteRoute, async (c) => {
    const project = projectOf(c.req.valid('param'))
    if (c.req.valid('query').functions === 'true') {
      projects.get(project)
      projects.refuseDefault(project)
      for (;;) {
        const names = projects.functionNames(project, '', AT_ONCE)
        if (names.length === 0) break
        for (const name of names) await operations.remove({ name, project })
      }
    }
    projects.remove(project)
    await control.projectDeleted(project)
    return c.body(null, 204)
  })
}

function projectDocument(record: ProjectRecord, installation: Limits): ProjectDocument {
  const { name, state, profile, createdAt, updatedAt } = record
  return {
    name,
    state,
    profile: profile?.name ?? null,
    capabilities: profile?.capabilities ?? null,
    ...projectLimits(record, installation),
    createdAt,
    updatedAt,
  }
}

/** Null: no ceiling; undefined: it stays. */
function profileOf(
  project: string,
  given: { profile?: string | null | undefined; customProfile?: string | undefined },
): ProjectProfile | null | undefined {
  const { profile: name, customProfile } = given
  if ((name === 'custom') !== (customProfile !== undefined)) {
    const message = "The profile 'custom' and customProfile, its JSON text, need each other."
    throw new FunctionError('BAD_REQUEST', message)
  }
  if (name === undefined || name === null) return name
  if (isProfileName(name)) return { name, capabilities: namedProfile(name, project) }
  try {
    return { name, capabilities: parseCustomProfile(customProfile ?? '', project) }
  } catch (cause) {
    const message = `The custom profile: ${(cause as Error).message}.`
    throw new FunctionError('BAD_REQUEST', message, { cause })
  }
}
