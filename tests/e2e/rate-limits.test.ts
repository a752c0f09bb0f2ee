/** Limits of projects and functions, by the real executable. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { problem, type Service, stopNow, Workspace } from './harness.ts'

const space = new Workspace()
let service: Service

const SOURCE = `export default async (request) => {
  const { pathname, searchParams } = new URL(request.url)
  if (pathname === '/wait') await new Promise((resolve) => setTimeout(resolve, 300))
  if (pathname === '/burn') { const end = performance.now() + 300; while (performance.now() < end); }
  if (pathname === '/fetch') {
    try { return new Response(await (await fetch(searchParams.get('url'))).text()) }
    catch (error) { return new Response(error.cause.code + ' ' + error.cause.message, { status: 502 }) }
  }
  return new Response(await request.text())
}`

let upstream: ReturnType<typeof Bun.serve>

beforeAll(async () => {
  upstream = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: () => new Response('x'.repeat(1000)),
  })
  const profile = join(space.dir, 'profile.json')
  await Bun.write(
    profile,
    JSON.stringify({ allowNetwork: true, allowedDomains: ['127.0.0.1'], maxMemory: 2 ** 25 }),
  )
  service = await space.serve('--egress-allow-private', `127.0.0.1:${upstream.port}`)
  for (const project of ['shop', 'blog']) {
    await ok('project', 'create', project, '--profile', 'none')
    await space.deploy('api', SOURCE, '--project', project)
    await space.deploy('other', SOURCE, '--project', project)
  }
})

afterAll(async () => {
  await stopNow(space)
  upstream.stop(true)
  space.remove()
})

const NONE = ['--rps', 'none', '--burst', 'none', '--concurrent', 'none', '--cpu-per-hour', 'none']
const EGRESS = ['--egress-requests-per-day', 'none', '--egress-bytes-per-day', 'none']

beforeEach(async () => {
  await ok('project', 'set', 'shop', ...NONE, ...EGRESS)
  await ok('set', 'api', '--project', 'shop', ...NONE, ...EGRESS)
})

async function ok(...args: string[]): Promise<string> {
  const { exitCode, stderr, stdout } = await space.command(...args)
  expect([args, exitCode, stderr]).toEqual([args, 0, ''])
  return stdout
}

const call = (project: string, path = '', init?: RequestInit) =>
  service.fetch(`/projects/${project}/functions/api${path}`, init)

/** How many of `count` requests at once get each status. */
async function statuses(
  project: string,
  count: number,
  path = '',
): Promise<Record<number, number>> {
  const all = await Promise.all(Array.from({ length: count }, () => call(project, path)))
  const found: Record<number, number> = {}
  for (const response of all) {
    await response.bytes()
    found[response.status] = (found[response.status] ?? 0) + 1
  }
  return found
}

describe('a rate', () => {
  test('is in force when the command returns, and gone when it is removed', async () => {
    await ok('set', 'api', '--project', 'shop', '--rps', '1', '--burst', '5')
    const found = await statuses('shop', 40)
    expect(found[200]).toBeGreaterThanOrEqual(5)
    expect(found[200]).toBeLessThan(40)
    expect((found[200] ?? 0) + (found[429] ?? 0)).toBe(40)
    await ok('set', 'api', '--project', 'shop', '--rps', 'none', '--burst', 'none')
    expect(await statuses('shop', 40)).toEqual({ 200: 40 })
  })

  test('of a project counts all its functions, and no other project’s', async () => {
    await ok('project', 'set', 'shop', '--rps', '1', '--burst', '1')
    await statuses('shop', 5)
    const other = await service.fetch('/projects/shop/functions/other')
    expect(other.status).toBe(429)
    await other.bytes()
    expect(await statuses('blog', 40)).toEqual({ 200: 40 })
  })

  test('is answered with what to wait for, before the body is read', async () => {
    await ok('set', 'api', '--project', 'shop', '--rps', '1')
    await statuses('shop', 3)
    const body = new ReadableStream({ pull() {} })
    const response = await call('shop', '', { method: 'POST', body, duplex: 'half' } as RequestInit)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(response.headers.get('ratelimit-policy')).toBe('"rps";q=1;w=1')
    expect(response.headers.get('ratelimit')).toBe('"rps";r=0;t=1')
    expect(await problem(response)).toMatchObject({
      status: 429,
      code: 'RATE_LIMITED',
      limit: 'rps',
      level: 'function',
    } as never)
    expect(await service.metrics()).toMatch(
      /^functions_limited_total\{project="shop",function="api",limit="rps"\} \d+$/m,
    )
  })

  test('above its project’s has no effect, and show says so', async () => {
    await ok('project', 'set', 'shop', '--rps', '2', '--burst', '2')
    await ok('set', 'api', '--project', 'shop', '--rps', '1000')
    const found = await statuses('shop', 40)
    expect(found[429]).toBeGreaterThan(30)
    const shown = JSON.parse(await ok('show', 'api', '--project', 'shop', '--json'))
    expect(shown.limits).toEqual({ rps: 1000 })
    expect(shown.limitsInForce.rps).toEqual({ value: 2, level: 'project' })
  })

  test('stays at a rollback, and over a restart', async () => {
    await space.deploy('api', `${SOURCE}// 2`, '--project', 'shop')
    await ok('set', 'api', '--project', 'shop', '--rps', '1', '--burst', '3')
    await ok('rollback', 'api', '--project', 'shop')
    expect((await statuses('shop', 40))[429]).toBeGreaterThan(30)
    await ok('restart')
    expect((await statuses('shop', 40))[429]).toBeGreaterThan(30)
  }, 60_000)
})

