import { describe, expect, test } from 'bun:test'
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Role } from '../metadata/token-store.ts'
import { type Access, access, addAccessControl, type Caller, callerOf, OWNER } from './access.ts'
import { adminProblem } from './problem.ts'

const ROLES: Role[] = ['admin', 'deployer', 'viewer', 'invoker']

function route(method: 'get' | 'post', path: string, needs: Access) {
  return createRoute({
    ...access(needs.role, needs.scope),
    method,
    path,
    request: { params: z.object({ project: z.string().optional() }) },
    responses: { 200: { description: 'Done.' } },
  })
}

function testApp() {
  const app = new OpenAPIHono()
  addAccessControl(app)
  for (const role of ROLES)
    app.openapi(route('get', `/v1/${role}`, { role, scope: 'project' }), (c) => c.text('done'))
  app.openapi(route('get', '/v1/any', { role: 'any', scope: 'project' }), (c) => c.text('done'))
  app.openapi(route('get', '/v1/all', { role: 'viewer', scope: 'all' }), (c) => c.text('done'))
  app.openapi(route('get', '/v1/projects/{project}', { role: 'viewer', scope: 'project' }), (c) =>
    c.text(`${c.req.param('project')} ${callerOf(c).name}`),
  )
  app.openapi(
    route('post', '/v1/projects/{project}/functions', { role: 'deployer', scope: 'project' }),
    (c) => c.text(c.req.param('project') ?? ''),
  )
  app.get('/v1/silent', (c) => c.text('done'))
  app.onError((error) => adminProblem(error))
  return app
}

const app = testApp()

function caller(role: Role, project?: string): Caller {
  return { ...OWNER, name: 'ci', role, project }
}

async function answer(who: Caller, path: string, method = 'GET') {
  const response = await app.fetch(new Request(`http://api${path}`, { method }), { caller: who })
  return { status: response.status, text: await response.text(), headers: [...response.headers] }
}

describe('roles', () => {
  const allowed: Record<string, Role[]> = {
    admin: ['admin'],
    deployer: ['admin', 'deployer'],
    viewer: ['admin', 'deployer', 'viewer'],
    invoker: ['admin', 'deployer', 'invoker'],
    any: ROLES,
  }
  for (const [needed, roles] of Object.entries(allowed)) {
    test(`${needed}: ${roles.join(', ')}`, async () => {
      for (const role of ROLES) {
        const { status } = await answer(caller(role), `/v1/${needed}`)
        expect([role, status]).toEqual([role, roles.includes(role) ? 200 : 403])
      }
    })
  }

  test('the refusal names what is missing', async () => {
    const low = await answer(caller('viewer', 'a'), '/v1/projects/a/functions', 'POST')
    expect(low.status).toBe(403)
    expect(JSON.parse(low.text)).toMatchObject({
      code: 'FORBIDDEN',
      detail: "This needs a token with the role 'deployer': the token 'ci' has the role 'viewer'.",
    })
    const narrow = await answer(caller('admin', 'a'), '/v1/all')
    expect(JSON.parse(narrow.text).detail).toContain("the scope 'all'")
    expect((await answer(caller('viewer'), '/v1/all')).status).toBe(200)
  })

  test('a route that does not say what it needs is answered to nobody', async () => {
    expect((await answer(OWNER, '/v1/silent')).status).toBe(500)
  })
})

describe('another project', () => {
  /** What may name project `b`, or one that does not exist, to the router. */
  const forms = (name: string) => [
    `/v1/projects/${name}`,
    `/v1/projects/${name}/`,
    `/v1/projects/${name}/functions`,
    `/v1/projects/${name}/nonsense/below/it`,
    `/v1/projects/${name}?project=a`,
    `/v1/projects/a/../${name}/functions`,
    `/v1/%70rojects/${name}/functions`,
    `/v1/projects/%${name.charCodeAt(0).toString(16)}${name.slice(1)}/functions`,
    `/v1/projects/${name}%2ffunctions`,
    `/v1/projects/${name}%00`,
    `/v1/projects/${name}%ff`,
    `/v1/projects/a%2f..%2f${name}`,
    `//v1/projects/${name}`,
    `/v1//projects/${name}`,
    `/V1/Projects/${name}`,
  ]

  test('is answered as one that does not exist, whatever the role, method and path', async () => {
    for (const role of ROLES) {
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY']) {
        const foreign = forms('shop-b')
        const missing = forms('shop-c')
        for (const [at, path] of foreign.entries()) {
          const got = await answer(caller(role, 'a'), path, method)
          const other = await answer(caller(role, 'a'), missing[at] as string, method)
          expect([path, got.status]).toEqual([path, 404])
          expect(got.text).toBe(other.text.replaceAll('shop-c', 'shop-b'))
          expect(got.headers).toEqual(other.headers)
          expect(got.text.length).toBe(other.text.length)
        }
      }
    }
  })

  test('the own one is found in every spelling', async () => {
    const who = caller('deployer', 'a')
    expect((await answer(who, '/v1/projects/a')).text).toBe('a ci')
    expect((await answer(who, '/v1/projects/%61')).text).toBe('a ci')
    expect((await answer(who, '/v1/projects/b/../a')).text).toBe('a ci')
    expect((await answer(who, '/v1/projects/a/functions', 'POST')).text).toBe('a')
  })

  test('whatever project a handler sees is the own one', async () => {
    const seen = new Set<string>()
    const own = caller('admin', 'a')
    const parts = ['a', 'b', '%61', '%62', '%2562', '%', '%e0%a4', '%2f', '..', '.', ';', '\\']
    for (const one of parts)
      for (const two of parts)
        for (const path of [`/v1/projects/${one}${two}`, `/v1/projects/${one}/${two}`]) {
          const { status, text } = await answer(own, path)
          if (status === 200) seen.add(text)
        }
    expect([...seen].every((text) => text === 'a ci')).toBe(true)
  })
})
