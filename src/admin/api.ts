/**
 * The management API.
 *
 * A deployment arrives as a bundle: the client reads and bundles the tenant's directory with its own
 * rights. So the service never opens a path that a client names, and never runs the bundler.
 */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { HTTPException } from 'hono/http-exception'
import type { BundleStore } from '../bundles/bundle-store.ts'
import { FunctionError } from '../errors.ts'
import type { HostPattern } from '../lib/host-name.ts'
import type { Limits } from '../limits/names.ts'
import type { AuditReader } from '../metadata/audit-reader.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { RELEASE } from '../release.ts'
import type { UsageReader } from '../telemetry/usage-reader.ts'
import { access, addAccessControl, type Caller, OWNER, SECURITY_SCHEME } from './access.ts'
import { addAudit } from './audit.ts'
import { addAuditRoutes } from './audit-routes.ts'
import { addEnv } from './env-routes.ts'
import { addFunctions } from './function-routes.ts'
import { addHosts } from './host-routes.ts'
import { addIdempotency } from './idempotency.ts'
import { adminProblem } from './problem.ts'
import { addProjects } from './project-routes.ts'
import { json, problem } from './route-parts.ts'
import { addRules } from './rule-routes.ts'
import { addService, type ServiceDeps } from './service-routes.ts'
import { addTokens } from './token-routes.ts'
import { addTraffic } from './traffic-routes.ts'
import { addUsage } from './usage-routes.ts'

export interface ApiDeps extends ServiceDeps {
  store: MetadataStore
  bundles: BundleStore
  usage: UsageReader
  audit: AuditReader
  /** The limits of the installation, as they are now. */
  installation(): Limits
  /** Hosts that a project may route to its functions by itself. */
  domains(): readonly HostPattern[]
  /** Reports an internal error. */
  onBug(error: unknown): void
}

/** Answers a request of a caller to the management API: of the owner of the service, unless another one is named. */
export type Api = (request: Request, caller?: Caller) => Response | Promise<Response>

const documentRoute = createRoute({
  ...access('any'),
  operationId: 'document.show',
  method: 'get',
  path: '/openapi.json',
  summary: 'This document',
  responses: { 200: json(z.looseObject({}), 'OpenAPI 3.1.'), default: problem },
})

/** The OpenAPI document, with what the HTTP parser answers before any route. */
function describe(app: OpenAPIHono) {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'functions: management', version: RELEASE },
  })
  const tooLarge = { description: 'Headers and URL have over 16 KiB. The answer has no body.' }
  for (const path of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(path as Record<string, { responses: object }>))
      Object.assign(operation.responses, { 431: tooLarge })
  }
  return document
}

/**
 * Creates the management API: for the service's socket, or, without a service, for a command.
 *
 * @example Bun.serve({ unix: socket, fetch: createApi(deps) })
 */
export function createApi(deps: ApiDeps): Api {
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (!result.success) {
        const issue = result.error.issues[0]
        const path = issue?.path.join('.') ?? ''
        const what = `${path === '' ? '' : `${path}: `}${issue?.message}`
        return adminProblem(new FunctionError('BAD_REQUEST', `${what.replace(/\.$/, '')}.`))
      }
    },
  })
  addAudit(app, deps.store)
  addAccessControl(app)
  addIdempotency(app, deps.store.idempotency)
  addProjects(app, deps)
  addFunctions(app, deps)
  addTokens(app, deps)
  addRules(app, deps)
  addEnv(app, deps)
  addHosts(app, deps)
  addTraffic(app, deps)
  addService(app, deps)
  app.openAPIRegistry.registerPath(documentRoute)
  app.openAPIRegistry.registerComponent('securitySchemes', SECURITY_SCHEME, {
    type: 'http',
    scheme: 'bearer',
    description: 'Over TCP. The unix socket needs none: only the owner of the service can open it.',
  })
  addUsage(app, deps)
  addAuditRoutes(app, deps)
  app.get('/openapi.json', (c) => c.json(describe(app)))
  app.notFound(({ req }) => {
    const message = `The management API has no route ${req.method} ${req.path}: GET /openapi.json lists its routes.`
    return adminProblem(new FunctionError('BAD_REQUEST', message))
  })
  app.onError((error) => {
    // Hono throws these for malformed bodies.
    if (error instanceof HTTPException && error.status < 500) {
      return adminProblem(new FunctionError('BAD_REQUEST', `${error.message}.`, { cause: error }))
    }
    if (!(error instanceof FunctionError) || error.code === 'INTERNAL') {
      deps.onBug(error)
    }
    return adminProblem(error)
  })
  return (request, caller = OWNER) => app.fetch(request, { caller })
}