test('concurrent requests have places, which are free again when they are over', async () => {
  await ok('set', 'api', '--project', 'shop', '--concurrent', '3')
  expect(await statuses('shop', 10, '/wait')).toEqual({ 200: 3, 429: 7 })
  expect(await statuses('shop', 3, '/wait')).toEqual({ 200: 3 })
  // A client that leaves gives its place back when its handler is done.
  const left = AbortSignal.timeout(100)
  await Promise.all([1, 2, 3].map(() => call('shop', '/wait', { signal: left }).catch(() => {})))
  while ((await statuses('shop', 1))[200] !== 1) await Bun.sleep(20)
})

test('CPU time of an hour is a quota, which a restart does not give back', async () => {
  await ok('set', 'api', '--project', 'shop', '--cpu-per-hour', '500ms')
  const found = async () => {
    const response = await call('shop', '/burn')
    await response.bytes()
    return response.status
  }
  while ((await found()) !== 429);
  const refused = await call('shop')
  const seconds = Number(refused.headers.get('retry-after'))
  expect(seconds).toBeGreaterThan(0)
  expect(seconds).toBeLessThanOrEqual(3600)
  expect(await problem(refused)).toMatchObject({
    code: 'QUOTA_EXCEEDED',
    limit: 'cpuPerHour',
  } as never)
  await ok('restart')
  // The first request may come before what was used is read.
  while ((await statuses('shop', 1))[429] !== 1) await Bun.sleep(20)
  expect(await statuses('blog', 1)).toEqual({ 200: 1 })
}, 60_000)

describe('outbound requests', () => {
  const outbound = async () => {
    const url = encodeURIComponent(`http://127.0.0.1:${upstream.port}/`)
    return await (await call('shop', `/fetch?url=${url}`)).text()
  }

  beforeAll(async () => {
    const flags = ['--profile', join(space.dir, 'profile.json'), '--project', 'shop']
    await space.deploy('api', SOURCE, ...flags)
  })

  test('of a day are a quota', async () => {
    expect(await outbound()).toBe('x'.repeat(1000))
    await ok('set', 'api', '--project', 'shop', '--egress-requests-per-day', '0')
    expect(await outbound()).toMatch(/^ERR_LIMIT Function 'api' has reached its limit/)
  })

  test('and their bytes', async () => {
    await ok('set', 'api', '--project', 'shop', '--egress-bytes-per-day', '1500')
    let text = await outbound()
    while (!text.startsWith('ERR_LIMIT')) text = await outbound()
    expect(text).toContain('egressBytesPerDay')
  })
})

describe('what is deployed', () => {
  test.each([
    [['--functions', '2'], 'new', 'limit (functions) is 2'],
    [['--bundle-size', '1'], 'api', 'limit bundleSize of the project is 1B'],
    [['--storage', '1'], 'api', 'limit (storage) is 1B'],
  ])(
    '%j',
    async (flags, name, reason) => {
      await ok('project', 'set', 'shop', ...flags)
      const file = space.source('next.ts', `${SOURCE} // ${flags.join(' ')} ${Math.random()}`)
      const { exitCode, stderr } = await space.command('deploy', name, file, '--project', 'shop')
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining(reason)])
      await ok('project', 'set', 'shop', flags[0] as string, 'none')
      await ok('deploy', name, file, '--project', 'shop')
      if (name === 'new') await ok('delete', 'new', '--project', 'shop')
    },
    60_000,
  )
})

test('workers of a project are limited together', async () => {
  await ok('project', 'set', 'shop', '--workers', '1')
  const both = ['api', 'other'].map(async (name) => {
    for (let i = 0; i < 20; i++) {
      const response = await service.fetch(`/projects/shop/functions/${name}`)
      await response.bytes()
      expect(response.status).toBe(200)
    }
  })
  await Promise.all(both)
  const live = (await service.workers()).filter(
    (row) => (row as { project?: string }).project === 'shop',
  )
  expect(live.filter(({ state }) => state !== 'draining').length).toBeLessThanOrEqual(1)
  await ok('project', 'set', 'shop', '--workers', 'none')
}, 60_000)

