/** The API of traffic: which versions of a function share its requests. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { access } from './access.ts'
import { trafficDocumentSchema } from './documents.ts'
import type { Operations } from './operations.ts'
import { functionOf, functionParams, json, jsonBody, problem } from './route-parts.ts'
import { checked, versionNameSchema } from './settings.ts'

const TRAFFIC = '/v1/projects/{project}/functions/{name}/traffic'
/** Each of them has workers. */
const MAX_VERSIONS = 10

const WEIGHT = 'must be a whole number from 1 to 100'

export const weightsSchema = z
  .record(z.string(), z.int(WEIGHT).min(1, WEIGHT).max(100, WEIGHT))
  .refine(
    (weights) => Object.keys(weights).length <= MAX_VERSIONS,
    `must name at most ${MAX_VERSIONS} versions`,
  )
  .refine(
    (weights) => Object.values(weights).reduce((sum, weight) => sum + weight, 0) === 100,
    'must add up to 100',
  )

export const stickyHeaderSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9-]{1,64}$/,
    'must be the name of a header: 1 to 64 characters of A-Z, a-z, 0-9 and -',
  )

const changeSchema = z
  .strictObject({
    /** Percent of the requests by version; together 100. */
    versions: weightsSchema,
    /** The request header whose value chooses the version; a cookie keeps a client with its version unless it is set. */
    stickyHeader: stickyHeaderSchema.optional(),
  })
  .openapi('TrafficChange')

const showRoute = createRoute({
  ...access('viewer'),
  operationId: 'traffic.show',
  method: 'get',
  path: TRAFFIC,
  summary: 'The versions that share the requests of a function',
  request: { params: functionParams },
  responses: { 200: json(trafficDocumentSchema, 'The versions.'), default: problem },
})

const setRoute = createRoute({
  ...access('deployer'),
  operationId: 'traffic.set',
  method: 'put',
  path: TRAFFIC,
  summary: 'Sets the weights of versions; they are live when the response arrives',
  request: { params: functionParams, body: jsonBody(changeSchema) },
  responses: { 200: json(trafficDocumentSchema, 'The versions.'), default: problem },
})

export function addTraffic(app: OpenAPIHono, { operations }: { operations: Operations }): void {
  app.openapi(showRoute, (c) => c.json(operations.traffic(functionOf(c.req.valid('param'))), 200))
  app.openapi(setRoute, async (c) => {
    const { versions, stickyHeader } = c.req.valid('json')
    for (const version of Object.keys(versions)) checked(versionNameSchema, version, 'versions')
    const of = functionOf(c.req.valid('param'))
    return c.json(await operations.setTraffic(of, versions, stickyHeader?.toLowerCase()), 200)
  })
}
