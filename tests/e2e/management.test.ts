/** The management API over TCP: tokens, roles, tenants that must not see each other, and the commands as its client. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { eventually } from '../../src/testing/eventually.ts'
import { rawRequest, Workspace } from './harness.ts'
import { type Answer, Managed } from './management.ts'

const SOURCE = "export default () => new Response('hello')\n"
const ROLES = ['admin', 'deployer', 'viewer', 'invoker']
const SOCKET = 'http://functions'

let managed: Managed
/** By role and project. */
const tokens = new Map<string, string>()
let admin = ''
let clients = 0

/** An address that had no failed attempt yet, as a proxy would name it. */
const newAddress = () => ({ 'x-forwarded-for': `192.0.2.${++clients}` })

beforeAll(async () => {
  managed = await Managed.start('--trusted-proxies', '127.0.0.0/8')
  const { space } = managed
  for (const project of ['shop', 'bank']) {
    await space.command('project', 'create', project)
    await space.deploy('api', SOURCE, '--project', project)
    for (const role of ROLES)
      tokens.set(
        `${role} ${project}`,
        await managed.token(`${project}-${role}`, role, `project:${project}`),
      )
  }
  admin = await managed.token('root', 'admin', 'all')
}, 60_000)

afterAll(() => managed.remove())

const tokenOf = (role: string, project: string) => tokens.get(`${role} ${project}`)

describe('the commands over TCP', () => {
  test('deploy with two variables, the project being that of the token', async () => {
    const file = managed.space.source('remote.ts', "export default () => new Response('remote')\n")
    const token = tokenOf('deployer', 'shop')
    const deployed = await managed.remote(token, ['deploy', 'remote', file, '--json'])
    expect(deployed.stderr).toBe('')
    expect(JSON.parse(deployed.stdout)).toMatchObject({ function: 'remote', live: true })
    const answer = await managed.service.fetch('/projects/shop/functions/remote')
    expect(await answer.text()).toBe('remote')
    const listed = await managed.remote(token, ['list', '--json'])
    expect(JSON.parse(listed.stdout).map(({ name }: { name: string }) => name)).toEqual([
      'api',
      'remote',
    ])
    const elsewhere = await managed.remote(token, ['list', '--project', 'bank', '--json'])
    expect(JSON.parse(elsewhere.stderr).error.code).toBe('PROJECT_NOT_FOUND')
    expect((await managed.remote(token, ['delete', 'remote'])).exitCode).toBe(0)
  }, 60_000)

  test('whoami says who and what, and never the token', async () => {
    const token = tokenOf('viewer', 'bank') as string
    const { stdout } = await managed.remote(token, ['whoami', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'bank-viewer',
      role: 'viewer',
      project: 'bank',
      release: expect.any(String),
      minimumCli: expect.any(String),
    })
    expect(stdout).not.toContain(token.slice(3, 12))
    const owner = await managed.space.command('whoami', '--json')
    expect(JSON.parse(owner.stdout)).toMatchObject({ name: 'socket', role: 'admin', project: null })
  })

  test('tokens are created, listed and revoked remotely', async () => {
    const made = await managed.remote(admin, [
      ...['token', 'create', 'short', '--role', 'viewer', '--scope', 'project:shop'],
      ...['--expires', '1h', '--json'],
    ])
    const { token, expiresAt } = JSON.parse(made.stdout)
    expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now() + 3_000_000)
    expect((await managed.ask(token, '/v1/whoami')).status).toBe(200)
    const listed = (await managed.remote(admin, ['token', 'list', '--json'])).stdout
    expect(listed).toContain('"short"')
    expect(listed).not.toContain(token)
    expect((await managed.remote(admin, ['token', 'revoke', 'short'])).exitCode).toBe(0)
    const after = await managed.ask(token, '/v1/whoami', { headers: newAddress() })
    expect(after.status).toBe(401)
    expect((await managed.remote(admin, ['token', 'revoke', 'short'])).stderr).toContain(
      "Token 'short' does not exist",
    )
  }, 30_000)

  test('a scope is required, and wrong usage is exit 2', async () => {
    const create = (...flags: string[]) => managed.space.command('token', 'create', 'x', ...flags)
    for (const flags of [
      ['--role', 'viewer'],
      ['--role', 'viewer', '--scope', 'shop'],
      ['--role', 'viewer', '--scope', 'project:'],
      ['--role', 'owner', '--scope', 'all'],
      ['--scope', 'all'],
      ['--role', 'viewer', '--scope', 'all', '--expires', 'soon'],
    ]) {
      expect([flags, (await create(...flags)).exitCode]).toEqual([flags, 2])
    }
    const missing = await create('--role', 'viewer', '--scope', 'project:nowhere')
    expect(missing.stderr).toContain("Project 'nowhere' does not exist")
  }, 30_000)
})

