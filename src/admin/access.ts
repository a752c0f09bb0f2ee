/**
 * Who may do what over the management API. A route says what it needs by `access`, which also stands in its entry of
 * the OpenAPI document; a route that says nothing is answered to nobody.
 */
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { matchedRoutes } from 'hono/route'
import { FunctionError } from '../errors.ts'
import type { Role, TokenRecord } from '../metadata/token-store.ts'

/** Who sent a request. */
export interface Caller {
  /** For the audit: the token's name, with its project in front where it has one, or `socket`. */
  name: string
  role: Role
  /** The only project that it may see; undefined: all. */
  project: string | undefined
  /** Undefined: it is on this machine, or has disconnected. */
  address: string | undefined
  /** Undefined: the owner of the socket. */
  token: TokenRecord | undefined
}

/** The owner of the service, who may open its socket. */
export const OWNER: Caller = {
  name: 'socket',
  role: 'admin',
  project: undefined,
  address: undefined,
  token: undefined,
}

/** The caller of the request that a handler answers. */
export function callerOf(c: Context): Caller {
  return (c.env as { caller: Caller }).caller
}

/** What a route needs. */
export interface Access {
  /** The lowest role; `any` token will do. */
  role: Role | 'any'
  /**
   * `project`: the caller's own one. Where the path names none, the handler confines itself to `caller.project`.
   * `all`: the caller must have all projects as its scope, even where the path names one.
   */
  scope: 'project' | 'all'
}

const KEY = 'x-functions-access'
export const SECURITY_SCHEME = 'token'

/** What roles may do in place of another. An invoker reads nothing, and a viewer runs nothing. */
const ALLOWED: Record<Access['role'], readonly Role[]> = {
  admin: ['admin'],
  deployer: ['admin', 'deployer'],
  viewer: ['admin', 'deployer', 'viewer'],
  invoker: ['admin', 'deployer', 'invoker'],
  any: ['admin', 'deployer', 'viewer', 'invoker'],
}

/**
 * Declares what a route needs.
 *
 * @example createRoute({ ...access('viewer'), method: 'get', path: '/v1/projects/{project}/functions' })
 */
export function access(role: Access['role'], scope: Access['scope'] = 'project') {
  return { [KEY]: { role, scope } as Access, security: [{ [SECURITY_SCHEME]: [] }] }
}

/**
 * Refuses what the caller of a request may not do, before a handler sees it. It comes before the routes of the app.
 *
 * What belongs to another project than the caller's is answered as a project that does not exist, without a look
 * whether it does.
 */
export function addAccessControl(app: OpenAPIHono): void {
  app.use('/v1/projects/:project/*', async (c, next) => {
    const project = c.req.param('project')
    const caller = callerOf(c)
    if (caller.project !== undefined && caller.project !== project) throw noProject(project)
    await next()
  })
  let declared: Map<string, Access> | undefined
  app.use('*', async (c, next) => {
    declared ??= accessOf(app)
    const routes = matchedRoutes(c).filter(({ method }) => method !== 'ALL')
    for (const { method, path } of routes) {
      const needed = declared.get(`${method} ${path}`)
      if (needed === undefined) throw new Error(`${method} ${path} does not say who may use it`)
      checkAccess(callerOf(c), needed)
    }
    await next()
  })
}

/** @throws {FunctionError} FORBIDDEN */
export function checkAccess(caller: Caller, { role, scope }: Access): void {
  const who = `the token '${caller.name}'`
  if (!ALLOWED[role].includes(caller.role)) {
    const message = `This needs a token with the role '${role}': ${who} has the role '${caller.role}'.`
    throw new FunctionError('FORBIDDEN', message)
  }
  if (scope === 'all' && caller.project !== undefined) {
    const message = `This needs a token with the role '${role}' and the scope 'all': ${who} has the scope 'project:${caller.project}'.`
    throw new FunctionError('FORBIDDEN', message)
  }
}

/** The answer to a project that does not exist, and to one that the caller may not see. */
export function noProject(name: string): FunctionError {
  return new FunctionError('PROJECT_NOT_FOUND', `Project '${name}' does not exist.`)
}

/** What each route of the app needs, by its method and the path of the router. */
function accessOf(app: OpenAPIHono): Map<string, Access> {
  const routes = app.openAPIRegistry.definitions.flatMap((definition) =>
    definition.type === 'route' ? [definition.route] : [],
  )
  const entries = routes.flatMap(({ method, path, [KEY]: needed }) => {
    const routed = path.replace(/\{([^}]+)\}/g, ':$1')
    return needed === undefined ? [] : [[`${method.toUpperCase()} ${routed}`, needed as Access]]
  })
  return new Map(entries as [string, Access][])
}
