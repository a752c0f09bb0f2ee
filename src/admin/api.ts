/**
 * The management API, on a unix socket that only the service's owner may open.
 *
 * A deployment arrives as a bundle: the client reads and bundles the tenant's directory with its own
 * rights. So the service never opens a path that a client names, and never runs the bundler.
 */
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { MAX_BUNDLE_BYTES } from '../bundles/build.ts'
import type { Bundle, BundleStore } from '../bundles/bundle-store.ts'
import { MAX_MAP_BYTES } from '../bundles/source-map.ts'
import { FunctionError } from '../errors.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { RELEASE } from '../release.ts'
import type { ServiceControl } from './control.ts'
import { functionDocument, versionDocument } from './documents.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Operations } from './operations.ts'
import { adminProblem } from './problem.ts'
import { type RetentionPolicy, withDefaults } from './retention.ts'
import {
  collectRoute,
  deleteRoute,
  deployRoute,
  holdRoute,
  listRoute,
  restartRoute,
  rollbackRoute,
  serviceRoute,
  showRoute,
  sourceMapRoute,
  versionsRoute,
  workersRoute,
} from './routes.ts'
import {
  checked,
  type DeploySettings,
  deploySettingsSchema,
  functionNameSchema,
  versionNameSchema,
} from './settings.ts'
import { showFunction } from './show.ts'
import { bundleOf, readSourceMap } from './source-map.ts'

const listCursor = z.string()
const versionCursor = z.object({ createdAt: z.string(), id: z.string() })

interface ApiDeps {
  store: MetadataStore
  bundles: BundleStore
  operations: Operations
  control: ServiceControl
  retention(): RetentionPolicy
  /** Keeps the bundles while the response is open. */
  hold(request: Request): Response
  lifecycle: Lifecycle
  /** Reports an internal error. */
  onBug(error: unknown): void
}

/**
 * Creates the request handler of the management socket.
 *
 * @example Bun.serve({ unix: socket, fetch: createApi(deps) })
 */
export function createApi(deps: ApiDeps): (request: Request) => Response | Promise<Response> {
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (!result.success) {
        const issue = result.error.issues[0]
        const what = `${issue?.path.join('.')}: ${issue?.message}`
        return adminProblem(new FunctionError('BAD_REQUEST', `${what}.`))
      }
    },
  })
  addReads(app, deps)
  addChanges(app, deps)
  app.openAPIRegistry.registerPath(holdRoute)
  app.post(holdRoute.path, (c) => deps.hold(c.req.raw))
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'functions: management', version: RELEASE },
  })
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
  return (request) => app.fetch(request)
}

function addReads(app: OpenAPIHono, deps: ApiDeps): void {
  const { store, bundles, control, lifecycle } = deps
  app.openAPIRegistry.registerPath(sourceMapRoute)
  app.get(sourceMapRoute.getRoutingPath(), async (c) => {
    const name = nameOf({ name: c.req.param('name') })
    const given = c.req.query('version')
    const version = given === undefined ? undefined : checked(versionNameSchema, given, 'version')
    const map = await readSourceMap(bundles, bundleOf(store, name, version))
    return c.body(map, 200, { 'content-type': 'application/json' })
  })
  app.openapi(serviceRoute, (c) => c.json(lifecycle.describe(), 200))
  app.openapi(listRoute, (c) => {
    const { limit, cursor } = c.req.valid('query')
    const after = cursor === undefined ? undefined : readCursor(listCursor, cursor)
    const rows = store.list(undefined, { after, limit })
    addNext(c, rows.length === limit ? rows.at(-1)?.name : undefined)
    return c.json(rows.map(functionDocument), 200)
  })
  app.openapi(showRoute, (c) => c.json(showFunction(store, nameOf(c.req.valid('param'))), 200))
  app.openapi(versionsRoute, (c) => {
    const name = nameOf(c.req.valid('param'))
    const { limit, cursor } = c.req.valid('query')
    const before = cursor === undefined ? undefined : readCursor(versionCursor, cursor)
    const active = store.show(name).version
    const rows = store.versions(name, undefined, { before, limit })
    const last = rows.length === limit ? rows.at(-1) : undefined
    addNext(c, last && { createdAt: last.createdAt, id: last.id })
    return c.json(
      rows.map((record) => versionDocument(record, active)),
      200,
    )
  })
  app.openapi(workersRoute, (c) => {
    const rows = control.workers().map((row) => ({ ...row, layers: [...row.layers] }))
    return c.json(rows, 200)
  })
}

/** Names the next page, unless the place of its beginning is undefined. */
function addNext(c: Context, place: unknown): void {
  if (place === undefined) return
  const next = new URL(c.req.url)
  next.searchParams.set('cursor', Buffer.from(JSON.stringify(place)).toString('base64url'))
  c.header('link', `<${next.pathname}${next.search}>; rel="next"`)
}

function readCursor<T>(schema: z.ZodType<T>, cursor: string): T {
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
  } catch (cause) {
    const message = 'The cursor is not one of this list: take it from the link to the next page.'
    throw new FunctionError('BAD_REQUEST', message, { cause })
  }
}

function addChanges(app: OpenAPIHono, { operations, retention, lifecycle }: ApiDeps): void {
  app.openapi(restartRoute, async (c) => c.json(await lifecycle.restart(c.req.valid('json')), 200))
  app.openapi(collectRoute, async (c) => {
    const { keep, olderThanMs, function: given, dryRun } = c.req.valid('json')
    const only = given === undefined ? undefined : nameOf({ name: given })
    const policy = withDefaults(retention(), { keep, olderThanMs })
    return c.json({ dryRun, ...(await operations.collect(policy, { dryRun, only })) }, 200)
  })
  app.openapi(deployRoute, async (c) => {
    const name = nameOf(c.req.valid('param'))
    const form = c.req.valid('form')
    const bundle = await readBundle(form.bundle, form.map)
    return c.json(await operations.deploy(name, readSettings(form.settings), bundle), 200)
  })
  app.openapi(rollbackRoute, async (c) => {
    const name = nameOf(c.req.valid('param'))
    return c.json(await operations.rollback(name, c.req.valid('json').version), 200)
  })
  app.openapi(deleteRoute, async (c) => {
    await operations.remove(nameOf(c.req.valid('param')))
    return c.body(null, 204)
  })
}

function nameOf({ name }: { name: string }): string {
  return checked(functionNameSchema, name, 'name')
}

function readSettings(text: string): DeploySettings {
  let settings: unknown
  try {
    settings = JSON.parse(text)
  } catch (cause) {
    const why = (cause as Error).message
    const message = `The form field 'settings' is not valid JSON (${why}).`
    throw new FunctionError('BAD_REQUEST', message, { cause })
  }
  return checked(deploySettingsSchema, settings)
}

async function readBundle(code: Blob, map: Blob): Promise<Bundle> {
  if (code.size > MAX_BUNDLE_BYTES || map.size > MAX_MAP_BYTES) {
    const sizes = `The bundle has ${code.size} bytes and its source map ${map.size}`
    const limits = `the limits are ${MAX_BUNDLE_BYTES} and ${MAX_MAP_BYTES} bytes`
    throw new FunctionError('PAYLOAD_TOO_LARGE', `${sizes}; ${limits}.`)
  }
  return { code: await code.bytes(), map: await map.bytes() }
}
