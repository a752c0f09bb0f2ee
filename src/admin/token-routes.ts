/** The API of tokens, and of who the caller is. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { FunctionError } from '../errors.ts'
import type { Limits } from '../limits/names.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { ROLES, type Role, type TokenRecord, type TokenScope } from '../metadata/token-store.ts'
import { MINIMUM_CLI, RELEASE } from '../release.ts'
import { access, type Caller, callerOf, checkAccess, noProject } from './access.ts'
import { changeLimits, limitsBody } from './limits.ts'
import { addNext, json, jsonBody, listOf, page, problem, readCursor } from './route-parts.ts'
import { checked, projectNameSchema } from './settings.ts'

/** Longest time until a token expires: ten years, s. */
const MAX_EXPIRY_S = 315_360_000
const SCOPE_PREFIX = 'project:'

export const tokenNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'must be 1 to 63 characters of A-Z, a-z, 0-9, ., _ and -, and must start with a letter or digit',
  )

/** `all`, or `project:<name>`. */
const scopeSchema = z.string().openapi({ example: 'project:shop' })

const createSchema = z
  .strictObject({
    name: z.string(),
    role: z.enum(ROLES),
    scope: scopeSchema,
    /** Seconds; it never expires unless they are given. */
    expiresInSeconds: z.int().min(1).max(MAX_EXPIRY_S).optional(),
    /** Of a token of the role `invoker`: rps, burst, concurrent. */
    limits: limitsBody.optional(),
  })
  .openapi('NewToken')

export const tokenDocumentSchema = z
  .object({
    name: z.string(),
    role: z.enum(ROLES),
    scope: scopeSchema,
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable(),
    /** Up to a minute old. */
    lastUsedAt: z.iso.datetime().nullable(),
    limits: z.record(z.string(), z.number()),
  })
  .openapi('Token')

export const createdTokenSchema = tokenDocumentSchema
  .extend({ token: z.string().openapi({ description: 'its text, which is shown only here' }) })
  .openapi('CreatedToken')

export const whoamiSchema = z
  .object({
    release: z.string(),
    /** The oldest command that works with this service. */
    minimumCli: z.string(),
    /** Of the token; `socket` for the owner of the service. */
    name: z.string(),
    role: z.enum(ROLES),
    /** Null: all of them. */
    project: z.string().nullable(),
    expiresAt: z.iso.datetime().nullable(),
  })
  .openapi('Whoami')

export type TokenDocument = z.infer<typeof tokenDocumentSchema>

const params = z.object({ name: z.string() })
const scopeQuery = z.object({ scope: scopeSchema.optional() })

const whoamiRoute = createRoute({
  ...access('any'),
  operationId: 'token.whoami',
  method: 'get',
  path: '/v1/whoami',
  summary: 'The release of the service, and whom it takes the caller for',
  responses: { 200: json(whoamiSchema, 'The caller.'), default: problem },
})

const listRoute = createRoute({
  ...access('admin'),
  operationId: 'token.list',
  method: 'get',
  path: '/v1/tokens',
  summary: 'Tokens: those of all projects, then by project; without their texts',
  request: { query: page.extend(scopeQuery.shape) },
  responses: listOf(tokenDocumentSchema, 'Tokens.'),
})

const createTokenRoute = createRoute({
  ...access('admin'),
  operationId: 'token.create',
  method: 'post',
  path: '/v1/tokens',
  summary: 'Creates a token, whose text is in this answer only',
  request: { body: jsonBody(createSchema) },
  responses: { 201: json(createdTokenSchema, 'The token.'), default: problem },
})

const revokeRoute = createRoute({
  ...access('admin'),
  operationId: 'token.revoke',
  method: 'delete',
  path: '/v1/tokens/{name}',
  summary: 'Revokes a token, at once; the scope is needed where several have tokens of this name',
  request: { params, query: scopeQuery },
  responses: { 204: { description: 'The token was revoked.' }, default: problem },
})

export function addTokens(app: OpenAPIHono, { store }: { store: MetadataStore }): void {
  const { tokens } = store
  app.openapi(whoamiRoute, (c) => c.json(whoami(callerOf(c)), 200))
  app.openapi(listRoute, (c) => {
    const { limit, cursor, scope } = c.req.valid('query')
    const after = cursor === undefined ? undefined : readCursor(z.string(), cursor)
    const { records, last } = tokens.list(scopeFor(callerOf(c), scope), { after, limit })
    addNext(c, records.length === limit ? last : undefined)
    return c.json(records.map(tokenDocument), 200)
  })
  app.openapi(createTokenRoute, (c) => {
    const { name: given, role, scope, expiresInSeconds, ...rest } = c.req.valid('json')
    const name = checked(tokenNameSchema, given, 'name')
    const project = scopeFor(callerOf(c), scope) ?? undefined
    const expiresAt =
      expiresInSeconds === undefined
        ? undefined
        : new Date(Date.now() + 1000 * expiresInSeconds).toISOString()
    const limits = limitsFor(role, rest.limits ?? {})
    const { text, record } = tokens.create({ name, role, project, expiresAt, limits })
    c.header('cache-control', 'no-store')
    return c.json({ ...tokenDocument(record), token: text }, 201)
  })
  app.openapi(revokeRoute, (c) => {
    const name = checked(tokenNameSchema, c.req.valid('param').name, 'name')
    tokens.remove(name, scopeFor(callerOf(c), c.req.valid('query').scope))
    return c.body(null, 204)
  })
}

/** @throws {FunctionError} BAD_REQUEST */
function limitsFor(role: Role, given: object): Limits {
  const limits = changeLimits('token', {}, given)
  if (role === 'invoker' || Object.keys(limits).length === 0) return limits
  const message = `Only a token of the role 'invoker' has limits: they count its calls of functions. This one has the role '${role}'.`
  throw new FunctionError('BAD_REQUEST', message)
}

/**
 * The scope that a caller means, which is its own project's unless it may see all.
 *
 * @throws {FunctionError} BAD_REQUEST; PROJECT_NOT_FOUND for another project than its own; FORBIDDEN for all of them
 */
function scopeFor(caller: Caller, given: string | undefined): TokenScope {
  if (given === undefined) return caller.project
  const scope = parseScope(given)
  if (scope === null) checkAccess(caller, { role: 'admin', scope: 'all' })
  else if (caller.project !== undefined && scope !== caller.project) throw noProject(scope)
  return scope
}

/** @throws {FunctionError} BAD_REQUEST */
export function parseScope(text: string): string | null {
  if (text === 'all') return null
  if (text.startsWith(SCOPE_PREFIX))
    return checked(projectNameSchema, text.slice(SCOPE_PREFIX.length), 'scope')
  const message = `The scope must be 'all' or 'project:<name>', not '${text}'.`
  throw new FunctionError('BAD_REQUEST', message)
}

function scopeText(project: string | undefined): string {
  return project === undefined ? 'all' : `${SCOPE_PREFIX}${project}`
}

function tokenDocument(record: TokenRecord): TokenDocument {
  const { name, role, project, createdAt, expiresAt = null, lastUsedAt = null } = record
  const limits = { ...record.limits }
  return { name, role, scope: scopeText(project), createdAt, expiresAt, lastUsedAt, limits }
}

function whoami({ name, role, project, token }: Caller): z.infer<typeof whoamiSchema> {
  const expiresAt = token?.expiresAt ?? null
  const own = token?.name ?? name
  return {
    release: RELEASE,
    minimumCli: MINIMUM_CLI,
    name: own,
    role,
    project: project ?? null,
    expiresAt,
  }
}
