/** Protected functions: who may call them, and that no function ever sees a token of the service. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { MetadataStore } from '../../src/metadata/store.ts'
import type { Role } from '../../src/metadata/token-store.ts'
import { problem, type Service, Workspace } from './harness.ts'

const ECHO = 'export default (r) => Response.json([...r.headers])'

const space = new Workspace()
let service: Service
const tokens: Record<string, string> = {}

beforeAll(async () => {
  await space.deploy('private', ECHO)
  await space.deploy('open', ECHO)
  await space.command('project', 'create', 'shop')
  const store = MetadataStore.open(space.dataDir)
  const add = (name: string, role: Role, project?: string, expiresAt?: string) => {
    tokens[name] = store.tokens.create({ name, role, project, expiresAt }).text
  }
  add('invoker', 'invoker', 'default')
  add('everywhere', 'invoker')
  add('foreign', 'invoker', 'shop')
  add('admin', 'admin')
  add('deployer', 'deployer', 'default')
  add('viewer', 'viewer', 'default')
  add('expired', 'invoker', 'default', '2020-01-01T00:00:00.000Z')
  store.close()
  // Each test has its own address, so that failed attempts of one do not count for another.
  service = await space.serve('--trusted-proxies', '127.0.0.1')
  const { exitCode, stdout } = await space.command('set', 'private', '--access', 'token')
  expect([exitCode, stdout]).toEqual([
    0,
    'private: callers need a token of the role invoker, previews off\n',
  ])
})

afterAll(async () => {
  await service.stop()
  space.remove()
})

let client = 1
const call = (
  path: string,
  headers: Record<string, string> = {},
  address = `192.0.2.${client++}`,
) => service.fetch(path, { headers: { 'x-forwarded-for': address, ...headers } })
const bearer = (name: string) => `Bearer ${tokens[name]}`
const names = async (response: Response) =>
  ((await response.json()) as [string, string][]).map(([name]) => name)

describe('a protected function', () => {
  test('answers callers with a token of the role invoker whose scope holds the project', async () => {
    for (const name of ['invoker', 'everywhere']) {
      for (const header of ['authorization', 'functions-authorization']) {
        const response = await call('/functions/private/x', { [header]: bearer(name) })
        expect([name, header, response.status]).toEqual([name, header, 200])
        expect(await names(response)).not.toContain(header)
      }
    }
    const own = { authorization: 'Bearer own', 'functions-authorization': bearer('invoker') }
    expect(await names(await call('/functions/private', own))).toContain('authorization')
  })

  test('refuses all others alike', async () => {
    const given = [
      {},
      { authorization: 'Bearer ' },
      { authorization: 'Basic Zm46eA==' },
      { authorization: `Bearer fn_${'a'.repeat(43)}` },
      { authorization: `Bearer ${'a'.repeat(5000)}` },
      ...['foreign', 'admin', 'deployer', 'viewer', 'expired'].map((name) => ({
        authorization: bearer(name),
      })),
      { authorization: bearer('invoker'), 'functions-authorization': bearer('foreign') },
    ]
    const bodies = new Set<string>()
    for (const headers of given) {
      const response = await call('/functions/private', headers as Record<string, string>)
      expect([headers, response.status]).toEqual([headers, 401])
      expect(response.headers.get('www-authenticate')).toBe('Bearer realm="functions"')
      const { requestId: _, ...rest } = await problem(response)
      bodies.add(JSON.stringify(rest))
    }
    expect(bodies.size).toBe(1)
  })

  test('is refused before a worker starts and before the body is read', async () => {
    await space.deploy('never', ECHO)
    await space.command('set', 'never', '--access', 'token')
    await service.stop()
    service = await space.serve('--trusted-proxies', '127.0.0.1')
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(service.port, '127.0.0.1', () =>
        socket.write('POST /functions/never HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n'),
      )
      socket.once('data', (bytes) => {
        resolve(bytes.toString())
        socket.destroy()
      })
      socket.once('error', reject)
    })
    expect(answer).toStartWith('HTTP/1.1 401 ')
    expect((await service.workers()).filter((row) => row.function === 'never')).toEqual([])
  })

  test('answers 429 after ten failed attempts of an address, but to a valid token', async () => {
    for (let i = 0; i < 10; i++)
      expect((await call('/functions/private', {}, '198.51.100.1')).status).toBe(401)
    const headers = { authorization: bearer('invoker') }
    const limited = await call('/functions/private', {}, '198.51.100.1')
    expect(limited.status).toBe(429)
    expect(Number(limited.headers.get('retry-after'))).toBeWithin(1, 61)
    expect((await problem(limited)).code).toBe('RATE_LIMITED')
    expect((await call('/functions/open', {}, '198.51.100.1')).status).toBe(200)
    // Others may share the address.
    expect((await call('/functions/private', headers, '198.51.100.1')).status).toBe(200)
    expect((await call('/functions/private', {}, '198.51.100.2')).status).toBe(401)
  })

  test('is public again when it is set to be', async () => {
    await space.command('set', 'private', '--access', 'public')
    expect((await call('/functions/private')).status).toBe(200)
    await space.command('set', 'private', '--access', 'token')
    expect((await call('/functions/private')).status).toBe(401)
    const shown = JSON.parse((await space.command('show', 'private', '--json')).stdout)
    expect(shown).toMatchObject({ access: 'token', previews: false })
  })

  test('stays protected over deployments, rollbacks and restarts', async () => {
    await space.deploy('private', `${ECHO} // again`)
    expect((await call('/functions/private')).status).toBe(401)
    await space.command('rollback', 'private')
    expect((await call('/functions/private')).status).toBe(401)
    await service.stop()
    service = await space.serve('--trusted-proxies', '127.0.0.1')
    expect((await call('/functions/private')).status).toBe(401)
  })
})

describe('a public function', () => {
  test('gets no token of the service either', async () => {
    for (const name of Object.keys(tokens)) {
      const headers = { authorization: bearer(name), 'functions-authorization': bearer(name) }
      const response = await call('/functions/open', headers)
      expect(response.status).toBe(200)
      const text = await response.text()
      expect([name, text.includes(tokens[name] as string), text.includes('uthorization')]).toEqual([
        name,
        false,
        false,
      ])
    }
  })
})

describe('functions set', () => {
  test.each([
    [['set', 'open'], 'Nothing to set was given'],
    [['set', 'open', '--access', 'private'], '--access must be public or token'],
    [['set', 'open', '--previews', 'yes'], '--previews must be on or off'],
    [['set', 'Bad Name', '--access', 'token'], 'name: must be'],
  ])('%j is wrong usage', async (args, message) => {
    const { exitCode, stderr } = await space.command(...args)
    expect(exitCode).toBe(2)
    expect(stderr).toContain(message)
  })

  test('of a function that does not exist fails', async () => {
    const { exitCode, stderr } = await space.command('set', 'none', '--access', 'token')
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("'none' does not exist")])
  })
})
