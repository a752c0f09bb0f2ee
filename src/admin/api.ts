/**
 * The management API, on a unix socket that only the service's owner may open.
 *
 * A deployment arrives as a bundle: the client reads and bundles the tenant's folder with its own
 * rights. So the service opens no path that a client names, and runs no bundler.
 */
import { OpenAPIHono } from '@hono/zod-openapi'
import { HTTPException } from 'hono/http-exception'
import { MAX_BUNDLE_BYTES } from '../bundles/build.ts'
import type { Bundle } from '../bundles/bundle-store.ts'
import { MAX_MAP_BYTES } from '../bundles/source-map.ts'
import { FunctionError } from '../errors.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { RELEASE } from '../release.ts'
import type { ServiceControl } from './control.ts'
import { functionDetails, functionDocument, versionDocument } from './documents.ts'
import type { Operations } from './operations.ts'
import { adminProblem } from './problem.ts'
import {
  deleteRoute,
  deployRoute,
  listRoute,
  rollbackRoute,
  showRoute,
  versionsRoute,
  workersRoute,
} from './routes.ts'
import { checked, type DeploySettings, functionNameSchema } from './settings.ts'

export interface ApiParts {
  store: MetadataStore
  operations: Operations
  control: ServiceControl
  /** Reports an internal error. */
  onBug(error: unknown): void
}

/**
 * Makes what answers on the management socket.
 *
 * @example Bun.serve({ unix: socket, fetch: createApi(parts) })
 */
export function createApi(parts: ApiParts): (request: Request) => Response | Promise<Response> {
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (!result.success) {
        const issue = result.error.issues[0]
        const what = `${issue?.path.join('.')}: ${issue?.message}`
        return adminProblem(new FunctionError('BAD_REQUEST', `${what}.`))
      }
    },
  })
  addReads(app, parts)
  addChanges(app, parts)
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'functions: management', version: RELEASE },
  })
  app.notFound(() => adminProblem(new FunctionError('BAD_REQUEST', 'There is no such route.')))
  app.onError((error) => {
    // Hono throws these for bodies that are not what they should be.
    if (error instanceof HTTPException && error.status < 500) {
      return adminProblem(new FunctionError('BAD_REQUEST', `${error.message}.`, { cause: error }))
    }
    if (!(error instanceof FunctionError) || error.code === 'INTERNAL') {
      parts.onBug(error)
    }
    return adminProblem(error)
  })
  return (request) => app.fetch(request)
}

function addReads(app: OpenAPIHono, { store, control }: ApiParts): void {
  app.openapi(listRoute, (c) => c.json(store.list().map(functionDocument), 200))
  app.openapi(showRoute, (c) => {
    const name = nameOf(c.req.valid('param'))
    return c.json(functionDetails(store.show(name), store.versions(name)), 200)
  })
  app.openapi(versionsRoute, (c) => {
    const name = nameOf(c.req.valid('param'))
    const active = store.show(name).version
    const rows = store.versions(name).map((record) => versionDocument(record, active))
    return c.json(rows, 200)
  })
  app.openapi(workersRoute, (c) => {
    const rows = control.workers().map((row) => ({ ...row, layers: [...row.layers] }))
    return c.json(rows, 200)
  })
}

function addChanges(app: OpenAPIHono, { operations }: ApiParts): void {
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
  return checked(functionNameSchema, name)
}

function readSettings(text: string): DeploySettings {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new FunctionError('BAD_REQUEST', 'settings: this is not JSON.', { cause })
  }
}

async function readBundle(code: Blob, map: Blob): Promise<Bundle> {
  if (code.size > MAX_BUNDLE_BYTES || map.size > MAX_MAP_BYTES) {
    throw new FunctionError('PAYLOAD_TOO_LARGE', 'The bundle or its source map is too large.')
  }
  return { code: await code.bytes(), map: await map.bytes() }
}