test('memory lowers what a version asks for, and is live at once', async () => {
  const heavy =
    "export default () => { const a = []; for (let i = 0; i < 40; i++) a.push(new Uint8Array(2 ** 20).fill(1)); return new Response('fits') }"
  await space.deploy('heavy', heavy, '--project', 'shop')
  const answer = async () => (await service.fetch('/projects/shop/functions/heavy')).text()
  expect(await answer()).toBe('fits')
  await ok('set', 'heavy', '--project', 'shop', '--memory', '16MB')
  expect(await answer()).toContain('MEMORY_LIMIT')
  await ok('set', 'heavy', '--project', 'shop', '--memory', 'none')
  expect(await answer()).toBe('fits')
}, 60_000)

test('CPU time of a request', async () => {
  await ok('set', 'other', '--project', 'shop', '--cpu', '20ms')
  const response = await service.fetch('/projects/shop/functions/other/burn')
  expect(await problem(response)).toMatchObject({ code: 'CPU_LIMIT' })
  await ok('set', 'other', '--project', 'shop', '--cpu', 'none')
})

test('a suspended project is refused at once, finishes what runs, and resumes', async () => {
  const running = call('shop', '/wait')
  await Bun.sleep(50)
  await ok('project', 'suspend', 'shop')
  expect(await problem(await call('shop'))).toMatchObject({
    status: 403,
    code: 'PROJECT_SUSPENDED',
  })
  expect((await running).status).toBe(200)
  await ok('project', 'resume', 'shop')
  expect(await statuses('shop', 1)).toEqual({ 200: 1 })
})

describe('a token', () => {
  const callWith = (token: string, path = '') =>
    call('blog', path, { headers: { 'functions-authorization': `Bearer ${token}` } })

  test('has limits of its own, for what it calls', async () => {
    await ok('set', 'api', '--project', 'blog', '--access', 'token')
    const create = (name: string, ...flags: string[]) =>
      ok(
        'token',
        'create',
        name,
        '--role',
        'invoker',
        '--scope',
        'project:blog',
        '--json',
        ...flags,
      )
    const limited = JSON.parse(await create('limited', '--rps', '1', '--burst', '2'))
    expect(limited.limits).toEqual({ rps: 1, burst: 2 })
    const places = JSON.parse(await create('places', '--concurrent', '2')).token
    const free = JSON.parse(await create('free')).token
    const codes = async (token: string, count: number, path = '') => {
      const all = await Promise.all(Array.from({ length: count }, () => callWith(token, path)))
      for (const response of all) await response.bytes()
      return all.map(({ status }) => status).filter((status) => status === 429).length
    }
    expect(await codes(limited.token, 30)).toBeGreaterThan(20)
    expect(await codes(places, 5, '/wait')).toBe(3)
    expect(await codes(places, 2, '/wait')).toBe(0)
    expect(await codes(free, 30)).toBe(0)
    await codes(limited.token, 3)
    expect(await problem(await callWith(limited.token))).toMatchObject({
      code: 'RATE_LIMITED',
      limit: 'rps',
      level: 'token',
      detail: expect.stringContaining('This token has reached its limit'),
    } as never)
    await ok('set', 'api', '--project', 'blog', '--access', 'public')
  })

  test('of another role has none', async () => {
    const flags = ['--role', 'viewer', '--scope', 'all', '--rps', '5']
    const { exitCode, stderr } = await space.command('token', 'create', 'viewer', ...flags)
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringContaining("Only a token of the role 'invoker'"),
    ])
  })
})

describe('a limit that is not valid', () => {
  test.each([
    ['set', ['--rps', '0'], '--rps: must be a whole number, from 1'],
    ['set', ['--rps', 'many'], '--rps: must be a whole number'],
    ['set', ['--burst', '5'], 'burst needs rps'],
    ['set', ['--memory', '5'], '--memory: must be a size'],
    ['set', ['--cpu-per-hour', '60'], '--cpu-per-hour: must be a duration'],
    ['set', ['--functions', '5'], "Unknown option '--functions'"],
    ['set', [], 'Nothing to set'],
  ])('%s %j', async (command, flags, reason) => {
    const { exitCode, stderr } = await space.command(command, 'api', '--project', 'shop', ...flags)
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(reason)])
  })

  test('over the API names its key', async () => {
    const send = async (limits: unknown) => {
      const response = await fetch('http://functions/v1/projects/shop/functions/api', {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ limits }),
        unix: join(space.dataDir, 'functions.sock'),
      } as RequestInit)
      return `${response.status} ${((await response.json()) as { detail: string }).detail}`
    }
    expect(await send({ rps: -1 })).toStartWith('400 limits.rps: must be a whole number')
    expect(await send({ rpm: 5 })).toStartWith("400 limits: there is no limit 'rpm' of a function")
    expect(await send('all')).toStartWith('400')
  })
})
