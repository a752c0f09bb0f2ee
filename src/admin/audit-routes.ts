/** The API of the audit. Its queries run in a thread of their own. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { QueryThread } from '../lib/query-thread/query-thread.ts'
import { access, callerOf } from './access.ts'
import {
  addNext,
  json,
  nextPage,
  page,
  problem,
  projectOf,
  projectParams,
  readCursor,
} from './route-parts.ts'

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

const responses = {
  200: { ...json(z.array(auditDocumentSchema), 'Entries.'), headers: nextPage },
  default: problem,
}

const allRoute = createRoute({
  ...access('admin', 'all'),
  operationId: 'audit.list',
  method: 'get',
  path: '/v1/audit',
  summary: 'Changes and refused attempts, newest first',
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

/** Above every id. */
const LAST = '~'
const COLUMNS =
  'id, time, project, actor, address, action, object, outcome, details_json AS details, count'

interface AuditRow extends Omit<AuditDocument, 'details'> {
  details: string
}

interface AuditDeps {
  queries: Pick<QueryThread, 'all'>
  /** The database file. */
  metadataPath: string
}

export function addAuditRoutes(app: OpenAPIHono, { queries, metadataPath }: AuditDeps): void {
  const read = async (
    { since = '', limit, cursor }: z.infer<typeof query>,
    project?: string,
  ): Promise<AuditDocument[]> => {
    const before = cursor === undefined ? LAST : readCursor(z.string(), cursor)
    const ofProject = project === undefined ? '' : 'AND project = ?'
    const sql = `SELECT ${COLUMNS} FROM audit WHERE id < ? AND time >= ? ${ofProject} ORDER BY id DESC LIMIT ?`
    const given = project === undefined ? [] : [project]
    const rows = await queries.all<AuditRow>(metadataPath, sql, [before, since, ...given, limit])
    return rows.map((row) => ({ ...row, details: JSON.parse(row.details) }))
  }
  app.openapi(allRoute, async (c) => {
    const given = c.req.valid('query')
    const rows = await read(given, callerOf(c).project)
    addNext(c, rows.length === given.limit ? rows.at(-1)?.id : undefined)
    return c.json(rows, 200)
  })
  app.openapi(projectRoute, async (c) => {
    const given = c.req.valid('query')
    const rows = await read(given, projectOf(c.req.valid('param')))
    addNext(c, rows.length === given.limit ? rows.at(-1)?.id : undefined)
    return c.json(rows, 200)
  })
}
