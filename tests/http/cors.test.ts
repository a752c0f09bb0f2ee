/** Pages of other origins can read the platform's errors, as far as the function or the operator allows. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eventually } from '../../src/testing/eventually.ts'
import { problem, type Service, Workspace } from '../e2e/harness.ts'

const API = `
const ALLOWED = ['https://shop.example', 'https://admin.example']
export default async (req) => {
  const { pathname } = new URL(req.url)
  if (pathname === '/throw') throw new Error('broken')
  const origin = req.headers.get('origin')
  const headers = new Headers({ vary: 'origin' })
  if (ALLOWED.includes(origin)) {
    headers.set('access-control-allow-origin', origin)
    headers.set('access-control-allow-credentials', 'true')
  }
  if (pathname === '/public') headers.set('access-control-allow-origin', '*')
  if (pathname === '/hang') await new Promise(() => {})
  return new Response('ok', { headers })
}
`

const SHOP = 'https://shop.example'
const EVIL = 'https://evil.example'
const space = new Workspace()
let service: Service

beforeAll(async () => {
  await space.deploy('api', API, '--timeout', '500ms')
  service = await space.serve()
}, 30_000)

afterAll(async () => {
  await service.stop()
  space.remove()
})

const ask = (path: string, origin?: string, init: RequestInit = {}) =>
  service.fetch(path, { ...init, headers: origin === undefined ? {} : { origin } })
const allowed = (response: Response) => response.headers.get('access-control-allow-origin')

test('errors follow the function’s last answer to the same origin', async () => {
  const early = await ask('/functions/api/throw', SHOP)
  expect(allowed(early)).toBeNull()
  expect(await (await ask('/functions/api', SHOP)).text()).toBe('ok')
  for (const [path, code] of [
    ['/throw', 'HANDLER_ERROR'],
    ['/hang', 'TIMEOUT'],
    ['/..%2f', 'BAD_REQUEST'],
  ]) {
    const response = await ask(`/functions/api${path}`, SHOP)
    expect(allowed(response)).toBe(SHOP)
    expect(response.headers.get('access-control-allow-credentials')).toBe('true')
    expect(response.headers.get('access-control-expose-headers')).toContain('x-request-id')
    expect(response.headers.get('vary')).toBe('origin')
    expect((await problem(response)).code).toBe(code as string)
  }
  expect(allowed(await ask('/functions/api/throw'))).toBeNull()
}, 20_000)

test('an origin that the function did not allow gets nothing, whatever it sends', async () => {
  await ask('/functions/api', SHOP)
  for (const origin of [EVIL, `${SHOP}, ${EVIL}`, `${SHOP}.evil.example`, 'null', '*']) {
    await ask('/functions/api', origin)
    expect(allowed(await ask('/functions/api/throw', origin))).toBeNull()
  }
  expect(allowed(await ask('/functions/nothing', SHOP))).toBeNull()
  expect(allowed(await ask('/nothing', SHOP))).toBeNull()
})

test('a preflight that fails is an error, and grants nothing', async () => {
  await ask('/functions/api', SHOP)
  const headers = { origin: SHOP, 'access-control-request-method': 'PUT' }
  const response = await service.fetch('/functions/api/throw', { method: 'OPTIONS', headers })
  expect(response.status).toBe(500)
  expect(response.headers.get('access-control-allow-methods')).toBeNull()
})

describe('server.cors_errors', () => {
  beforeAll(async () => {
    space.source('functions.toml', '[server]\ncors_errors = true\n')
    service.process.kill('SIGHUP')
    await eventually('the settings are reloaded', () =>
      service.log.includes('"changed":"server.cors_errors"'),
    )
  })

  test('lets every origin read every error, without credentials', async () => {
    for (const path of ['/functions/api/throw', '/functions/nothing', '/nothing', '/functions/']) {
      const response = await ask(path, EVIL)
      expect(allowed(response)).toBe('*')
      expect(response.headers.get('access-control-allow-credentials')).toBeNull()
      await problem(response)
    }
  })

  test('adds nothing to answers, to other pages, nor without an origin', async () => {
    expect(allowed(await ask('/functions/api', EVIL))).toBeNull()
    expect(allowed(await ask('/health', EVIL))).toBeNull()
    expect(allowed(await ask('/nothing'))).toBeNull()
  })
})
