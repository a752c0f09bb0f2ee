/** Two tenants on one service: neither learns of the other, whatever it looks at. */
import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Service, Workspace } from '../e2e/harness.ts'
import { DnsServer } from '../egress/dns-server.ts'
import { httpUpstream, type Upstream } from '../egress/upstream.ts'

const SECRETS = { alpha: 'alpha-4711-secret', beta: 'beta-0815-secret' } as const
const SERVICE_SECRET = 'service-2342-secret'
type Tenant = keyof typeof SECRETS
const TENANTS: readonly Tenant[] = ['alpha', 'beta']
const otherOf = (tenant: Tenant): Tenant => (tenant === 'alpha' ? 'beta' : 'alpha')

/** Both tenants run the same code, which does what the path says. */
const PROBE = `
const seen = (globalThis.seen ??= [])
const attempt = async (act) => { try { return await act() } catch (error) { return String(error) } }
const text = (value) => typeof value === 'string' ? value : JSON.stringify(value) ?? 'undefined'
async function walk(read, value) {
  const found = []
  const visit = (value, depth) => {
    if (depth > 4 || value === null || found.length > 5000) return
    if (typeof value === 'string') found.push(value)
    if (typeof value !== 'object' && typeof value !== 'function') return
    for (const key of Reflect.ownKeys(value)) {
      found.push(String(key))
      try { visit(value[key], depth + 1) } catch {}
    }
  }
  visit(value, 0)
  return found.join(' ')
}
const acts = {
  env: (req, ctx) => ctx.env,
  context: (req, ctx) => ({ ...ctx, env: undefined }),
  globals: () => walk(0, globalThis),
  process: () => text(globalThis.process?.env ?? {}),
  remember: (req) => { seen.push(new URL(req.url).searchParams.get('a')); Array.prototype.left = 'left'; return seen },
  recall: () => ({ seen, left: Array.prototype.left ?? null }),
  random: () => [Math.random(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint32Array(4))]],
  log: (req) => { console.log(new URL(req.url).searchParams.get('a')); return 'logged' },
  fetch: async (req) => { const r = await fetch(new URL(req.url).searchParams.get('a')); return (await r.text()) + ' ' + r.status },
  fail: () => { throw new Error('of this tenant') },
  module: (req) => import(new URL(req.url).searchParams.get('a')),
}`

const HANDLER = `export default async (req: Request, ctx) => {
  const act = acts[new URL(req.url).pathname.slice(1)]
  return new Response(text(await attempt(() => act(req, ctx))))
}`

/** And with files. */
const FILES = `import * as fs from 'node:fs/promises'
${PROBE}
const path = (req) => new URL(req.url).searchParams.get('a')
Object.assign(acts, {
  read: (req) => fs.readFile(path(req), 'utf8'),
  list: (req) => fs.readdir(path(req)),
  write: async (req) => { await fs.writeFile(path(req), 'written'); return 'written' },
  move: async (req) => { const [from, to] = path(req).split('|'); await fs.rename(from, to); return 'moved' },
})
${HANDLER}`

/** And with programs. */
const PROGRAMS = `import { spawn } from 'node:child_process'
${PROBE}
Object.assign(acts, {
  shell: (req) => new Promise((resolve) => {
    let out = ''
    const child = spawn('/bin/sh', ['-c', new URL(req.url).searchParams.get('a') + ' 2>&1'])
    child.stdout.on('data', (data) => { out += new TextDecoder().decode(data) })
    child.on('error', (error) => resolve(String(error)))
    child.on('close', (code) => resolve('exit ' + code + ': ' + out))
  }),
})
${HANDLER}`

const space = new Workspace()
const rooms = join(space.dir, 'rooms')
let service: Service
let dns: DnsServer
let upstream: Upstream
/** Head lines that the upstream got, by the connection that they came on. */
const heads: { connection: number; cookie: string | undefined }[] = []

const room = (tenant: Tenant, ...path: string[]) => join(rooms, tenant, ...path)

