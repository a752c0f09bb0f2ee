/** The API of functions and their versions. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { MAX_BUNDLE_BYTES } from '../bundles/build.ts'
import { type Bundle, type BundleStore, sha256 } from '../bundles/bundle-store.ts'
import { MAX_MAP_BYTES } from '../bundles/source-map.ts'
import { FunctionError } from '../errors.ts'
import type { Limits } from '../limits/names.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { access } from './access.ts'
import {
  deployDocumentSchema,
  functionDetailsSchema,
  functionDocument,
  functionDocumentSchema,
  rollbackDocumentSchema,
  versionDocument,
  versionDocumentSchema,
} from './documents.ts'
import type { NewDeployment, Operations } from './operations.ts'
import {
  addNext,
  functionOf,
  functionParams,
  json,
  jsonBody,
  listOf,
  page,
  problem,
  projectOf,
  projectParams,
  readCursor,
} from './route-parts.ts'
import {
  checked,
  type DeploySettings,
  deploySettingsSchema,
  functionNameSchema,
  versionNameSchema,
} from './settings.ts'
import { showFunction } from './show.ts'
import { bundleOf, readSourceMap } from './source-map.ts'

const FUNCTIONS = '/v1/projects/{project}/functions'
const FUNCTION = `${FUNCTIONS}/{name}` as const

const file = z
  .instanceof(Blob, { error: 'must be a file of the form' })
  .openapi({ type: 'string', format: 'binary' })

const deployForm = z
  .object({
    settings: z
      .string('must be text, not a file')
      .openapi({ description: 'JSON: version, runtime, profile, limits' }),
    bundle: file,
    map: file,
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits in lower case')
      .optional()
      .openapi({ description: 'of the bundle, in lower case: another one is refused' }),
  })
  .openapi('DeployForm')

const deployAllForm = z
  .object({
    functions: z.string('must be text, not a file').openapi({
      description:
        'JSON: a list of {"name": ..., "settings": {...}}; the fields `bundle:<name>` and `map:<name>` have the files of each',
    }),
  })
  .catchall(file)
  .openapi('DeployAllForm')

const listRoute = createRoute({
  ...access('viewer'),
  operationId: 'function.list',
  method: 'get',
  path: FUNCTIONS,
  summary: 'Functions of a project, by name',
  request: { params: projectParams, query: page },
  responses: listOf(functionDocumentSchema, 'Functions.'),
})

const showRoute = createRoute({
  ...access('viewer'),
  operationId: 'function.show',
  method: 'get',
  path: FUNCTION,
  summary: 'One function with its newest versions',
  request: { params: functionParams },
  responses: { 200: json(functionDetailsSchema, 'The function.'), default: problem },
})

const versionsRoute = createRoute({
  ...access('viewer'),
  operationId: 'function.versions',
  method: 'get',
  path: `${FUNCTION}/versions`,
  summary: 'The versions of a function, newest first',
  request: { params: functionParams, query: page },
  responses: listOf(versionDocumentSchema, 'Versions.'),
})

const sourceMapRoute = createRoute({
  ...access('viewer'),
  operationId: 'function.sourceMap',
  method: 'get',
  path: `${FUNCTION}/source-map`,
  summary: 'The source map of a version: of the active one, unless another is named',
  request: { params: functionParams, query: z.object({ version: z.string().optional() }) },
  responses: {
    200: {
      description: 'The source map of `bundle.js`, version 3.',
      content: { 'application/json': { schema: z.object({ version: z.literal(3) }).loose() } },
    },
    default: problem,
  },
})

const deployRoute = createRoute({
  ...access('deployer'),
  operationId: 'function.deploy',
  method: 'post',
  path: `${FUNCTION}/versions`,
  summary: 'Deploys a bundle as a new version, which is live when the response arrives',
  request: {
    params: functionParams,
    body: { required: true, content: { 'multipart/form-data': { schema: deployForm } } },
  },
  responses: { 200: json(deployDocumentSchema, 'What was deployed.'), default: problem },
})

const rollbackRequestSchema = z
  .object({
    version: z.string().optional(),
    /** The variables stay as they are. */
    keepEnv: z.boolean().optional(),
  })
  .openapi('RollbackRequest')

const deployAllRoute = createRoute({
  ...access('deployer'),
  operationId: 'project.deploy',
  method: 'post',
  path: '/v1/projects/{project}/deploy',
  summary: 'Deploys bundles as new versions of several functions: all of them at once, or none',
  request: {
    params: projectParams,
    body: { required: true, content: { 'multipart/form-data': { schema: deployAllForm } } },
  },
  responses: {
    200: json(z.array(deployDocumentSchema), 'What was deployed, in the order of the request.'),
    default: problem,
  },
})

const rollbackRoute = createRoute({
  ...access('deployer'),
  operationId: 'function.rollback',
  method: 'post',
  path: `${FUNCTION}/rollback`,
  summary:
    'Returns to the deployment before, or to the version named, with the variables of that time',
  request: {
    params: functionParams,
    body: jsonBody(rollbackRequestSchema),
  },
  responses: { 200: json(rollbackDocumentSchema, 'What is active now.'), default: problem },
})

const deleteRoute = createRoute({
  ...access('deployer'),
  operationId: 'function.delete',
  method: 'delete',
  path: FUNCTION,
  summary: 'Deletes a function with all its versions',
  request: { params: functionParams },
  responses: { 204: { description: 'The function was deleted.' }, default: problem },
})

const listCursor = z.string()
const versionCursor = z.object({ createdAt: z.string(), id: z.string() })

