/** The API of variables and secrets. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { checkName } from '../metadata/env-rules.ts'
import type { VariableKind } from '../metadata/env-store.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { access } from './access.ts'
import {
  envChangeDocumentSchema,
  envRequestSchema,
  rotateRequestSchema,
  rotationDocumentSchema,
  secretRequestSchema,
  variableDocument,
  variableDocumentSchema,
} from './env-documents.ts'
import type { FunctionRef } from './function-ref.ts'
import type { Operations } from './operations.ts'
import { functionOf, functionParams, json, jsonBody, problem } from './route-parts.ts'

const FUNCTION = '/v1/projects/{project}/functions/{name}'
const SECRET = `${FUNCTION}/secrets/{secret}` as const

const secretParams = functionParams.extend({ secret: z.string() })
const creates = z.object({
  create: z
    .enum(['true', 'false'])
    .default('false')
    .openapi({ description: 'create the function if it does not exist' }),
})
const changed = { 200: json(envChangeDocumentSchema, 'What is live now.'), default: problem }

const listRoute = createRoute({
  ...access('viewer'),
  operationId: 'env.list',
  method: 'get',
  path: `${FUNCTION}/env`,
  summary: 'The variables of a function, by name; secrets without their values',
  request: { params: functionParams },
  responses: { 200: json(z.array(variableDocumentSchema), 'Variables.'), default: problem },
})

const changeRoute = createRoute({
  ...access('deployer'),
  operationId: 'env.change',
  method: 'patch',
  path: `${FUNCTION}/env`,
  summary: 'Sets and unsets variables: one new revision, which is live when the response arrives',
  request: { params: functionParams, query: creates, body: jsonBody(envRequestSchema) },
  responses: changed,
})

const listSecretsRoute = createRoute({
  ...access('viewer'),
  operationId: 'secret.list',
  method: 'get',
  path: `${FUNCTION}/secrets`,
  summary: 'The secrets of a function, by name, without their values',
  request: { params: functionParams },
  responses: { 200: json(z.array(variableDocumentSchema), 'Secrets.'), default: problem },
})

const setSecretRoute = createRoute({
  ...access('deployer'),
  operationId: 'secret.set',
  method: 'put',
  path: SECRET,
  summary: 'Sets a secret; it is live when the response arrives, and never shown again',
  request: { params: secretParams, query: creates, body: jsonBody(secretRequestSchema) },
  responses: changed,
})

const unsetSecretRoute = createRoute({
  ...access('deployer'),
  operationId: 'secret.unset',
  method: 'delete',
  path: SECRET,
  summary: 'Unsets a secret',
  request: { params: secretParams },
  responses: changed,
})

const rotateRoute = createRoute({
  ...access('admin', 'all'),
  operationId: 'secret.rotateKey',
  method: 'post',
  path: '/v1/secrets/rotate-key',
  summary: 'Encrypts the secrets of all functions again, with a new key',
  request: { body: jsonBody(rotateRequestSchema) },
  responses: { 200: json(rotationDocumentSchema, 'The new key.'), default: problem },
})

interface EnvDeps {
  store: MetadataStore
  operations: Operations
}

export function addEnv(app: OpenAPIHono, { store, operations }: EnvDeps): void {
  const rowsOf = ({ name, project }: FunctionRef, kind?: VariableKind) => {
    const { id } = store.show(name, project)
    const revision = store.envRevision(id)
    const rows = store.env
      .list(id, revision)
      .filter((row) => kind === undefined || row.kind === kind)
    return rows.map((row) => variableDocument(row, revision))
  }
  app.openapi(listRoute, (c) => c.json(rowsOf(functionOf(c.req.valid('param'))), 200))
  app.openapi(listSecretsRoute, (c) => {
    return c.json(rowsOf(functionOf(c.req.valid('param')), 'secret'), 200)
  })
  app.openapi(changeRoute, async (c) => {
    const { set, unset = [] } = c.req.valid('json')
    // The schema leaves it out.
    const given = (await c.req.json()) as { set?: object }
    if (Object.hasOwn(given.set ?? {}, '__proto__')) checkName('__proto__')
    const change = { set, unset: unset.map((name) => ({ name, kind: 'plain' as const })) }
    const of = functionOf(c.req.valid('param'))
    const options = { creates: c.req.valid('query').create === 'true' }
    return c.json(await operations.changeEnv(of, change, options), 200)
  })
  app.openapi(setSecretRoute, async (c) => {
    const { secret, ...of } = c.req.valid('param')
    const secrets = [{ name: secret, ...c.req.valid('json') }]
    const options = { creates: c.req.valid('query').create === 'true' }
    return c.json(await operations.changeEnv(functionOf(of), { secrets }, options), 200)
  })
  app.openapi(unsetSecretRoute, async (c) => {
    const { secret, ...of } = c.req.valid('param')
    const unset = [{ name: secret, kind: 'secret' as const }]
    return c.json(await operations.changeEnv(functionOf(of), { unset }), 200)
  })
  app.openapi(rotateRoute, async (c) => {
    return c.json(await operations.rotateKey(c.req.valid('json').discardLost), 200)
  })
}