describe('where a token comes from', () => {
  const whoami = async (args: string[], env: Record<string, string> = {}) => {
    const { stdout, stderr } = await managed.elsewhere(['whoami', '--json', ...args], env)
    return { name: stdout === '' ? undefined : JSON.parse(stdout).name, stderr }
  }

  test('a flag overrides the environment, that a profile, and each needs a URL', async () => {
    const { space, url } = managed
    const shop = tokenOf('viewer', 'shop') as string
    const bank = tokenOf('viewer', 'bank') as string
    const path = space.source('profiles.toml', '')
    const file = `${space.dir}/.config/functions/config.toml`
    await Bun.write(file, `[prod]\nurl = "${url}"\ntoken = "${shop}"\nproject = "shop"\n`)
    chmodSync(file, 0o600)
    expect((await whoami(['--as', 'prod'])).name).toBe('shop-viewer')
    expect((await whoami(['--as', 'prod'], { FUNCTIONS_TOKEN: bank })).name).toBe('bank-viewer')
    const tokenFile = space.source('token', `${admin}\n`)
    expect((await whoami(['--as', 'prod', '--token-file', tokenFile])).name).toBe('root')
    const shown = await whoami(['--url', url, '--token', admin], { FUNCTIONS_TOKEN: bank })
    expect(shown.name).toBe('root')
    expect(shown.stderr).toContain('other users of this machine can read the token')
    // The token of a profile is not sent to another service.
    const other = await whoami(['--as', 'prod', '--url', 'https://localhost:1'])
    expect(other.stderr).toContain('needs a token')
    expect((await whoami(['--as', 'nothing'])).stderr).toContain("no profile 'nothing'")
    chmodSync(file, 0o644)
    expect((await whoami(['--as', 'prod'])).stderr).toContain('chmod 600')
    expect((await whoami(['--token-file', path])).stderr).toContain('--url')
    expect((await whoami(['--url', url], {})).stderr).toContain('needs a token')
  }, 30_000)

  test('a certificate of an unknown authority, plain HTTP and redirects get no token', async () => {
    const seen: (string | null)[] = []
    const plain: Bun.Server<undefined> = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: (request) => {
        seen.push(request.headers.get('authorization'))
        return Response.redirect(`http://127.0.0.1:${plain.port}/elsewhere`, 307)
      },
    })
    const token = { FUNCTIONS_TOKEN: admin }
    const redirected = await whoami(['--url', `http://127.0.0.1:${plain.port}`], token)
    expect(redirected.stderr).toContain('redirects to')
    expect(seen).toHaveLength(1)
    await plain.stop(true)
    const far = await whoami(['--url', 'http://functions.example.com'], token)
    expect(far.stderr).toContain('has no TLS')
    const unknown = await whoami(['--url', managed.url], { ...token, NODE_EXTRA_CA_CERTS: '' })
    expect(unknown.stderr).toContain('NODE_EXTRA_CA_CERTS')
    for (const url of ['ftp://x', 'https://u:p@localhost', 'nonsense', 'https://localhost/?a'])
      expect((await whoami(['--url', url], token)).stderr).toContain('URL')
  }, 30_000)
})

