/** The API of routes: hosts and path prefixes that lead to functions. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { FunctionError } from '../errors.ts'
import { allowsHost, type HostPattern, parseHost } from '../lib/host-name.ts'
import { noteChange } from '../metadata/audit-context.ts'
import type { RoutePlace, RouteRecord } from '../metadata/route-store.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { access, type Caller, callerOf } from './access.ts'
import type { ServiceControl } from './control.ts'
import { RequestRate } from './request-rate.ts'
import {
  addNext,
  functionOf,
  json,
  jsonBody,
  listOf,
  page,
  problem,
  projectOf,
  projectParams,
  readCursor,
} from './route-parts.ts'

const ROUTES = '/v1/projects/{project}/routes'
export const ASK_PATH = '/v1/domains/ask'
/** Characters of a prefix. It bounds the work for a request to a host with several routes. */
const MAX_PATH = 256
/** Segments as they may be sent (RFC 3986, 3.3), none of them empty, `.` or `..`. */
const PATH = /^(?:\/(?!(?:\.|%2e){1,2}(?:\/|$))(?:[\w.~!$&'()*+,;=:@-]|%[\da-f]{2})+)*$/i
/** Questions a second of a proxy that asks which certificates it may get. */
const ASKS_PER_SECOND = 100

const place = { host: z.string().max(1000), path: z.string().max(1000).default('/') }

const newRouteSchema = z.strictObject({ function: z.string(), ...place }).openapi('NewRoute')

export const routeDocumentSchema = z
  .object({
    project: z.string(),
    function: z.string(),
    /** Lower case; `*.example.com`: every name one level below. */
    host: z.string(),
    /** `/`, or a prefix such as `/api`. */
    path: z.string(),
    createdAt: z.iso.datetime(),
  })
  .openapi('Route')

export type RouteDocument = z.infer<typeof routeDocumentSchema>

const listRoute = createRoute({
  ...access('viewer'),
  operationId: 'route.list',
  method: 'get',
  path: ROUTES,
  summary: 'Routes of a project, by host and path',
  request: { params: projectParams, query: page },
  responses: listOf(routeDocumentSchema, 'Routes.'),
})

const addRoute = createRoute({
  ...access('deployer'),
  operationId: 'route.add',
  method: 'post',
  path: ROUTES,
  summary: 'Adds a route: requests to a host, or to a path prefix of it, lead to a function',
  request: { params: projectParams, body: jsonBody(newRouteSchema) },
  responses: { 201: json(routeDocumentSchema, 'The route.'), default: problem },
})

const removeRoute = createRoute({
  ...access('deployer'),
  operationId: 'route.remove',
  method: 'delete',
  path: ROUTES,
  summary: 'Removes a route',
  request: { params: projectParams, query: z.object(place) },
  responses: { 204: { description: 'The route was removed.' }, default: problem },
})

const askRoute = createRoute({
  ...access('any'),
  operationId: 'domain.ask',
  method: 'get',
  path: ASK_PATH,
  summary:
    'Whether functions are served at a host: for a proxy that gets certificates on demand. Needs no token',
  security: [],
  request: { query: z.object({ domain: z.string().max(1000) }) },
  responses: {
    200: { description: 'They are.' },
    404: { description: 'They are not.' },
    default: problem,
  },
})

interface HostDeps {
  store: MetadataStore
  control: ServiceControl
  /** Hosts that a project may route to its functions by itself. */
  domains(): readonly HostPattern[]
}

const placeCursor = z.object({ host: z.string(), path: z.string() })

export function addHosts(app: OpenAPIHono, { store, control, domains }: HostDeps): void {
  app.openapi(listRoute, (c) => {
    const project = projectOf(c.req.valid('param'))
    store.projects.get(project)
    const { limit, cursor } = c.req.valid('query')
    const after = cursor === undefined ? { host: '', path: '' } : readCursor(placeCursor, cursor)
    const rows = store.routes.list(project, after, limit)
    const last = rows.length === limit ? rows.at(-1) : undefined
    addNext(c, last && { host: last.host, path: last.path })
    return c.json(rows.map(routeDocument), 200)
  })
  app.openapi(addRoute, (c) => {
    const given = c.req.valid('json')
    const { project } = c.req.valid('param')
    const of = functionOf({ name: given.function, project })
    store.projects.get(of.project)
    const { host, path } = placeOf(given)
    noteChange({ function: of.name, host, path })
    const confined = !mayUseAnyHost(callerOf(c))
    if (confined && !allowsHost(domains(), host, of.project)) throw notAllowed(host, of.project)
    const route = { project: of.project, functionName: of.name, host, path, confined }
    const record = store.routes.add(route)
    control.hostChanged(host)
    return c.json(routeDocument(record), 201)
  })
  app.openapi(removeRoute, (c) => {
    const project = projectOf(c.req.valid('param'))
    store.projects.get(project)
    const where = placeOf(c.req.valid('query'))
    noteChange({ ...where })
    store.routes.remove(where, project)
    control.hostChanged(where.host)
    return c.body(null, 204)
  })
  const rate = new RequestRate(ASKS_PER_SECOND)
  app.openapi(askRoute, (c) => {
    if (!rate.take(callerOf(c).address ?? '', performance.now())) {
      const message = `More than ${ASKS_PER_SECOND} questions came from this address within a second.`
      throw new FunctionError('RATE_LIMITED', message, { retryAfter: 1 })
    }
    const host = parseHost(c.req.valid('query').domain)
    return c.body(null, host !== undefined && control.serves(host) ? 200 : 404)
  })
}

/** @throws {FunctionError} BAD_REQUEST */
export function placeOf({ host: given, path }: RoutePlace): RoutePlace {
  const host = parseHost(given)
  if (host === undefined) {
    const message = `host: must be a host name such as example.com or *.example.com, without scheme and port (got ${JSON.stringify(given.slice(0, 100))}).`
    throw new FunctionError('BAD_REQUEST', message)
  }
  const prefix = path.replace(/\/$/, '')
  if (prefix.length > MAX_PATH || !PATH.test(prefix)) {
    const message = `path: must be / or segments such as /api/v1, percent-encoded as clients send them, without . and .. and at most ${MAX_PATH} characters long (got ${JSON.stringify(path.slice(0, 100))}).`
    throw new FunctionError('BAD_REQUEST', message)
  }
  return { host, path: prefix === '' ? '/' : prefix }
}

/** Nothing says who owns a host, so a project's own tokens may use only those that the installation gives them. */
function mayUseAnyHost({ role, project }: Caller): boolean {
  return role === 'admin' && project === undefined
}

function notAllowed(host: string, project: string): FunctionError {
  const message = `Project '${project}' may not use the host ${host} by itself (routing.domains): have an administrator of the service add the route.`
  return new FunctionError('FORBIDDEN', message)
}

function routeDocument(record: RouteRecord): RouteDocument {
  const { project, functionName, host, path, createdAt } = record
  return { project, function: functionName, host, path, createdAt }
}
