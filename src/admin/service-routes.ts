/** The API of the service itself: its process, its workers, and its data directory. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { PROMETHEUS_TYPE } from '../telemetry/prometheus.ts'
import { access, callerOf } from './access.ts'
import type { ServiceControl } from './control.ts'
import {
  collectRequestSchema,
  garbageDocumentSchema,
  holdDocumentSchema,
  restartDocumentSchema,
  restartRequestSchema,
  serviceDocumentSchema,
  workerDocumentSchema,
} from './documents.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Operations } from './operations.ts'
import { type RetentionPolicy, withDefaults } from './retention.ts'
import { functionOf, json, jsonBody, problem } from './route-parts.ts'

const collectRoute = createRoute({
  ...access('admin', 'all'),
  operationId: 'service.collect',
  method: 'post',
  path: '/v1/gc',
  summary: 'Deletes versions that are not kept, and bundles without a version',
  request: { body: jsonBody(collectRequestSchema) },
  responses: { 200: json(garbageDocumentSchema, 'What was deleted.'), default: problem },
})

const holdRoute = createRoute({
  ...access('admin', 'all'),
  operationId: 'service.hold',
  method: 'post',
  path: '/v1/hold',
  summary: 'Keeps every bundle, whatever is deleted, while this response is open: for a backup',
  responses: {
    200: json(holdDocumentSchema, 'One line; then nothing until the client disconnects.'),
    default: problem,
  },
})

const serviceRoute = createRoute({
  ...access('viewer', 'all'),
  operationId: 'service.show',
  method: 'get',
  path: '/v1/service',
  summary: "The service's process",
  responses: { 200: json(serviceDocumentSchema, 'The process.'), default: problem },
})

const restartRoute = createRoute({
  ...access('admin', 'all'),
  operationId: 'service.restart',
  method: 'post',
  path: '/v1/service/restart',
  summary:
    'Another process takes over, without a refused connection; this one finishes its requests',
  request: { body: jsonBody(restartRequestSchema) },
  responses: { 200: json(restartDocumentSchema, 'The new process.'), default: problem },
})

const workersRoute = createRoute({
  ...access('viewer'),
  operationId: 'service.workers',
  method: 'get',
  path: '/v1/workers',
  summary: 'Every live worker',
  responses: { 200: json(z.array(workerDocumentSchema), 'Workers.'), default: problem },
})

const metricsRoute = createRoute({
  ...access('viewer', 'all'),
  operationId: 'service.metrics',
  method: 'get',
  path: '/metrics',
  summary: 'Figures for Prometheus',
  responses: {
    200: { description: 'The figures.', content: { 'text/plain': { schema: z.string() } } },
    default: problem,
  },
})

export interface ServiceDeps {
  operations: Operations
  control: ServiceControl
  retention(): RetentionPolicy
  /** Keeps the bundles while the response is open. */
  hold(request: Request): Response
  lifecycle: Lifecycle
  /** The figures, as Prometheus reads them. */
  metrics(): string
}

export function addService(app: OpenAPIHono, deps: ServiceDeps): void {
  const { operations, control, retention, lifecycle } = deps
  app.openapi(metricsRoute, (c) => c.text(deps.metrics(), 200, { 'content-type': PROMETHEUS_TYPE }))
  app.openapi(serviceRoute, (c) => c.json(lifecycle.describe(), 200))
  app.openapi(workersRoute, (c) => {
    const { project: own } = callerOf(c)
    const visible = control.workers().filter(({ project }) => own === undefined || project === own)
    const rows = visible.map((row) => ({ ...row, layers: [...row.layers] }))
    return c.json(rows, 200)
  })
  app.openapi(restartRoute, async (c) => c.json(await lifecycle.restart(c.req.valid('json')), 200))
  app.openapi(collectRoute, async (c) => {
    const { keep, olderThanMs, function: name, project, dryRun } = c.req.valid('json')
    const only = name === undefined ? undefined : functionOf({ name, project })
    const policy = withDefaults(retention(), { keep, olderThanMs })
    return c.json({ dryRun, ...(await operations.garbage.collect(policy, { dryRun, only })) }, 200)
  })
  app.openAPIRegistry.registerPath(holdRoute)
  app.post(holdRoute.path, (c) => deps.hold(c.req.raw))
}