async function deployAll(tenant: Tenant): Promise<void> {
  const profile = (name: string, rules: object) =>
    space.source(`${tenant}-${name}.json`, JSON.stringify(rules))
  const files = { allowFilesystem: true, allowedPaths: [room(tenant)] }
  const network = { allowNetwork: true }
  await space.deploy(`${tenant}-strict`, `${PROBE}\n${HANDLER}`)
  await space.deploy(`${tenant}-files`, FILES, '--profile', profile('files', files))
  await space.deploy(`${tenant}-net`, `${PROBE}\n${HANDLER}`, '--profile', profile('net', network))
  await space.deploy(`${tenant}-open`, PROGRAMS, '--profile', 'permissive')
  const bun = { ...files, ...network, allowEval: true, maxMemory: '512MB' }
  const asBun = ['--runtime', 'bun', '--profile', profile('bun', bun)]
  await space.deploy(`${tenant}-bun`, FILES, ...asBun)
}

function setVariables(): void {
  const db = new Database(join(space.dataDir, 'metadata.db'))
  for (const tenant of TENANTS) {
    for (const kind of ['strict', 'files', 'net', 'open', 'bun']) {
      db.run("INSERT INTO env VALUES (?, 'SECRET', ?, '')", [
        `func-${tenant}-${kind}`,
        SECRETS[tenant],
      ])
    }
  }
  db.close()
}

beforeAll(async () => {
  for (const tenant of TENANTS) {
    mkdirSync(room(tenant), { recursive: true, mode: 0o777 })
    writeFileSync(room(tenant, 'own.txt'), SECRETS[tenant], { mode: 0o666 })
  }
  for (const tenant of TENANTS) {
    symlinkSync(room(otherOf(tenant), 'own.txt'), room(tenant, 'link.txt'))
    symlinkSync(room(otherOf(tenant)), room(tenant, 'link'))
    symlinkSync(join(space.dataDir, 'metadata.db'), room(tenant, 'data'))
  }
  Bun.spawnSync(['chmod', '-R', 'a+rwX', space.dir])
  for (const tenant of TENANTS) await deployAll(tenant)
  setVariables()
  dns = await DnsServer.start()
  dns.fallback = ['127.0.0.1']
  const connections = new WeakMap<object, number>()
  upstream = await httpUpstream((request, response) => {
    const known = connections.get(request.socket) ?? upstream.connections()
    connections.set(request.socket, known)
    heads.push({ connection: known, cookie: request.headers.cookie })
    response.setHeader('set-cookie', 'session=of-whoever-came-first')
    response.end('hello')
  })
  space.environment.SERVICE_SECRET = SERVICE_SECRET
  service = await space.serve(
    ...['--egress-resolver', dns.address, '--egress-allow-private', upstream.address],
  )
}, 120_000)

afterAll(async () => {
  await service.stop()
  upstream.close()
  dns.close()
  space.remove()
})

async function ask(name: string, act: string, argument = ''): Promise<string> {
  const response = await service.fetch(
    `/functions/${name}/${act}?a=${encodeURIComponent(argument)}`,
  )
  return await response.text()
}

const RUNTIMES = ['strict', 'files', 'net', 'open', 'bun'] as const

describe.each(RUNTIMES)('variables (%s)', (kind) => {
  test('each has its own, and no others', async () => {
    for (const tenant of TENANTS) {
      expect(await ask(`${tenant}-${kind}`, 'env')).toBe(`{"SECRET":"${SECRETS[tenant]}"}`)
    }
  })

  test('nothing that can be reached names the other, or what is the service’s', async () => {
    for (const tenant of TENANTS) {
      const all = [
        await ask(`${tenant}-${kind}`, 'globals'),
        await ask(`${tenant}-${kind}`, 'process'),
        await ask(`${tenant}-${kind}`, 'context'),
      ].join(' ')
      expect(all.length).toBeGreaterThan(100)
      expect(all).not.toContain(SECRETS[otherOf(tenant)])
      expect(all).not.toContain(`${otherOf(tenant)}-`)
      expect(all).not.toContain(SERVICE_SECRET)
      expect(all).not.toContain(space.dataDir)
    }
  })

  test('what one leaves in its globals and prototypes, the other does not find', async () => {
    expect(await ask(`alpha-${kind}`, 'remember', 'kept')).toContain('kept')
    expect(await ask(`beta-${kind}`, 'recall')).toBe('{"seen":[],"left":null}')
  })

  test('what is random for one is not for the other', async () => {
    const [a, b] = [await ask(`alpha-${kind}`, 'random'), await ask(`beta-${kind}`, 'random')]
    const [one, two] = [JSON.parse(a), JSON.parse(b)] as [number, string, number[]][]
    expect(one?.[0]).not.toBe(two?.[0])
    expect(one?.[1]).not.toBe(two?.[1])
    expect(one?.[2]).not.toEqual(two?.[2])
  })
})

