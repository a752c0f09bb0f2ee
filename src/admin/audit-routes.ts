/** The API of the audit. Its queries run in a thread of their own. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { AuditReader } from '../metadata/audit-reader.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { access, callerOf } from './access.ts'
import { addNext, listOf, page, projectOf, projectParams, readCursor } from './route-parts.ts'

export const auditDocumentSchema = z
  .object({
    id: z.string(),
    time: z.iso.datetime(),
    project: z.string().nullable(),
    actor: z.string(),
    address: z.string().nullable(),
    action: z.string(),
    object: z.string().nullable(),
    outcome: z.enum(['done', 'refused', 'failed']),
    details: z.record(z.string(), z.unknown()),
    count: z.int(),
  })
  .openapi('AuditEntry')

export type AuditDocument = z.infer<typeof auditDocumentSchema>

const query = page.extend({
  since: z.iso.datetime().optional().openapi({ description: 'only from then on' }),
})

const responses = listOf(auditDocumentSchema, 'Entries.')

const allRoute = createRoute({
  ...access('admin'),
  operationId: 'audit.list',
  method: 'get',
  path: '/v1/audit',
  summary: "Changes and refused attempts of the caller's projects, newest first",
  request: { query },
  responses,
})

const projectRoute = createRoute({
  ...access('admin'),
  operationId: 'audit.listOfProject',
  method: 'get',
  path: '/v1/projects/{project}/audit',
  summary: 'Changes and refused attempts of a project, newest first',
  request: { params: projectParams, query },
  responses,
})

const placeCursor = z.object({ time: z.string(), id: z.string() })

export function addAuditRoutes(
  app: OpenAPIHono,
  { store, audit }: { store: MetadataStore; audit: AuditReader },
): void {
  const answer = async (c: Context, given: z.infer<typeof query>, project?: string) => {
    // A project of the same name, which was deleted, was another tenant's.
    const begun = project === undefined ? '' : store.projects.get(project).createdAt
    const since = (given.since ?? '') > begun ? (given.since as string) : begun
    const { limit, cursor } = given
    const before = cursor === undefined ? undefined : readCursor(placeCursor, cursor)
    const rows = await audit.read({ project, since, before, limit })
    const last = rows.length === limit ? rows.at(-1) : undefined
    addNext(c, last && { time: last.time, id: last.id })
    return rows
  }
  app.openapi(allRoute, async (c) => {
    return c.json(await answer(c, c.req.valid('query'), callerOf(c).project), 200)
  })
  app.openapi(projectRoute, async (c) => {
    return c.json(await answer(c, c.req.valid('query'), projectOf(c.req.valid('param'))), 200)
  })
}