describe('a token that is none', () => {
  const refused = (answer: Answer) => ({
    status: answer.status,
    text: answer.text,
    headers: [...answer.headers].filter(([name]) => name !== 'date'),
  })

  test('missing, wrong, expired and revoked are one answer', async () => {
    const gone = await managed.token('gone', 'admin', 'all')
    await managed.space.command('token', 'revoke', 'gone')
    const expired = await managed.token('expired', 'admin', 'all', '--expires', '1s')
    await Bun.sleep(1_100)
    const answers = []
    for (const token of [undefined, `${admin}x`, 'x', gone, expired])
      for (const path of ['/v1/whoami', '/v1/projects/shop', '/nothing', '/openapi.json'])
        answers.push(refused(await managed.ask(token, path, { headers: newAddress() })))
    const [first] = answers
    expect(first?.status).toBe(401)
    expect(first?.headers).toContainEqual(['www-authenticate', 'Bearer realm="functions"'])
    for (const answer of answers) expect(answer).toEqual(first as (typeof answers)[0])
    const basic = { ...newAddress(), authorization: `Basic ${btoa(`x:${admin}`)}` }
    expect(refused(await managed.ask(undefined, '/v1/whoami', { headers: basic }))).toEqual(
      first as (typeof answers)[0],
    )
  }, 30_000)

  test('after ten of them an address has to wait, whatever it sends', async () => {
    const headers = newAddress()
    for (let n = 0; n < 10; n++)
      expect((await managed.ask('wrong', '/v1/whoami', { headers })).status).toBe(401)
    for (const token of ['wrong', undefined, admin]) {
      const limited = await managed.ask(token, '/v1/whoami', { headers })
      expect(limited.status).toBe(429)
      expect(JSON.parse(limited.text).code).toBe('RATE_LIMITED')
      expect(Number(limited.headers.get('retry-after'))).toBeWithin(1, 61)
    }
    expect((await managed.ask(admin, '/v1/whoami', { headers: newAddress() })).status).toBe(200)
  }, 30_000)

  test('an upload without a valid token is refused before it is read', async () => {
    const body = new FormData()
    body.set('bundle', new Blob([new Uint8Array(8_000_000)]))
    const path = '/v1/projects/shop/functions/api/versions'
    const init = { method: 'POST', body, headers: newAddress() }
    const answer = await managed.ask('wrong', path, init).catch((error) => error.code)
    expect([401, 'ECONNRESET', undefined]).toContain(answer.status ?? answer)
  })
})

interface Operation {
  'x-functions-access': { role: string; scope: string }
  requestBody?: unknown
  parameters?: { name: string; in: string }[]
}

interface Api {
  paths: Record<string, Record<string, Operation>>
}

/** Every route of the document, with the names of one project in its path. */
async function routes(project: string) {
  const { paths } = JSON.parse((await managed.ask(admin, '/openapi.json')).text) as Api
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      path: path.replace('{project}', project).replaceAll(/\{[^}]+\}/g, 'api'),
      template: path,
      method: method.toUpperCase(),
      access: operation['x-functions-access'],
      body: operation.requestBody !== undefined,
    })),
  )
}

const bodied = (body: boolean) =>
  body ? { body: '{}', headers: { 'content-type': 'application/json' } } : {}

