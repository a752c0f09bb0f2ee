/** The API of usage. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { FunctionError } from '../errors.ts'
import type { MetadataStore } from '../metadata/store.ts'
import type { UsagePlace, UsageReader, UsageRow } from '../telemetry/usage-reader.ts'
import { access, callerOf, noProject } from './access.ts'
import { addNext, listOf, page, projectOf, projectParams, readCursor } from './route-parts.ts'

const DAY_MS = 86_400_000
/** How far back usage is shown unless `from` says otherwise. */
const DEFAULT_DAYS = { hour: 1, day: 30 }

const time = z.string().openapi({ description: 'ISO 8601, or a date: `2026-11-30`' })

const usageQuery = page.extend({
  from: time.optional().openapi({ description: 'hours that begin from this time on' }),
  to: time.optional().openapi({ description: 'hours that begin before this time' }),
  by: z.enum(['hour', 'day']).default('hour'),
  group: z.enum(['function', 'project']).default('function'),
})

export const usageDocumentSchema = z
  .object({
    project: z.string(),
    /** Null with `group=project`. */
    function: z.string().nullable(),
    /** When the hour begins, UTC; with `by=day`, when the day begins. */
    hour: z.iso.datetime(),
    invocations: z.int(),
    failed: z.int(),
    cpuMs: z.number(),
    wallMs: z.number(),
    /** The memory limit of workers, for the time in which they ran requests. */
    byteSeconds: z.number(),
    egressRequests: z.int(),
    egressBytes: z.int(),
    responseBytes: z.int(),
    coldStarts: z.int(),
    logBytes: z.int(),
    /** Invocations by outcome: `ok`, or the code of an error. */
    outcomes: z.record(z.string(), z.int()),
  })
  .openapi('Usage')

export type UsageDocument = z.infer<typeof usageDocumentSchema>

const responses = listOf(usageDocumentSchema, 'Usage.')

const allRoute = createRoute({
  ...access('viewer'),
  method: 'get',
  path: '/v1/usage',
  operationId: 'usage.list',
  summary: 'What functions used, by hour or day: of all projects, or of one',
  request: { query: usageQuery.extend({ project: z.string().optional() }) },
  responses,
})

const projectRoute = createRoute({
  ...access('viewer'),
  method: 'get',
  path: '/v1/projects/{project}/usage',
  operationId: 'usage.project',
  summary: 'What the functions of a project used, by hour or day',
  request: { params: projectParams, query: usageQuery },
  responses,
})

export interface UsageDeps {
  store: MetadataStore
  usage: UsageReader
}

export function addUsage(app: OpenAPIHono, { store, usage }: UsageDeps): void {
  const read = async (project: string | undefined, query: z.infer<typeof usageQuery>) => {
    const { by, group, limit, cursor } = query
    const to = timeOf('to', query.to) ?? Date.now() + 1
    const from = timeOf('from', query.from) ?? firstOf(by, to)
    if (from >= to) throw new FunctionError('BAD_REQUEST', 'from must be before to.')
    const after = cursor === undefined ? undefined : readCursor(place, cursor)
    const rows = await usage.list({ project, from, to, by, group, after, limit })
    const last = rows.length === limit ? rows.at(-1) : undefined
    const next: UsagePlace | undefined = last && [last.hour, last.project, last.function ?? '']
    return { rows: rows.map(usageDocument), next }
  }
  app.openapi(allRoute, async (c) => {
    const query = c.req.valid('query')
    const own = callerOf(c).project
    const project = query.project === undefined ? own : projectOf({ project: query.project })
    if (project !== undefined) {
      if (own !== undefined && own !== project) throw noProject(project)
      store.projects.get(project)
    }
    const { rows, next } = await read(project, query)
    addNext(c, next)
    return c.json(rows, 200)
  })
  app.openapi(projectRoute, async (c) => {
    const project = projectOf(c.req.valid('param'))
    store.projects.get(project)
    const { rows, next } = await read(project, c.req.valid('query'))
    addNext(c, next)
    return c.json(rows, 200)
  })
}

const place = z.tuple([z.int().min(0), z.string(), z.string()])

/** The beginning of the hour or day from which usage is shown without `from`. */
function firstOf(by: 'hour' | 'day', to: number): number {
  const from = to - DEFAULT_DAYS[by] * DAY_MS
  return by === 'day' ? from - (from % DAY_MS) : from
}

/** @throws {FunctionError} BAD_REQUEST */
function timeOf(what: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  const zoned = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(given)
  const ms = zoned ? Date.parse(given) : Number.NaN
  if (ms >= 0) return ms
  const message = `${what} must be a date such as 2026-11-30, or a time such as 2026-11-30T14:00:00Z.`
  throw new FunctionError('BAD_REQUEST', message)
}

function usageDocument(row: UsageRow): UsageDocument {
  const { cpuUs, wallUs, hour, ...rest } = row
  return { ...rest, hour: new Date(hour).toISOString(), cpuMs: cpuUs / 1000, wallMs: wallUs / 1000 }
}
