/** Traffic: several versions share the requests of a function, and their shares change under load. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { type Service, Workspace } from './harness.ts'

const source = (name: string) =>
  `export default async (r, ctx) => { await r.text(); return new Response('${name} ' + (ctx.env.MARK ?? ''), { headers: { 'set-cookie': 'own=1' } }) }`

const space = new Workspace()
let service: Service

beforeAll(async () => {
  for (const name of ['v1', 'v2', 'v3']) await space.deploy('api', source(name))
  service = await space.serve()
})

afterAll(async () => {
  await service.stop()
  space.remove()
})

const ok = async (...args: string[]) => {
  const { exitCode, stdout, stderr } = await space.command(...args)
  expect([args, exitCode, exitCode === 0 ? '' : stderr]).toEqual([args, 0, ''])
  return stdout
}
const shown = async () => JSON.parse(await ok('traffic', 'api', '--json'))

/** How many of the requests each version answered. */
async function count(requests: number, headers: Record<string, string> = {}) {
  const counts: Record<string, number> = {}
  for (let at = 0; at < requests; at++) {
    const response = await service.fetch('/functions/api', { headers })
    expect(response.status).toBe(200)
    const version = (await response.text()).split(' ')[0] as string
    counts[version] = (counts[version] ?? 0) + 1
  }
  return counts
}

const versionCookie = (response: Response) =>
  response.headers.getSetCookie().find((cookie) => cookie.startsWith('functions-version='))

describe('functions traffic', () => {
  test('shows that one version has all requests, gives shares, and returns to one', async () => {
    expect(await ok('traffic', 'api')).toBe('api v3: 100 %\n')
    expect(await ok('traffic', 'api', 'v3=75', 'v2=25')).toBe('api v2: 25 %\napi v3: 75 %\n')
    expect(await shown()).toEqual({
      project: 'default',
      function: 'api',
      versions: { v2: 25, v3: 75 },
      stickyHeader: null,
      live: true,
    })
    const workers = (await service.workers()).filter((row) => row.function === 'api')
    expect(new Set(workers.map(({ version }) => version))).toEqual(new Set(['v2', 'v3']))
    const counts = await count(1000)
    expect(counts.v2).toBeWithin(170, 330)
    expect((counts.v2 ?? 0) + (counts.v3 ?? 0)).toBe(1000)
    await ok('traffic', 'api', 'v2=100')
    expect(await count(50)).toEqual({ v2: 50 })
    expect(JSON.parse(await ok('show', 'api', '--json')).version).toBe('v2')
    await ok('traffic', 'api', 'v3=100')
  })

  test.each([
    [['v3=90', 'v2=9'], 'add up to 100'],
    [['v3=100', 'v2=0'], 'from 1 to 100'],
    [['v3=50.5', 'v2=49.5'], 'version=percent'],
    [['v3=-1', 'v2=101'], 'version=percent'],
    [['v3'], 'version=percent'],
    [['v3=50', 'v3=50'], 'named twice'],
    [['../x=100'], 'version: must be'],
    [Array.from({ length: 20 }, (_, at) => `v${at}=5`), 'at most 10 versions'],
    [['v3=50', 'v2=50', '--sticky-header', 'a b'], '--sticky-header: must be'],
    [['--sticky-header', 'x-user'], 'needs the versions'],
  ])('%j is wrong usage', async (args, message) => {
    const { exitCode, stderr } = await space.command('traffic', 'api', ...args)
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)])
    expect((await shown()).versions).toEqual({ v3: 100 })
  })

  test('names a version that does not exist', async () => {
    const { exitCode, stderr } = await space.command('traffic', 'api', 'v3=50', 'v9=50')
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("no version 'v9'")])
    expect((await shown()).versions).toEqual({ v3: 100 })
  })
})