describe('two tenants', () => {
  test('every route below the project of another is that of a project that does not exist', async () => {
    const foreign = (await routes('bank')).filter(({ template }) => template.includes('{project}'))
    const missing = (await routes('none')).filter(({ template }) => template.includes('{project}'))
    expect(foreign.length).toBeGreaterThan(8)
    for (const role of ROLES) {
      const token = tokenOf(role, 'shop')
      for (const [at, { path, method, body }] of foreign.entries()) {
        const other = missing[at]?.path as string
        const got = await managed.ask(token, path, { method, ...bodied(body) })
        const none = await managed.ask(token, other, { method, ...bodied(body) })
        const where = `${role} ${method} ${path}`
        expect([where, got.status]).toEqual([where, 404])
        expect([where, got.text]).toEqual([where, none.text.replaceAll('none', 'bank')])
        expect(got.text.length).toBe(none.text.length)
        expect([...got.headers].filter(([name]) => name !== 'date')).toEqual(
          [...none.headers].filter(([name]) => name !== 'date'),
        )
      }
    }
    const own = await managed.ask(tokenOf('viewer', 'bank'), '/v1/projects/bank/functions/api')
    expect(own.status).toBe(200)
  }, 60_000)

  test('no other route tells of the other tenant', async () => {
    const others = (await routes('shop')).filter(({ template }) => !template.includes('{project}'))
    for (const role of ROLES) {
      const token = tokenOf(role, 'shop')
      for (const { path, method, body, access } of others) {
        if (path === '/openapi.json') continue
        const { status, text } = await managed.ask(token, path, { method, ...bodied(body) })
        const where = `${role} ${method} ${path}`
        expect([where, text.includes('bank')]).toEqual([where, false])
        if (access.scope === 'all') expect([where, status]).toEqual([where, 403])
        expect(status).toBeLessThan(500)
      }
    }
  }, 60_000)

  test('an admin of a project administers that one only, and cannot raise it', async () => {
    const token = tokenOf('admin', 'shop')
    const send = (method: string, path: string, body?: object) =>
      managed.ask(token, path, {
        method,
        ...(body && {
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        }),
      })
    const create = (name: string, scope: string) =>
      send('POST', '/v1/tokens', { name, role: 'viewer', scope })
    expect((await create('mine', 'project:shop')).status).toBe(201)
    expect((await create('root', 'project:shop')).status).toBe(201)
    expect((await create('mine', 'all')).status).toBe(403)
    const foreign = await create('mine', 'project:bank')
    const missing = await create('mine', 'project:none')
    expect([foreign.status, foreign.text]).toEqual([404, missing.text.replace('none', 'bank')])
    // Names of other scopes are neither seen nor taken.
    expect((await create('bank-viewer', 'project:shop')).status).toBe(201)
    expect((await send('DELETE', '/v1/tokens/bank-admin')).status).toBe(404)
    expect((await send('DELETE', '/v1/tokens/bank-admin?scope=project:bank')).status).toBe(404)
    for (const name of ['mine', 'root', 'bank-viewer'])
      expect((await send('DELETE', `/v1/tokens/${name}`)).status).toBe(204)
    for (const [method, path, body] of [
      ['PATCH', '/v1/projects/shop', { state: 'active' }],
      ['PATCH', '/v1/projects/shop', { profile: null }],
      ['DELETE', '/v1/projects/shop', undefined],
      ['POST', '/v1/projects', { name: 'another' }],
    ] as const) {
      const { status, text } = await send(method, path, body)
      expect([path, status]).toEqual([path, 403])
      expect(text).toContain("the scope 'all'")
    }
    expect(JSON.parse((await send('GET', '/v1/projects')).text)).toHaveLength(1)
    expect((await managed.ask(admin, '/v1/whoami')).status).toBe(200)
  }, 30_000)
})

test('a role that is too low is 403, and names the one that is needed', async () => {
  for (const role of ROLES) {
    for (const { path, method, body, access } of await routes('shop')) {
      const allowed = access.role === 'any' || role === 'admin'
      const reads = access.role === 'viewer' && role !== 'invoker'
      const changes = access.role === 'deployer' && role === 'deployer'
      const runs = access.role === 'invoker' && role !== 'viewer'
      if (allowed || reads || changes || runs) continue
      const { status, text } = await managed.ask(tokenOf(role, 'shop'), path, {
        method,
        ...bodied(body),
      })
      const where = `${role} ${method} ${path}`
      expect([where, status]).toEqual([where, 403])
      expect(JSON.parse(text)).toMatchObject({
        code: 'FORBIDDEN',
        detail: expect.stringContaining(`'${access.role}'`),
      })
    }
  }
}, 60_000)

