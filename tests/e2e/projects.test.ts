/** Projects: the same names in several of them, their state, and the profile that is their ceiling. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Service, Workspace } from './harness.ts'

const space = new Workspace()
let service: Service

beforeAll(async () => {
  space.source('one.ts', "export default () => new Response('one')")
  space.source('two.ts', "export default (r) => new Response('two ' + r.url)")
  space.source(
    'slow.ts',
    "export default async () => { await new Promise((r) => setTimeout(r, 500)); return new Response('done') }",
  )
  service = await space.serve()
})

afterAll(async () => {
  await service.stop()
  space.remove()
})

async function ok(...args: string[]): Promise<void> {
  const { exitCode, stderr } = await space.command(...args)
  expect([args, exitCode, exitCode === 0 ? '' : stderr]).toEqual([args, 0, ''])
}

async function json(...args: string[]) {
  const { stdout, stderr } = await space.command(...args, '--json')
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

const get = async (path: string) => {
  const response = await fetch(new URL(path, service.url))
  return { status: response.status, text: await response.text() }
}

describe('projects', () => {
  test('have functions of the same name, each with its own versions', async () => {
    await ok('project', 'create', 'shop')
    await ok('deploy', 'same', 'one.ts')
    await ok('deploy', 'same', 'two.ts', '--project', 'shop')
    await ok('deploy', 'same', 'two.ts', '--project', 'shop')
    expect(await get('/functions/same')).toEqual({ status: 200, text: 'one' })
    const { text } = await get('/projects/shop/functions/same/a?b=1')
    expect(text).toMatch(/^two http:\/\/[^/]+\/a\?b=1$/)
    expect(await get('/projects/default/functions/same')).toEqual({ status: 200, text: 'one' })
    const rows = await json('versions', 'same', '--project', 'shop')
    expect(rows.map(({ version }: { version: string }) => version)).toEqual(['v2', 'v1'])
    expect(await json('list')).toMatchObject([{ project: 'default', name: 'same' }])
    expect(await json('list', '--project', 'shop')).toMatchObject([
      { project: 'shop', name: 'same', version: 'v2' },
    ])
    const workers = await json('workers')
    expect(new Set(workers.map((row: { project: string }) => row.project))).toEqual(
      new Set(['default', 'shop']),
    )
    expect((await space.command('invoke', 'same', '/x', '--project', 'shop')).stdout).toMatch(
      /\/x$/,
    )
    await ok('rollback', 'same', '--project', 'shop')
    expect(await json('show', 'same', '--project', 'shop')).toMatchObject({ version: 'v1' })
    await ok('delete', 'same', '--project', 'shop')
    expect((await get('/projects/shop/functions/same')).status).toBe(404)
    expect((await get('/functions/same')).text).toBe('one')
  })

  test('are reached by no other spelling of a path', async () => {
    await ok('deploy', 'inner', 'one.ts', '--project', 'shop')
    expect((await get('/projects/shop/functions/inner')).status).toBe(200)
    for (const path of [
      '/functions/shop.inner',
      '/functions/shop%2Finner',
      '/projects/shop%2Ffunctions/functions/inner',
      '/projects/SHOP/functions/inner',
      '/projects//functions/inner',
      '/projects/functions/inner',
      '/functions/inner',
    ]) {
      const { status, text } = await get(path)
      expect([path, [400, 404].includes(status), text.includes('one')]).toEqual([path, true, false])
    }
  })

  test('that are suspended answer 403 at once, finish what is in flight, and are resumed', async () => {
    await ok('deploy', 'slow', 'slow.ts', '--project', 'shop')
    const path = '/projects/shop/functions/slow'
    expect((await get(path)).text).toBe('done')
    const running = get(path)
    await Bun.sleep(100)
    await ok('project', 'suspend', 'shop')
    const refused = await get(path)
    expect([refused.status, JSON.parse(refused.text).code]).toEqual([403, 'PROJECT_SUSPENDED'])
    expect((await get('/functions/same')).status).toBe(200)
    expect((await running).text).toBe('done')
    await ok('project', 'resume', 'shop')
    expect((await get(path)).status).toBe(200)
  })

  test('stay suspended over a restart', async () => {
    await ok('project', 'suspend', 'shop')
    await service.stop()
    service = await space.serve()
    expect((await get('/projects/shop/functions/slow')).status).toBe(403)
    await ok('project', 'resume', 'shop')
    expect((await get('/projects/shop/functions/slow')).status).toBe(200)
  })

  test('have a profile that no function may exceed', async () => {
    const wide = await space.command(
      'deploy',
      'wide',
      'one.ts',
      '--profile',
      'permissive',
      '--project',
      'shop',
    )
    expect(wide.exitCode).toBe(1)
    expect(wide.stderr).toContain("allows more than the profile of project 'shop'")
    writeFileSync(
      join(space.dir, 'net.json'),
      '{"allowNetwork":true,"allowedDomains":["*.example.com"],"maxMemory":"64MB"}',
    )
    await ok('project', 'set', 'shop', '--profile', join(space.dir, 'net.json'))
    await ok('deploy', 'wide', 'one.ts', '--project', 'shop')
    const shown = await json('show', 'wide', '--project', 'shop')
    expect(shown).toMatchObject({ profile: 'custom', capabilities: { maxMemory: 64 * 2 ** 20 } })
    // The API checks as well as the command does.
    const form = new FormData()
    form.set('settings', JSON.stringify({ profile: 'permissive' }))
    form.set('bundle', new Blob(['export default () => new Response()']), 'bundle.js')
    form.set('map', new Blob(['{}']), 'bundle.js.map')
    const response = await fetch('http://functions/v1/projects/shop/functions/wide/versions', {
      method: 'POST',
      body: form,
      unix: join(space.dataDir, 'functions.sock'),
    })
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
      403,
      'FORBIDDEN',
    ])
    await ok('project', 'set', 'shop', '--profile', 'none')
    await ok('deploy', 'wide', 'one.ts', '--profile', 'permissive', '--project', 'shop')
  })

  test('that do not exist, exist already or are needed are refused with a reason', async () => {
    const rows: [string[], number, string][] = [
      [['deploy', 'x', 'one.ts', '--project', 'none'], 1, "Project 'none' does not exist"],
      [['list', '--project', 'none'], 1, "Project 'none' does not exist"],
      [['list', '--project', 'A b'], 2, '--project'],
      [['project', 'create', 'shop'], 1, 'exists already'],
      [['project', 'create', '-x-'], 2, ''],
      [['project', 'delete', 'default'], 1, 'cannot be deleted'],
      [['project', 'delete', 'default', '--with-functions'], 1, 'cannot be deleted'],
      [['project', 'delete', 'shop'], 1, 'has functions'],
      [['project', 'show', 'none'], 1, "Project 'none' does not exist"],
    ]
    for (const [args, status, text] of rows) {
      const result = await space.command(...args)
      expect([args, result.exitCode, result.stderr.includes(text)]).toEqual([args, status, true])
    }
    expect(await json('list')).toHaveLength(1)
  })

  test('of the name of a deleted one begin with nothing of it', async () => {
    await ok('project', 'create', 're', '--cpu-per-day', '1h')
    await ok('deploy', 'z', 'one.ts', '--project', 're')
    await ok('env', 'set', 'z', 'A=1', '--project', 're')
    for (let i = 0; i < 3; i++) expect((await get('/projects/re/functions/z')).status).toBe(200)
    await ok('project', 'suspend', 're')
    await ok('project', 'delete', 're', '--with-functions')
    await Bun.sleep(5)
    await ok('project', 'create', 're')
    await ok('deploy', 'z', 'two.ts', '--project', 're')
    expect((await get('/projects/re/functions/z')).status).toBe(200)
    const usage = await json('usage', '--project', 're')
    expect(usage).toMatchObject([{ project: 're', function: 'z', invocations: 1 }])
    expect(await json('env', 'list', 'z', '--project', 're')).toEqual([])
    const audit = await json('audit', '--project', 're')
    expect(audit.map(({ action }: { action: string }) => action)).toEqual(['function.deploy'])
    // The bill of the deleted one is kept.
    const all = await json('usage')
    const old = all.filter(({ project }: { project: string }) => project.startsWith('re@'))
    expect(old).toMatchObject([{ function: 'z', invocations: 3 }])
    await ok('project', 'delete', 're', '--with-functions')
  })

  test('take several functions at once by plain HTTP: all, or none', async () => {
    const upload = async (files: Record<string, string>) => {
      const form = new FormData()
      const settings = { profile: 'strict', runtime: 'quickjs-ng' }
      form.set('functions', JSON.stringify(Object.keys(files).map((name) => ({ name, settings }))))
      for (const [name, code] of Object.entries(files)) {
        form.set(`bundle:${name}`, new Blob([code]), 'bundle.js')
        form.set(`map:${name}`, new Blob(['{"version":3,"sources":[],"mappings":""}']), 'map')
      }
      const response = await fetch('http://functions/v1/projects/shop/deploy', {
        method: 'POST',
        body: form,
        unix: join(space.dataDir, 'functions.sock'),
      })
      return { status: response.status, body: await response.json() }
    }
    const hello = (text: string) => `export default () => new Response('${text}')`
    const both = await upload({ left: hello('left'), right: hello('right') })
    expect(both).toMatchObject({ status: 200, body: [{ function: 'left' }, { function: 'right' }] })
    expect((await get('/projects/shop/functions/right')).text).toBe('right')
    const broken = await upload({ left: hello('new'), right: 'throw 1' })
    expect(broken).toMatchObject({ status: 422, body: { code: 'BUNDLE_REFUSED' } })
    expect((await get('/projects/shop/functions/left')).text).toBe('left')
  })

  test('are deleted with their functions, which serve no more', async () => {
    await ok('project', 'delete', 'shop', '--with-functions')
    expect((await get('/projects/shop/functions/slow')).status).toBe(404)
    expect(await json('project', 'list')).toMatchObject([{ name: 'default' }])
    // Without a service, through the same API.
    await service.stop()
    await ok('project', 'create', 'later')
    await ok('deploy', 'f', 'two.ts', '--project', 'later')
    expect(await json('list', '--project', 'later')).toMatchObject([{ name: 'f' }])
    service = await space.serve()
    expect((await get('/projects/later/functions/f')).status).toBe(200)
    await service.stop()
    await ok('project', 'delete', 'later', '--with-functions')
    await ok('project', 'create', 'later')
    expect(await json('usage', '--project', 'later')).toEqual([])
    const all = await json('usage')
    expect(all.some((row: { project: string }) => row.project.startsWith('later@'))).toBe(true)
    service = await space.serve()
  })
})
