/** Previews: any version of a function under `<name>@<version>`, where the function allows it. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { MetadataStore } from '../../src/metadata/store.ts'
import { problem, type Service, Workspace } from './harness.ts'

const source = (name: string) =>
  `export default async (r, ctx) => {
    const body = await r.text()
    return Response.json({ name: '${name}', version: ctx.version, url: r.url, mark: ctx.env.MARK, body, prefix: r.headers.get('x-forwarded-prefix') })
  }`

const space = new Workspace()
let service: Service
let invoker: string

beforeAll(async () => {
  for (const name of ['v1', 'v2', 'v3']) await space.deploy('api', source(name))
  await space.command('project', 'create', 'shop')
  await space.deploy('web', source('one'), '--project', 'shop')
  await space.deploy('web', source('two'), '--project', 'shop')
  const store = MetadataStore.open(space.dataDir)
  invoker = store.tokens.create({ name: 'invoker', role: 'invoker', project: undefined }).text
  store.close()
  service = await space.serve()
})

afterAll(async () => {
  await service.stop()
  space.remove()
})

const ok = async (...args: string[]) => {
  const { exitCode, stderr } = await space.command(...args)
  expect([args, exitCode, exitCode === 0 ? '' : stderr]).toEqual([args, 0, ''])
}
const seen = async (path: string, init?: RequestInit) => {
  const response = await service.fetch(path, init)
  expect([path, response.status]).toEqual([path, 200])
  return (await response.json()) as Record<string, string>
}
/** What a client learns of a path that leads nowhere, without the name in it. */
const refusal = async (path: string) => {
  const response = await service.fetch(path)
  const { requestId: _, detail, ...rest } = await problem(response)
  return {
    ...rest,
    detail: detail?.replace(/'.*'/, "'NAME'"),
    type: response.headers.get('content-type'),
  }
}

test('a version is previewed if the function allows it, else it does not exist', async () => {
  const nothing = await refusal('/functions/none')
  expect(nothing).toMatchObject({ status: 404, code: 'FUNCTION_NOT_FOUND' })
  for (const path of ['/functions/api@v1', '/functions/api@v3', '/functions/none@v1'])
    expect(await refusal(path)).toEqual(nothing)
  await ok('set', 'api', '--previews', 'on')
  const preview = await seen('/functions/api@v1/x/y?z=1')
  expect(preview).toMatchObject({ name: 'v1', version: 'v1', prefix: '/functions/api@v1' })
  expect(preview.url).toBe(`${service.url}/x/y?z=1`)
  expect((await seen('/functions/api')).name).toBe('v3')
  expect((await seen('/projects/default/functions/api@v2')).name).toBe('v2')
  const posted = await seen('/functions/api@v2', { method: 'POST', body: 'x'.repeat(200_000) })
  expect([posted.name, posted.body?.length]).toEqual(['v2', 200_000])
  for (const path of [
    '/functions/api@',
    '/functions/api@v9',
    '/functions/api@v1@v2',
    '/functions/@v1',
  ])
    expect([path, await refusal(path)]).toEqual([path, nothing])
  await ok('set', 'api', '--previews', 'off')
  expect(await refusal('/functions/api@v1')).toEqual(nothing)
  await ok('set', 'api', '--previews', 'on')
})

test('another project is not reached by a preview, and its own setting counts', async () => {
  await ok('set', 'web', '--previews', 'on', '--project', 'shop')
  expect((await seen('/projects/shop/functions/web@v1')).name).toBe('one')
  for (const path of [
    '/functions/web@v1',
    '/functions/shop.web@v1',
    '/projects/shop/functions/api@v1',
  ])
    expect([path, (await refusal(path)).status]).toEqual([path, 404])
})

test('a preview has the variables of the function', async () => {
  expect((await seen('/functions/api@v1')).mark).toBeUndefined()
  await ok('env', 'set', 'api', 'MARK=set')
  expect((await seen('/functions/api@v1')).mark).toBe('set')
  await ok('env', 'unset', 'api', 'MARK')
  expect((await seen('/functions/api@v1')).mark).toBeUndefined()
})

test('a preview has one worker at most, however many requests it gets', async () => {
  await Promise.all(Array.from({ length: 100 }, () => seen('/functions/api@v1')))
  const rows = (await service.workers()).filter(
    (row) => row.version === 'v1' && row.function === 'api',
  )
  expect(rows.length).toBe(1)
})

test('a preview of a protected function needs a token', async () => {
  await ok('set', 'api', '--access', 'token')
  expect((await service.fetch('/functions/api@v1')).status).toBe(401)
  expect((await service.fetch('/functions/api@v9')).status).toBe(401)
  const headers = { authorization: `Bearer ${invoker}` }
  expect((await seen('/functions/api@v1', { headers })).name).toBe('v1')
  await ok('set', 'api', '--access', 'public')
})

test('a version that was deleted has no preview', async () => {
  expect((await seen('/functions/api@v1')).name).toBe('v1')
  await ok('gc', '--keep', '1')
  expect((await refusal('/functions/api@v1')).status).toBe(404)
  expect((await seen('/functions/api@v2')).name).toBe('v2')
})

test('very many versions that do not exist leave nothing behind', async () => {
  const before = (await service.workers()).length
  const paths = Array.from({ length: 2000 }, (_, at) => `/functions/api@x${at}`)
  for (let at = 0; at < paths.length; at += 100) {
    const some = paths.slice(at, at + 100).map((path) => service.fetch(path))
    for (const response of await Promise.all(some)) expect(response.status).toBe(404)
  }
  expect((await service.workers()).length).toBeLessThanOrEqual(before)
})