describe('an upload', () => {
  const path = '/v1/projects/shop/functions/uploaded/versions'
  const form = (source: string, fields: Record<string, string> = {}) => {
    const body = new FormData()
    body.set('settings', '{"runtime":"quickjs-ng"}')
    body.set('bundle', new Blob([source]), 'bundle.js')
    body.set('map', new Blob(['{"version":3,"sources":[],"names":[],"mappings":""}']), 'map')
    for (const [name, value] of Object.entries(fields)) body.set(name, value)
    return body
  }
  const left = () =>
    readdirSync(join(managed.space.dataDir, 'bundles'), { recursive: true })
      .map(String)
      .filter((name) => name.includes('uploaded') || name.includes('staged'))

  test('that is cut off or of a wrong digest leaves nothing', async () => {
    const token = tokenOf('deployer', 'shop')
    const digest = { sha256: 'a'.repeat(64) }
    const wrong = await managed.ask(token, path, { method: 'POST', body: form(SOURCE, digest) })
    expect([wrong.status, JSON.parse(wrong.text).code]).toEqual([400, 'BAD_REQUEST'])
    expect(wrong.text).toContain('SHA-256')
    const { headers, text } = await partOf(form(SOURCE))
    for (const length of [0, 10, Math.floor(text.length / 2), text.length - 1]) {
      const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n`
      await raw(
        `${head}content-type: ${headers}\r\ncontent-length: ${text.length}\r\n\r\n${text.slice(0, length)}`,
        100,
      )
    }
    const shown = await managed.ask(token, '/v1/projects/shop/functions/uploaded')
    expect(JSON.parse(shown.text).code).toBe('FUNCTION_NOT_FOUND')
    expect(left()).toEqual([])
  }, 30_000)

  test('that is repeated with its key has the first answer', async () => {
    const token = tokenOf('deployer', 'shop')
    const send = (source: string) =>
      managed.ask(token, path, {
        method: 'POST',
        body: form(source),
        headers: { 'idempotency-key': 'upload-1' },
      })
    const [first, ...again] = await Promise.all([send(SOURCE), send(SOURCE), send(SOURCE)])
    expect(JSON.parse(first?.text ?? '')).toMatchObject({ version: 'v1', live: true })
    for (const answer of again) expect(answer?.text).toBe(first?.text as string)
    const other = await send(`${SOURCE} `)
    expect(JSON.parse(other.text).code).toBe('IDEMPOTENCY_KEY_REUSED')
    const versions = await managed.ask(token, path)
    expect(JSON.parse(versions.text)).toHaveLength(1)
  }, 30_000)
})

/** A form as it is sent: its content-type and its text. */
async function partOf(body: FormData) {
  const request = new Request('http://api/', { method: 'POST', body })
  return { headers: request.headers.get('content-type'), text: await request.text() }
}

describe('the public port', () => {
  test('has no management, accepts no token, and shows none to a function', async () => {
    const { service, space } = managed
    const headers = { authorization: `Bearer ${admin}` }
    for (const path of ['/v1/whoami', '/v1/projects', '/metrics', '/openapi.json'])
      expect((await service.fetch(path, { headers })).status).toBe(404)
    await space.deploy(
      'echo',
      "export default (req: Request) => new Response(req.headers.get('authorization'))\n",
    )
    const shown = async (value: string) =>
      (await service.fetch('/functions/echo', { headers: { authorization: value } })).text()
    expect(await shown(`Bearer ${admin}`)).toBe('')
    expect(await shown(`bearer   ${tokenOf('invoker', 'shop')}`)).toBe('')
    expect(await shown('Bearer other')).toBe('Bearer other')
  }, 30_000)

  test('the figures are for viewers of everything', async () => {
    expect((await managed.ask(admin, '/metrics')).text).toContain('functions_in_flight')
    expect((await managed.ask(tokenOf('viewer', 'shop'), '/metrics')).status).toBe(403)
  })
})

describe('the listener', () => {
  test('bounds heads and bodies, and lets no plain HTTP in', async () => {
    const path = '/v1/projects/shop/functions/api/rollback'
    const head = { 'x-large': 'x'.repeat(60_000) }
    expect((await managed.ask(admin, '/v1/whoami', { headers: head })).status).toBe(431)
    const large = await raw(
      `POST ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${admin}\r\ncontent-type: application/json\r\ncontent-length: 999999999\r\n\r\n`,
    )
    expect(large).toContain('413')
    expect(large).toContain('PAYLOAD_TOO_LARGE')
    expect(await rawRequest(managed.port, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n')).not.toContain('200')
    expect(await raw('GET /v1/whoami HTTP/1.1\r\nhost: a b\r\n\r\n')).not.toContain(' 500 ')
  }, 30_000)

  test('takes a new certificate at SIGHUP, and keeps the one before if it is wrong', async () => {
    const before = await certificate()
    await managed.issue()
    managed.service.process.kill('SIGHUP')
    await eventually('the new one is there', async () => (await certificate()) !== before)
    const renewed = await certificate()
    managed.space.source('key.pem', 'nonsense')
    managed.service.process.kill('SIGHUP')
    await eventually('the log says so', () => managed.service.log.includes('keeps its certificate'))
    expect(await certificate()).toBe(renewed)
    await managed.issue()
    expect((await managed.ask(admin, '/v1/whoami')).status).toBe(200)
  }, 30_000)

  test('goes over to a new process without a refused connection', async () => {
    const stop = { now: false }
    const failures: string[] = []
    let answered = 0
    const load = (async () => {
      while (!stop.now) {
        try {
          const { status } = await managed.ask(admin, '/v1/whoami')
          if (status === 200) answered++
          else failures.push(String(status))
        } catch (error) {
          failures.push(String(error))
        }
      }
    })()
    for (let round = 0; round < 2; round++) {
      const { exitCode, stderr } = await managed.space.command('restart')
      expect([exitCode, stderr]).toEqual([0, ''])
      const before = answered
      await eventually('it goes on', () => answered > before + 10)
    }
    stop.now = true
    await load
    expect(failures).toEqual([])
    await fetch(`${SOCKET}/v1/service`, { unix: `${managed.space.dataDir}/functions.sock` })
  }, 60_000)
})

test('a restart listens where the settings say now', async () => {
  const other = new Workspace()
  const settings = (text: string) => other.source('functions.toml', text)
  settings('')
  const service = await other.serve()
  const portOf = () =>
    [...service.log.matchAll(/"management API","url":"http:\/\/127\.0\.0\.1:(\d+)"/g)].at(-1)?.[1]
  const restart = async () => (await other.command('restart')).exitCode
  const status = async (port: string | undefined) =>
    (await fetch(`http://127.0.0.1:${port}/v1/whoami`, { keepalive: false })).status
  expect(portOf()).toBeUndefined()
  settings('[admin]\nlisten = "127.0.0.1:0"\n')
  expect(await restart()).toBe(0)
  const port = portOf()
  expect(await status(port)).toBe(401)
  expect(await restart()).toBe(0)
  expect(portOf()).toBe(port as string)
  expect(await status(port)).toBe(401)
  settings('')
  expect(await restart()).toBe(0)
  await eventually('the old one has left', () => service.log.includes('"left"'))
  await expect(status(port)).rejects.toThrow()
  const { pid } = await Bun.file(join(other.dataDir, 'service.json')).json()
  process.kill(pid, 'SIGTERM')
  await eventually('it has stopped', () => service.log.includes('"stopped"'))
  other.remove()
}, 90_000)

test('a key that others can read, and a pair that does not fit, are refused', async () => {
  const other = await Managed.start()
  await other.service.stop()
  const key = `${other.space.dir}/key.pem`
  const serve = () =>
    other.space.command(
      ...['serve', '--port', '0', '--admin-listen', '127.0.0.1:0'],
      ...['--admin-tls-cert', `${other.space.dir}/cert.pem`, '--admin-tls-key', key],
    )
  chmodSync(key, 0o644)
  expect(await serve()).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('chmod 600') })
  const { cert } = await other.authority.issue({ names: ['localhost'] })
  chmodSync(key, 0o600)
  other.space.source('cert.pem', cert)
  expect((await serve()).stderr).toContain('is not the one of the certificate')
  other.space.remove()
}, 30_000)

/** Sends bytes over TLS; what comes back until the end, or until `waitMs` has passed. */
function raw(bytes: string, waitMs = 1_000): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect({ port: managed.port, host: '127.0.0.1', rejectUnauthorized: false })
    const end = () => {
      socket.destroy()
      resolve(text)
    }
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', end)
    socket.on('close', end)
    socket.write(bytes)
    setTimeout(end, waitMs)
  })
}

/** The fingerprint of the listener's certificate. */
function certificate(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: managed.port, host: '127.0.0.1', rejectUnauthorized: false })
    socket.on('secureConnect', () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}