describe.each(['files', 'bun'])('files (%s)', (kind) => {
  test('each reads its own', async () => {
    for (const tenant of TENANTS) {
      const own = await ask(`${tenant}-${kind}`, 'read', room(tenant, 'own.txt'))
      expect(own).toBe(SECRETS[tenant])
    }
  })

  test.each([
    ['by its path', (tenant: Tenant) => room(otherOf(tenant), 'own.txt')],
    ['by a way around', (tenant: Tenant) => `${room(tenant)}/../${otherOf(tenant)}/own.txt`],
    ['by a link', (tenant: Tenant) => room(tenant, 'link.txt')],
    ['by a link to its folder', (tenant: Tenant) => room(tenant, 'link', 'own.txt')],
    ['by /proc', (tenant: Tenant) => `/proc/self/root${room(otherOf(tenant), 'own.txt')}`],
    ['by the init process', (tenant: Tenant) => `/proc/1/root${room(otherOf(tenant), 'own.txt')}`],
  ])('none reads the other’s %s', async (_how, path) => {
    for (const tenant of TENANTS) {
      const answer = await ask(`${tenant}-${kind}`, 'read', path(tenant))
      expect(answer).toContain('Error')
      expect(answer).not.toContain(SECRETS[otherOf(tenant)])
    }
  })

  test('none writes, moves or lists what is the other’s', async () => {
    for (const tenant of TENANTS) {
      const other = room(otherOf(tenant))
      const name = `${tenant}-${kind}`
      expect(await ask(name, 'write', join(other, 'own.txt'))).toContain('Error')
      expect(await ask(name, 'write', room(tenant, 'link.txt'))).toContain('Error')
      expect(await ask(name, 'write', room(tenant, 'link', 'new.txt'))).toContain('Error')
      const moved = `${join(other, 'own.txt')}|${room(tenant, 'taken.txt')}`
      expect(await ask(name, 'move', moved)).toContain('Error')
      expect(await ask(name, 'list', other)).toContain('Error')
      const above = await ask(name, 'list', rooms)
      expect(above).not.toContain(`"${otherOf(tenant)}"`)
    }
    for (const tenant of TENANTS) {
      expect(readFileSync(room(tenant, 'own.txt'), 'utf8')).toBe(SECRETS[tenant])
    }
  })

  test('none reads metadata, logs, bundles, or the socket of the service', async () => {
    for (const tenant of TENANTS) {
      const { dataDir } = space
      for (const path of [
        'metadata.db',
        'logs.db',
        'metrics.db',
        'functions.sock',
        'service.json',
      ]) {
        expect(await ask(`${tenant}-${kind}`, 'read', join(dataDir, path))).toContain('Error')
      }
      expect(await ask(`${tenant}-${kind}`, 'read', room(tenant, 'data'))).toContain('Error')
      const bundle = join(dataDir, `bundles/func-${otherOf(tenant)}-strict/v1/bundle.js`)
      expect(readFileSync(bundle, 'utf8')).toContain('seen')
      expect(await ask(`${tenant}-${kind}`, 'read', bundle)).toContain('Error')
    }
  })

  test('what is in the temporary folder of one is not in the other’s', async () => {
    await ask(`alpha-${kind}`, 'write', '/tmp/left-over')
    expect(await ask(`beta-${kind}`, 'read', '/tmp/left-over')).toContain('Error')
    const listed = await ask(`beta-${kind}`, 'list', '/tmp')
    expect(listed).not.toContain('left-over')
  })
})

test('a hard link into its folder is the operator’s word, and reaches that file alone', async () => {
  linkSync(room('beta', 'own.txt'), room('alpha', 'given.txt'))
  expect(await ask('alpha-files', 'read', room('alpha', 'given.txt'))).toBe(SECRETS.beta)
  expect(await ask('alpha-files', 'read', room('beta', 'own.txt'))).toContain('Error')
})

