/** The routes of the management API, as OpenAPI describes them. */
import { createRoute, z } from '@hono/zod-openapi'
import {
  collectRequestSchema,
  deployDocumentSchema,
  functionDetailsSchema,
  functionDocumentSchema,
  garbageDocumentSchema,
  holdDocumentSchema,
  MAX_PAGE,
  restartDocumentSchema,
  restartRequestSchema,
  serviceDocumentSchema,
  versionDocumentSchema,
  workerDocumentSchema,
} from './documents.ts'
import { problemSchema } from './problem.ts'

const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})

const problem = {
  description: 'What went wrong.',
  content: { 'application/problem+json': { schema: problemSchema } },
}

/** The handlers check the names, so that the error is one sentence. */
const params = z.object({ name: z.string() })

/** Paging: `link: <...>; rel="next"` (RFC 8288) names the next page, if there is one. */
const page = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(MAX_PAGE),
  cursor: z
    .string()
    .max(1000)
    .optional()
    .openapi({ description: 'from the link to the next page' }),
})

const nextPage = {
  link: { description: 'the next page: <path>; rel="next"', schema: { type: 'string' } },
} as const

const file = z.instanceof(Blob).openapi({ type: 'string', format: 'binary' })

const deployForm = z
  .object({
    settings: z.string().openapi({ description: 'JSON: version, runtime, profile, limits' }),
    bundle: file,
    map: file,
  })
  .openapi('DeployForm')

export const listRoute = createRoute({
  method: 'get',
  path: '/v1/functions',
  summary: 'Functions, by name',
  request: { query: page },
  responses: {
    200: { ...json(z.array(functionDocumentSchema), 'Functions.'), headers: nextPage },
    default: problem,
  },
})

export const showRoute = createRoute({
  method: 'get',
  path: '/v1/functions/{name}',
  summary: 'One function with its newest versions',
  request: { params },
  responses: { 200: json(functionDetailsSchema, 'The function.'), default: problem },
})

export const versionsRoute = createRoute({
  method: 'get',
  path: '/v1/functions/{name}/versions',
  summary: 'The versions of a function, newest first',
  request: { params, query: page },
  responses: {
    200: { ...json(z.array(versionDocumentSchema), 'Versions.'), headers: nextPage },
    default: problem,
  },
})

export const sourceMapRoute = createRoute({
  method: 'get',
  path: '/v1/functions/{name}/source-map',
  summary: 'The source map of a version: of the active one, unless another is named',
  request: { params, query: z.object({ version: z.string().optional() }) },
  responses: {
    200: {
      description: 'The source map of `bundle.js`, version 3.',
      content: { 'application/json': { schema: z.object({ version: z.literal(3) }).loose() } },
    },
    default: problem,
  },
})

export const deployRoute = createRoute({
  method: 'post',
  path: '/v1/functions/{name}/versions',
  summary: 'Deploys a bundle as a new version, which is live when the response arrives',
  request: {
    params,
    body: { required: true, content: { 'multipart/form-data': { schema: deployForm } } },
  },
  responses: { 200: json(deployDocumentSchema, 'What was deployed.'), default: problem },
})

export const rollbackRoute = createRoute({
  method: 'post',
  path: '/v1/functions/{name}/rollback',
  summary: 'Makes a version active again: the one named, or the one that was active before',
  request: {
    params,
    body: {
      required: true,
      content: { 'application/json': { schema: z.object({ version: z.string().optional() }) } },
    },
  },
  responses: { 200: json(deployDocumentSchema, 'What is active now.'), default: problem },
})

export const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/functions/{name}',
  summary: 'Deletes a function with all its versions',
  request: { params },
  responses: { 204: { description: 'The function was deleted.' }, default: problem },
})

export const collectRoute = createRoute({
  method: 'post',
  path: '/v1/gc',
  summary: 'Deletes versions that are not kept, and bundles without a version',
  request: {
    body: {
      required: true,
      content: { 'application/json': { schema: collectRequestSchema } },
    },
  },
  responses: { 200: json(garbageDocumentSchema, 'What was deleted.'), default: problem },
})

export const holdRoute = createRoute({
  method: 'post',
  path: '/v1/hold',
  summary: 'Keeps every bundle, whatever is deleted, while this response is open: for a backup',
  responses: {
    200: json(holdDocumentSchema, 'One line; then nothing until the client disconnects.'),
    default: problem,
  },
})

export const serviceRoute = createRoute({
  method: 'get',
  path: '/v1/service',
  summary: "The service's process",
  responses: { 200: json(serviceDocumentSchema, 'The process.'), default: problem },
})

export const restartRoute = createRoute({
  method: 'post',
  path: '/v1/service/restart',
  summary:
    'Another process takes over, without a refused connection; this one finishes its requests',
  request: {
    body: { required: true, content: { 'application/json': { schema: restartRequestSchema } } },
  },
  responses: { 200: json(restartDocumentSchema, 'The new process.'), default: problem },
})

export const workersRoute = createRoute({
  method: 'get',
  path: '/v1/workers',
  summary: 'Every live worker',
  responses: { 200: json(z.array(workerDocumentSchema), 'Workers.'), default: problem },
})