interface FunctionDeps {
  store: MetadataStore
  bundles: BundleStore
  operations: Operations
  /** The limits of the installation, as they are now. */
  installation(): Limits
}

export function addFunctions(app: OpenAPIHono, deps: FunctionDeps): void {
  addReads(app, deps)
  addChanges(app, deps)
}

function addReads(app: OpenAPIHono, deps: FunctionDeps): void {
  const { store, bundles, installation } = deps
  app.openAPIRegistry.registerPath(sourceMapRoute)
  app.get(sourceMapRoute.getRoutingPath(), async (c) => {
    const of = functionOf(c.req.param())
    const given = c.req.query('version')
    const version = given === undefined ? undefined : checked(versionNameSchema, given, 'version')
    const map = await readSourceMap(bundles, bundleOf(store, of, version))
    return c.body(map, 200, { 'content-type': 'application/json' })
  })
  app.openapi(listRoute, (c) => {
    const { limit, cursor } = c.req.valid('query')
    const after = cursor === undefined ? undefined : readCursor(listCursor, cursor)
    const project = projectOf(c.req.valid('param'))
    store.projects.get(project)
    const rows = store.list(project, { after, limit })
    addNext(c, rows.length === limit ? rows.at(-1)?.name : undefined)
    return c.json(rows.map(functionDocument), 200)
  })
  app.openapi(showRoute, (c) => {
    return c.json(showFunction(store, functionOf(c.req.valid('param')), installation()), 200)
  })
  app.openapi(versionsRoute, (c) => {
    const { name, project } = functionOf(c.req.valid('param'))
    const { limit, cursor } = c.req.valid('query')
    const before = cursor === undefined ? undefined : readCursor(versionCursor, cursor)
    const active = store.show(name, project).version
    const rows = store.versions(name, project, { before, limit })
    const last = rows.length === limit ? rows.at(-1) : undefined
    addNext(c, last && { createdAt: last.createdAt, id: last.id })
    return c.json(
      rows.map((record) => versionDocument(record, active)),
      200,
    )
  })
}

function addChanges(app: OpenAPIHono, deps: FunctionDeps): void {
  const { operations } = deps
  app.openapi(deployRoute, async (c) => {
    const of = functionOf(c.req.valid('param'))
    const form = c.req.valid('form')
    const bundle = await readBundle(form.bundle, form.map, form.sha256)
    return c.json(await operations.deploy(of, readSettings(form.settings), bundle), 200)
  })
  app.openapi(deployAllRoute, async (c) => {
    const project = projectOf(c.req.valid('param'))
    const form = c.req.valid('form')
    const deployments: NewDeployment[] = []
    for (const { name, settings } of readFunctions(form.functions)) {
      const code = form[`bundle:${name}`]
      const map = form[`map:${name}`]
      if (!(code instanceof Blob) || !(map instanceof Blob)) {
        const message = `The form has no files 'bundle:${name}' and 'map:${name}' for the function '${name}'.`
        throw new FunctionError('BAD_REQUEST', message)
      }
      deployments.push({ name, given: settings, bundle: await readBundle(code, map) })
    }
    return c.json(await operations.deployAll(project, deployments), 200)
  })
  app.openapi(rollbackRoute, async (c) => {
    const { version: given, keepEnv } = c.req.valid('json')
    const version = given === undefined ? undefined : checked(versionNameSchema, given, 'version')
    const of = functionOf(c.req.valid('param'))
    return c.json(await operations.rollback(of, version, { keepEnv }), 200)
  })
  app.openapi(deleteRoute, async (c) => {
    await operations.remove(functionOf(c.req.valid('param')))
    return c.body(null, 204)
  })
}

function readSettings(text: string): DeploySettings {
  return checked(deploySettingsSchema, readJson(text, 'settings'))
}

/** Functions that are deployed together: each needs a worker at the same time. */
const MAX_FUNCTIONS = 100

const functionsSchema = z
  .array(z.strictObject({ name: functionNameSchema, settings: deploySettingsSchema }))
  .min(1, 'must name a function')
  .max(MAX_FUNCTIONS, `must name at most ${MAX_FUNCTIONS} functions`)
  .refine(
    (list) => new Set(list.map(({ name }) => name)).size === list.length,
    'must name each function once',
  )

function readFunctions(text: string): z.output<typeof functionsSchema> {
  return checked(functionsSchema, readJson(text, 'functions'), 'functions')
}

function readJson(text: string, field: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const why = (cause as Error).message
    const message = `The form field '${field}' is not valid JSON (${why}).`
    throw new FunctionError('BAD_REQUEST', message, { cause })
  }
}

/** @param expected the SHA-256 of the bundle that the client sent */
async function readBundle(bundle: Blob, map: Blob, expected?: string): Promise<Bundle> {
  if (bundle.size > MAX_BUNDLE_BYTES || map.size > MAX_MAP_BYTES) {
    const sizes = `The bundle has ${bundle.size} bytes and its source map ${map.size}`
    const limits = `the limits are ${MAX_BUNDLE_BYTES} and ${MAX_MAP_BYTES} bytes`
    throw new FunctionError('PAYLOAD_TOO_LARGE', `${sizes}; ${limits}.`)
  }
  const code = await bundle.bytes()
  if (expected !== undefined && expected !== sha256(code)) {
    const message = `The bundle that arrived has the SHA-256 ${sha256(code)}, not ${expected}: send it again.`
    throw new FunctionError('BAD_REQUEST', message)
  }
  return { code, map: await map.bytes() }
}
