/** Routes: hosts and path prefixes that lead to functions, and the hosts that the settings give to functions. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { MetadataStore } from '../../src/metadata/store.ts'
import { eventually } from '../../src/testing/eventually.ts'
import { seeded } from '../../src/testing/prng.ts'
import { freePort, installed } from '../http/proxies.ts'
import { type Service, Workspace } from './harness.ts'

const echo = (name: string) =>
  `export default (r) => new Response(JSON.stringify({ name: '${name}', url: r.url, prefix: r.headers.get('x-forwarded-prefix'), host: r.headers.get('host') }), { headers: { 'service-worker-allowed': '/' } })`

const space = new Workspace()
const settings = join(space.dir, 'functions.toml')
let service: Service
let adminUrl: string
let deployer: string
let projectAdmin: string

const HOSTS = 'hosts = ["{name}.{project}.fn.test"]'
const write = (...lines: string[]) =>
  writeFileSync(
    settings,
    `[routing]\n${lines.join('\n')}\n[server]\ntrusted_proxies = ["127.0.0.9"]\n`,
  )

beforeAll(async () => {
  write(HOSTS, 'domains = ["*.{project}.own.test"]')
  for (const name of ['one', 'two']) await space.deploy(name, echo(name))
  await space.command('project', 'create', 'shop')
  await space.command('project', 'create', 'rival')
  await space.deploy('web', echo('web'), '--project', 'shop')
  const store = MetadataStore.open(space.dataDir)
  const create = (role: 'deployer' | 'admin') =>
    store.tokens.create({ name: role, role, project: 'shop' }).text
  deployer = create('deployer')
  projectAdmin = create('admin')
  store.close()
  service = await space.serve('--config', settings, '--admin-listen', '127.0.0.1:0')
  adminUrl = managementUrl()
})

afterAll(async () => {
  await service.stop()
  space.remove()
})

const managementUrl = () => /management API.*?"url":"(http:[^"]+)"/.exec(service.log)?.[1] as string

interface Answer {
  status: number
  headers: Record<string, unknown>
  text: string
  seen: { name: string; url: string; prefix: string | null; host: string }
}

/** fetch cannot set Host. */
function get(host: string, path: string, headers: Record<string, string> = {}, from?: string) {
  return new Promise<Answer>((resolve, reject) => {
    const options = { host: '127.0.0.1', port: service.port, path, headers: { host, ...headers } }
    const sent = request({ ...options, ...(from && { localAddress: from }) }, (response) => {
      let text = ''
      response.on('data', (bytes) => {
        text += bytes
      })
      response.on('end', () => {
        let seen: unknown
        try {
          seen = JSON.parse(text)
        } catch {}
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, text, seen: seen as Answer['seen'] })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

const ok = async (...args: string[]) => {
  const { exitCode, stdout, stderr } = await space.command(...args)
  expect([args, exitCode, exitCode === 0 ? '' : stderr]).toEqual([args, 0, ''])
  return stdout
}
const refused = async (...args: string[]) => {
  const { exitCode, stderr } = await space.command(...args)
  expect([args, exitCode === 0]).toEqual([args, false])
  return stderr
}

describe('a route', () => {
  test('leads a host, or a path prefix of it, to a function as soon as it is added', async () => {
    expect((await get('a.test', '/x')).status).toBe(404)
    expect(await ok('route', 'add', 'one', 'A.test')).toBe("a.test: leads to function 'one'\n")
    await ok('route', 'add', 'two', 'a.test/api/')
    const root = await get('a.test', '/x?y=1')
    expect(root.seen).toEqual({
      name: 'one',
      url: 'http://a.test/x?y=1',
      prefix: null,
      host: 'a.test',
    })
    const api = await get('A.Test.:123', '/api/x')
    expect(api.seen).toMatchObject({ name: 'two', prefix: '/api' })
    expect(new URL(api.seen.url).pathname).toBe('/x')
    expect((await get('a.test', '/apix')).seen.name).toBe('one')
    expect((await get('a.test', '/functions/two')).seen.name).toBe('one')
    expect((await get('a.test', '/health')).seen.name).toBe('one')
    const rows = JSON.parse(await ok('route', 'list', '--json'))
    expect(rows).toMatchObject([
      { project: 'default', function: 'one', host: 'a.test', path: '/' },
      { project: 'default', function: 'two', host: 'a.test', path: '/api' },
    ])
    await ok('route', 'remove', 'a.test/api')
    expect((await get('a.test', '/api/x')).seen).toMatchObject({ name: 'one', prefix: null })
    await ok('route', 'remove', 'a.test')
    expect((await get('a.test', '/functions/two')).seen.name).toBe('two')
    expect((await get('a.test', '/health')).text).toBe('{"status":"ok"}')
  })

  test('of a path cannot be left or entered by another spelling', async () => {
    await ok('route', 'add', 'one', 'p.test/in')
    for (const path of ['/in/../x', '/IN', '/%69n', '//in', '/x/in', '/in%2fx', '/in;a', '/inn']) {
      const { status, text } = await get('p.test', path)
      expect([path, status, text.includes('"name"')]).toEqual([path, 404, false])
    }
    expect((await get('p.test', '/x/../in/y')).seen).toMatchObject({ url: 'http://p.test/y' })
    for (const path of ['/in/%2e%2e%2fx', '/in/a%5c..', '/in/%00'])
      expect([path, (await get('p.test', path)).status]).toEqual([path, 400])
    await ok('route', 'remove', 'p.test/in')
  })

  test('is refused when it is taken or not valid', async () => {
    await ok('route', 'add', 'one', 'taken.test')
    expect(await refused('route', 'add', 'two', 'taken.test')).toContain(
      "to function 'one' already",
    )
    const foreign = await refused('route', 'add', 'web', 'taken.test', '--project', 'shop')
    expect(foreign).toContain('is taken')
    expect(foreign).not.toContain('one')
    expect(await refused('route', 'remove', 'taken.test', '--project', 'shop')).toContain(
      'no route',
    )
    expect(await refused('route', 'add', 'none', 'x.test')).toContain("'none' does not exist")
    for (const place of [
      'https://x.test',
      'x.test:80',
      '*',
      'a.*.test',
      '127.0.0.1',
      'x.test/a/../b',
      'x.test/%2e%2E',
      'x.test//a',
      'x.test/a b',
      'x.test/a?b',
      'x.test/caf\u00e9',
      `x.test/${'a'.repeat(256)}`,
    ]) {
      const { exitCode, stderr } = await space.command('route', 'add', 'one', place)
      expect([place, exitCode, stderr.length > 20]).toEqual([place, 2, true])
    }
    await ok('route', 'remove', 'taken.test')
  })

  test('goes with its function', async () => {
    await space.deploy('short', echo('short'))
    await ok('route', 'add', 'short', 'short.test')
    expect((await get('short.test', '/')).seen.name).toBe('short')
    await ok('delete', 'short')
    expect((await get('short.test', '/')).status).toBe(404)
    await space.deploy('short', echo('short'))
    expect((await get('short.test', '/')).status).toBe(404)
  })

  test('outlasts a restart, and matches as a plain implementation does', async () => {
    const random = seeded(7)
    const pick = <T>(from: T[]) => from[random(from.length)] as T
    const places = new Map<string, string>()
    for (const host of ['r.test', 'x.r.test', '*.r.test', '*.x.r.test'])
      for (const path of ['', '/a', '/a/b', '/b', '/a/b/c'])
        if (random(3) > 0) places.set(host + path, pick(['one', 'two']))
    for (const [place, name] of places) await ok('route', 'add', name, place)
    await service.stop()
    service = await space.serve('--config', settings, '--admin-listen', '127.0.0.1:0')
    adminUrl = managementUrl()
    const expected = (host: string, path: string) => {
      for (const level of [host, host.replace(/^[^.]+/, '*')])
        for (let at = path; ; at = at.slice(0, at.lastIndexOf('/'))) {
          const name = places.get(level + at)
          if (name !== undefined)
            return { name, url: `http://${host}${path.slice(at.length) || '/'}` }
          if (at === '') break
        }
      return undefined
    }
    for (let at = 0; at < 1000; at++) {
      const host = pick(['r.test', 'x.r.test', 'y.r.test', 'y.x.r.test', 'z.y.r.test', 'q.test'])
      const path = Array.from(
        { length: 1 + random(4) },
        () => `/${pick(['a', 'b', 'c', 'ab'])}`,
      ).join('')
      const { status, seen } = await get(host, path)
      const wanted = expected(host, path)
      if (wanted === undefined) expect([host, path, status]).toEqual([host, path, 404])
      else expect([host, path, seen]).toMatchObject([host, path, wanted])
    }
    for (const place of places.keys()) await ok('route', 'remove', place)
  })
})

describe('behind a proxy', () => {
  test('the host of the client counts, if the proxy is trusted', async () => {
    await ok('route', 'add', 'one', 'front.test')
    const headers = {
      'x-forwarded-for': '192.0.2.1',
      'x-forwarded-host': 'front.test',
      'x-forwarded-proto': 'https',
    }
    const trusted = await get('inner.test', '/p?q', headers, '127.0.0.9')
    expect(trusted.seen).toMatchObject({ name: 'one', url: 'https://front.test/p?q' })
    expect((await get('inner.test', '/p', headers)).status).toBe(404)
    const other = await get('front.test', '/p', { ...headers, 'x-forwarded-host': 'x.test' })
    expect(other.seen).toMatchObject({ name: 'one', url: 'http://front.test/p' })
    await ok('route', 'remove', 'front.test')
  })
})

describe('the settings', () => {
  test('give each function a host', async () => {
    expect((await get('web.shop.fn.test', '/functions/one')).seen).toEqual({
      name: 'web',
      url: 'http://web.shop.fn.test/functions/one',
      prefix: null,
      host: 'web.shop.fn.test',
    })
    expect((await get('one.default.fn.test', '/')).seen.name).toBe('one')
    for (const host of ['none.shop.fn.test', 'one.shop.fn.test', 'web.none.fn.test'])
      expect((await get(host, '/functions/one')).status).toBe(404)
    expect((await get('web.fn.test', '/functions/one')).seen.name).toBe('one')
  })

  test('turn the paths off, at SIGHUP', async () => {
    expect(
      (await get('x.test', '/functions/one')).headers['service-worker-allowed'],
    ).toBeUndefined()
    const own = await get('one.default.fn.test', '/')
    expect(own.headers['service-worker-allowed']).toBe('/')
    write(HOSTS, 'paths = false')
    service.process.kill('SIGHUP')
    await eventually('the paths are off', async () => {
      return (await get('x.test', '/functions/one')).status === 404
    })
    for (const path of ['/functions/one/x', '/projects/shop/functions/web', '/functions/%6fne']) {
      const { status, text } = await get('x.test', path)
      expect([path, status, JSON.parse(text).code]).toEqual([path, 404, 'FUNCTION_NOT_FOUND'])
    }
    expect((await get('x.test', '/health')).status).toBe(200)
    expect((await get('x.test', '/ready')).status).toBe(200)
    expect((await get('web.shop.fn.test', '/')).seen.name).toBe('web')
    write('domains = ["*.{project}.own.test"]')
    service.process.kill('SIGHUP')
    await eventually('the patterns are gone', async () => {
      return (await get('web.shop.fn.test', '/')).status === 404
    })
    expect((await get('x.test', '/functions/one')).seen.name).toBe('one')
    write(HOSTS, 'domains = ["*.{project}.own.test"]')
    service.process.kill('SIGHUP')
    await eventually('the patterns are back', async () => {
      return (await get('web.shop.fn.test', '/')).status === 200
    })
  })
})

describe('a token of a project', () => {
  const api = (method: string, path: string, token: string, body?: unknown) =>
    fetch(`${adminUrl}/v1/projects/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })

  test('routes the hosts that the installation gives to its project, and no others', async () => {
    for (const token of [deployer, projectAdmin]) {
      const add = (host: string) => api('POST', 'shop/routes', token, { function: 'web', host })
      expect((await add('a.shop.own.test')).status).toBe(201)
      expect((await get('a.shop.own.test', '/')).seen.name).toBe('web')
      for (const host of [
        'admin.test',
        'a.rival.own.test',
        'shop.own.test',
        'a.b.shop.own.test',
        '*.own.test',
      ]) {
        const response = await add(host)
        expect([host, response.status]).toEqual([host, 403])
        expect(((await response.json()) as { code: string }).code).toBe('FORBIDDEN')
      }
      expect((await api('DELETE', 'shop/routes?host=a.shop.own.test', token)).status).toBe(204)
    }
  })

  test('touches no route of another project', async () => {
    await ok('route', 'add', 'one', 'b.shop.own.test/api')
    const add = { function: 'web', host: 'b.shop.own.test' }
    const taken = await api('POST', 'shop/routes', deployer, add)
    expect(taken.status).toBe(409)
    expect(await taken.text()).not.toContain('one')
    const path = 'shop/routes?host=b.shop.own.test&path=/api'
    expect((await api('DELETE', path, deployer)).status).toBe(404)
    for (const [method, body] of [
      ['GET', undefined],
      ['POST', { function: 'one', host: 'a.default.own.test' }],
      ['DELETE', undefined],
    ] as const) {
      const response = await api(method, 'default/routes?host=b.shop.own.test', deployer, body)
      expect([method, response.status]).toEqual([method, 404])
    }
    await ok('route', 'remove', 'b.shop.own.test/api')
  })
})

describe('GET /v1/domains/ask', () => {
  const ask = async (query: string) => {
    const response = await fetch(`${adminUrl}/v1/domains/ask${query}`)
    return [response.status, response.status === 400 ? '' : await response.text()]
  }

  test('says without a token whether a host is served, and nothing else', async () => {
    await ok('route', 'add', 'one', 'asked.test/api')
    await ok('route', 'add', 'one', '*.wild.test')
    for (const host of ['asked.test', 'ASKED.test.', 'a.wild.test', 'web.shop.fn.test'])
      expect([host, await ask(`?domain=${host}`)]).toEqual([host, [200, '']])
    for (const host of [
      'other.test',
      'wild.test',
      'b.a.wild.test',
      '*.wild.test',
      'none.shop.fn.test',
      '1.2.3.4',
      '%00',
    ])
      expect([host, await ask(`?domain=${host}`)]).toEqual([host, [404, '']])
    expect((await ask(''))[0]).toBe(400)
    for (const path of ['/v1/domains/ask/', '/v1/domains/ask/../../projects', '/v1/projects'])
      expect([path, (await fetch(`${adminUrl}${path}`)).status]).toEqual([path, 401])
    expect((await fetch(`${adminUrl}/v1/domains/ask?domain=x`, { method: 'POST' })).status).toBe(
      401,
    )
  })

  test('is limited in rate', async () => {
    await Bun.sleep(1000)
    const asked = await Promise.all(Array.from({ length: 300 }, () => ask('?domain=asked.test')))
    const statuses = new Set(asked.map(([status]) => status))
    expect(statuses).toEqual(new Set([200, 429]))
    await Bun.sleep(1100)
    expect(await ask('?domain=asked.test')).toEqual([200, ''])
  })

  test.skipIf(!installed('Caddy'))('lets Caddy get certificates for these hosts only', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'functions-caddy-'))
    const port = await freePort()
    writeFileSync(
      join(dir, 'Caddyfile'),
      `{
        admin off
        local_certs
        skip_install_trust
        on_demand_tls {
          ask ${adminUrl}/v1/domains/ask
        }
        http_port ${await freePort()}
      }
      https://:${port} {
        bind 127.0.0.1
        tls internal {
          on_demand
        }
        reverse_proxy 127.0.0.1:${service.port}
      }\n`,
    )
    const caddy = Bun.spawn(
      ['caddy', 'run', '--config', join(dir, 'Caddyfile'), '--adapter', 'caddyfile'],
      {
        env: { PATH: `${process.env.PATH}`, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir },
        stdout: 'ignore',
        stderr: Bun.file(join(dir, 'errors')),
      },
    )
    /** The response to a request over TLS; undefined if there is no certificate. */
    const secure = (host: string) =>
      new Promise<string | undefined>((resolve) => {
        let text = ''
        const options = { host: '127.0.0.1', port, servername: host, rejectUnauthorized: false }
        const socket = connectTls(options, () =>
          socket.write(`GET /api/x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
        )
        socket.on('data', (bytes) => {
          text += bytes
        })
        socket.on('error', () => resolve(undefined))
        socket.on('close', () => resolve(text === '' ? undefined : text))
      })
    try {
      await eventually(
        'Caddy serves a host',
        async () => (await secure('asked.test')) !== undefined,
      )
      expect(await secure('asked.test')).toContain('"name":"one"')
      expect(await secure('a.wild.test')).toContain('"name":"one"')
      expect(await secure('web.shop.fn.test')).toContain('"name":"web"')
      for (const host of ['other.test', 'none.shop.fn.test', 'b.a.wild.test'])
        expect([host, await secure(host)]).toEqual([host, undefined])
    } finally {
      caddy.kill()
      await caddy.exited
      rmSync(dir, { recursive: true, force: true })
    }
  })
})
