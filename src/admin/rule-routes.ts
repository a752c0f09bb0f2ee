/** The API of what applies to a function whatever its version. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Limits } from '../limits/names.ts'
import { ACCESS } from '../metadata/records.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { access } from './access.ts'
import type { ServiceControl } from './control.ts'
import { functionDetailsSchema } from './documents.ts'
import { changeLimits, limitsBody } from './limits.ts'
import { functionOf, functionParams, json, jsonBody, problem } from './route-parts.ts'
import { showFunction } from './show.ts'

const changeSchema = z
  .strictObject({
    /** `token`: callers need a token of the role `invoker`. */
    access: z.enum(ACCESS).optional(),
    /** Every version can be called under `<name>@<version>`. */
    previews: z.boolean().optional(),
    limits: limitsBody.optional(),
  })
  .openapi('FunctionChange')

const changeRoute = createRoute({
  ...access('deployer'),
  operationId: 'function.set',
  method: 'patch',
  path: '/v1/projects/{project}/functions/{name}',
  summary: 'Changes a function, whatever its version: what is not given stays',
  request: { params: functionParams, body: jsonBody(changeSchema) },
  responses: { 200: json(functionDetailsSchema, 'The function.'), default: problem },
})

interface RuleDeps {
  store: MetadataStore
  control: ServiceControl
  /** The limits of the installation, as they are now. */
  installation(): Limits
}

export function addRules(app: OpenAPIHono, deps: RuleDeps): void {
  const { store, control, installation } = deps
  app.openapi(changeRoute, (c) => {
    const of = functionOf(c.req.valid('param'))
    const { limits, ...rules } = c.req.valid('json')
    const before = store.rules.find(of.name, of.project)?.limits ?? {}
    const after = limits && changeLimits('function', before, limits)
    store.rules.set(of.name, of.project, { ...rules, limits: after })
    control.functionChanged(of.name, of.project)
    return c.json(showFunction(store, of, installation()), 200)
  })
}