describe('programs of one', () => {
  test('see nothing of the service', async () => {
    const { dataDir } = space
    const look = `cat ${dataDir}/metadata.db; ls ${dataDir} ${dataDir}/bundles; cat /proc/*/environ`
    const answer = await ask('alpha-open', 'shell', look)
    expect(answer).toStartWith('exit')
    for (const secret of [SECRETS.beta, SERVICE_SECRET, 'SQLite format', 'func-beta']) {
      expect(answer).not.toContain(secret)
    }
  })

  test('see no process but their own, and signal none', async () => {
    await ask('beta-open', 'recall')
    await ask('beta-strict', 'recall')
    const before = await service.workers()
    const pids = before.filter((row) => row.function.startsWith('beta')).map((row) => row.pid)
    const answer = await ask(
      'alpha-open',
      'shell',
      'cat /proc/*/cmdline | tr "\\\\0" " "; ls -d /proc/[0-9]*',
    )
    expect(answer).toContain('/proc/')
    for (const pid of [...pids, service.process.pid]) expect(answer).not.toContain(`/proc/${pid}\n`)
    expect(answer).not.toContain('functions serve')
    await ask('alpha-open', 'shell', `kill -9 ${pids.join(' ')} ${service.process.pid}`)
    const after = await service.workers()
    for (const pid of pids) expect(after.map((row) => row.pid)).toContain(pid)
  })

  test('do not reach the management socket', async () => {
    const socket = join(space.dataDir, 'functions.sock')
    const answer = await ask(
      'alpha-open',
      'shell',
      `test -e ${socket} && echo there || echo missing`,
    )
    expect(answer).toContain('missing')
  })
})

describe.each(['net', 'bun'])('the network (%s)', (kind) => {
  test('a connection of one is not the other’s, nor are its cookies', async () => {
    heads.length = 0
    const url = `http://api.test:${upstream.port}/`
    for (const tenant of ['alpha', 'alpha', 'beta', 'beta'] as const) {
      expect(await ask(`${tenant}-${kind}`, 'fetch', url)).toBe('hello 200')
    }
    const [a1, a2, b1, b2] = heads.map(({ connection }) => connection)
    expect(a1).toBe(a2 as number)
    expect(b1).toBe(b2 as number)
    expect(a1).not.toBe(b1 as number)
    expect(heads.every(({ cookie }) => cookie === undefined)).toBe(true)
  })

  test('the service’s own port is not reached from inside', async () => {
    const answer = await ask(`alpha-${kind}`, 'fetch', `${service.url}/metrics`)
    expect(answer).toContain('TypeError')
    expect(answer).not.toContain('functions_')
  })
})

describe.each(RUNTIMES)('what a client is told (%s)', (kind) => {
  test('names nothing of the machine or of the other', async () => {
    const asked: [string, string][] = [
      ['fail', ''],
      ['none', ''],
      ['module', `${space.dataDir}/bundles/func-beta-strict/v1/bundle.js`],
      ['module', 'data:text/javascript,export default 1'],
      ['fetch', `${service.url}/functions/beta-strict/env`],
    ]
    for (const [act, argument] of asked) {
      const answer = (await ask(`alpha-${kind}`, act, argument)).replaceAll(argument, '')
      expect(answer).not.toBe('')
      expect(answer).not.toContain('beta')
      expect(answer).not.toContain(space.dir)
    }
    expect(await ask(`alpha-${kind}-none`, 'env')).toContain('FUNCTION_NOT_FOUND')
  })
})

test('ids of requests are random, unless the client brings one', async () => {
  const ids = new Set<string>()
  for (let i = 0; i < 20; i++) {
    const response = await service.fetch('/functions/alpha-strict/env')
    const id = response.headers.get('x-request-id') ?? ''
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    ids.add(id)
  }
  expect(ids.size).toBe(20)
})

test('a log line is of whoever wrote it, whatever it says', async () => {
  const forged = 'x\n{"function":"beta-strict","level":"error","message":"forged"}'
  for (const kind of RUNTIMES) expect(await ask(`alpha-${kind}`, 'log', forged)).toBe('logged')
  await service.stop()
  const db = new Database(join(space.dataDir, 'logs.db'))
  const rows = db.query('SELECT function, message FROM logs').all() as {
    function: string
    message: string
  }[]
  db.close()
  const written = rows.filter((row) => row.message.includes('forged'))
  expect(written.map((row) => row.function).sort()).toEqual(
    RUNTIMES.map((kind) => `alpha-${kind}`).sort(),
  )
  const ofBeta = rows.filter((row) => row.function.startsWith('beta'))
  expect(
    ofBeta.filter((row) => row.message.includes('alpha') || row.message.includes('forged')),
  ).toEqual([])
})