describe('a split', () => {
  test('keeps a client with its version by a cookie, which chooses nothing else', async () => {
    await ok('traffic', 'api', 'v2=50', 'v3=50')
    const first = await service.fetch('/functions/api')
    expect(first.headers.getSetCookie()).toContain('own=1')
    const cookie = versionCookie(first) as string
    expect(cookie).toMatch(
      /^functions-version=v[23]; Path=\/functions\/api; HttpOnly; SameSite=Lax$/,
    )
    const version = (await first.text()).split(' ')[0] as string
    const again = await service.fetch('/functions/api', {
      headers: { cookie: `functions-version=${version}` },
    })
    expect(versionCookie(again)).toBeUndefined()
    expect(await count(50, { cookie: `functions-version=${version}` })).toEqual({ [version]: 50 })
    const others = await count(100, { cookie: 'functions-version=v1' })
    expect(Object.keys(others).toSorted()).toEqual(['v2', 'v3'])
    await ok('traffic', 'api', 'v3=100')
    expect(versionCookie(await service.fetch('/functions/api'))).toBeUndefined()
  })

  test('keeps a client with its version by a header', async () => {
    await ok('traffic', 'api', 'v2=50', 'v3=50', '--sticky-header', 'X-User')
    const versions = new Set<string>()
    for (let user = 0; user < 30; user++) {
      const counts = await count(5, { 'x-user': `user ${user}` })
      expect(Object.values(counts)).toEqual([5])
      versions.add(Object.keys(counts)[0] as string)
    }
    expect(versions.size).toBe(2)
    expect(versionCookie(await service.fetch('/functions/api'))).toBeUndefined()
    await ok('traffic', 'api', 'v3=100')
  })

  test('is returned to by a rollback, and ended by a new version', async () => {
    await ok('traffic', 'api', 'v2=90', 'v3=10')
    await ok('traffic', 'api', 'v2=50', 'v3=50')
    await space.deploy('api', source('v4'))
    expect(await count(50)).toEqual({ v4: 50 })
    expect(await ok('rollback', 'api')).toBe('api v2=50 v3=50: active again, live now\n')
    expect((await shown()).versions).toEqual({ v2: 50, v3: 50 })
    expect(Object.keys(await count(100)).toSorted()).toEqual(['v2', 'v3'])
    await ok('rollback', 'api')
    expect((await shown()).versions).toEqual({ v2: 90, v3: 10 })
    await ok('rollback', 'api', 'v3')
    expect(await count(50)).toEqual({ v3: 50 })
  })

  test('gets changed variables in all its versions', async () => {
    await ok('traffic', 'api', 'v2=50', 'v3=50')
    await ok('env', 'set', 'api', 'MARK=new')
    const texts = new Set<string>()
    for (let at = 0; at < 100; at++) texts.add(await (await service.fetch('/functions/api')).text())
    expect(texts).toEqual(new Set(['v2 new', 'v3 new']))
    expect((await shown()).versions).toEqual({ v2: 50, v3: 50 })
    await ok('env', 'unset', 'api', 'MARK')
  })

  test('outlasts a restart and a collection of old versions', async () => {
    await ok('traffic', 'api', 'v1=50', 'v2=50')
    await space.deploy('api', source('v5'))
    await ok('gc', '--keep', '1')
    await ok('rollback', 'api')
    await service.stop()
    service = await space.serve()
    expect((await shown()).versions).toEqual({ v1: 50, v2: 50 })
    expect(Object.keys(await count(100)).toSorted()).toEqual(['v1', 'v2'])
  })

  test('with a version that does not load is refused as a whole', async () => {
    await space.deploy('fragile', "export default () => new Response('fine')")
    await space.deploy(
      'fragile',
      "if (globalThis.process?.env) {}; export default () => new Response('two')",
    )
    rmSync(`${space.dataDir}/bundles/func-fragile/v1/bundle.js`)
    const { exitCode, stderr } = await space.command('traffic', 'fragile', 'v1=50', 'v2=50')
    expect([exitCode, stderr.length > 0]).toEqual([1, true])
    expect(await (await service.fetch('/functions/fragile')).text()).toBe('two')
    expect(JSON.parse(await ok('traffic', 'fragile', '--json')).versions).toEqual({ v2: 100 })
  })

  test('changes without a service too', async () => {
    await service.stop()
    await ok('traffic', 'api', 'v1=1', 'v2=99')
    expect(await shown()).toMatchObject({ versions: { v1: 1, v2: 99 }, live: false })
    service = await space.serve()
    expect(Object.keys(await count(200))).toContain('v2')
  })
})

test('weights change under load without a failed request, and each change holds at once', async () => {
  await ok('traffic', 'api', 'v1=50', 'v2=50')
  const path = `${service.url}/functions/api`
  const statuses = new Map<number, number>()
  let running = true
  const clients = Array.from({ length: 16 }, async (_, at) => {
    const init = at % 2 === 0 ? {} : { method: 'POST', body: 'x'.repeat(1000) }
    while (running) {
      const response = await fetch(path, init)
      await response.text()
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
    }
  })
  for (const shares of [
    ['v1=10', 'v2=90'],
    ['v2=20', 'v5=80'],
    ['v1=34', 'v2=33', 'v5=33'],
    ['v5=100'],
    ['v1=99', 'v5=1'],
    ['v1=50', 'v2=50'],
  ]) {
    await ok('traffic', 'api', ...shares)
    const wanted = shares.map((share) => share.split('='))
    const counts = await count(300)
    for (const [version = '', weight] of wanted) {
      const expected = 3 * Number(weight)
      const spread = 5 * Math.sqrt((300 * Number(weight) * (100 - Number(weight))) / 10_000)
      expect(counts[version] ?? 0).toBeWithin(expected - spread - 1, expected + spread + 1)
    }
    expect(
      Object.keys(counts).every((name) => shares.some((each) => each.startsWith(`${name}=`))),
    ).toBe(true)
  }
  running = false
  await Promise.all(clients)
  expect([...statuses.keys()]).toEqual([200])
}, 120_000)

test('kill -9 during a change of the shares leaves the old ones or the new ones', async () => {
  const shares = [
    { v1: 50, v2: 50 },
    { v1: 20, v5: 80 },
  ]
  await ok('traffic', 'api', 'v1=50', 'v2=50')
  for (let round = 0; round < 10; round++) {
    const next = Object.entries(shares[round % 2 === 0 ? 1 : 0] as Record<string, number>)
    const changing = space.command('traffic', 'api', ...next.map((share) => share.join('=')))
    await Bun.sleep(80 + 12 * round)
    await service.stop('SIGKILL')
    await changing
    service = await space.serve()
    const { versions } = await shown()
    expect(shares).toContainEqual(versions)
    expect(Object.keys(await count(30)).every((name) => name in versions)).toBe(true)
  }
}, 120_000)
