/** Commands and the management API with a real service. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { Service } from '../service/service.ts'
import { ServiceLog } from '../telemetry/service-log.ts'
import { eventually } from '../testing/eventually.ts'
import { runCli } from './cli.ts'

const dir = mkdtempSync(join(tmpdir(), 'functions-managed-'))
const dataDir = join(dir, 'data')
const socket = join(dataDir, 'functions.sock')
let service: Service

beforeAll(async () => {
  writeFileSync(join(dir, 'package.json'), '{}')
  const { config } = loadConfig({ flags: { 'data-dir': dataDir, port: '0' }, env: {} })
  service = await Service.start(config, { log: new ServiceLog(() => {}) })
})

afterAll(async () => {
  await service.stop()
  rmSync(dir, { recursive: true })
})

async function command(...args: string[]) {
  const result = { status: 0, stdout: '', stderr: '' }
  const decode = (text: string | Uint8Array) =>
    typeof text === 'string' ? text : new TextDecoder().decode(text)
  result.status = await runCli([...args, '--data-dir', dataDir], {
    env: {},
    stdout: (text) => {
      result.stdout += decode(text)
    },
    stderr: (text) => {
      result.stderr += decode(text)
    },
  })
  return result
}

async function deploy(name: string, text: string, ...flags: string[]) {
  const file = join(dir, `${name}.ts`)
  writeFileSync(file, text)
  const result = await command('deploy', name, file, '--json', ...flags)
  return { ...result, document: result.status === 0 ? JSON.parse(result.stdout) : undefined }
}

const answer = (text: string) => `export default () => new Response('${text}')\n`

function api(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://functions${path}`, { ...init, unix: socket } as RequestInit)
}

async function served(name: string): Promise<string> {
  return await (await fetch(`${service.url}/functions/${name}`)).text()
}

describe('commands', () => {
  test('show --source-map and the API give the map of a version', async () => {
    await deploy('mapped', answer('one'))
    await deploy('mapped', `interface A { a: 1 }\n\n${answer('two')}`)
    const shown = JSON.parse((await command('show', 'mapped', '--source-map')).stdout)
    expect(shown).toMatchObject({ version: 3, sources: ['mapped.ts'] })
    const response = await api('/v1/projects/default/functions/mapped/source-map')
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(await response.json()).toEqual(shown)
    const older = await api('/v1/projects/default/functions/mapped/source-map?version=v1')
    const first = await older.json()
    expect(first).toMatchObject({ version: 3, sources: ['mapped.ts'] })
    expect(first).not.toEqual(shown)
    const codes = [
      'absent/source-map',
      'mapped/source-map?version=v9',
      'mapped/source-map?version=..%2F',
    ]
    const found = await Promise.all(
      codes.map((path) => api(`/v1/projects/default/functions/${path}`)),
    )
    expect(found.map(({ status }) => status)).toEqual([404, 404, 400])
    const { stderr } = await command('show', 'mapped', '--source-map', '--version', 'v9')
    expect(stderr).toContain("has no version 'v9'")
  })

  test('deploy is live when it returns, and so is rollback', async () => {
    expect((await deploy('app', answer('one'))).document).toMatchObject({
      version: 'v1',
      live: true,
    })
    expect(await served('app')).toBe('one')
    expect((await deploy('app', answer('two'))).document).toMatchObject({
      version: 'v2',
      live: true,
    })
    expect(await served('app')).toBe('two')
    expect((await command('rollback', 'app')).stdout).toContain('v1: active again, live now')
    expect(await served('app')).toBe('one')
    const again = await deploy('app', answer('two'), '--version', 'v2')
    expect(again.document).toMatchObject({ version: 'v2', live: false })
    expect(await served('app')).toBe('one')
  })

  test('deploy of what does not load changes nothing, and names the tenant’s line', async () => {
    await deploy('whole', answer('whole'))
    const bad = await deploy('whole', '\nconst f = () => {\n  throw new Error("no luck")\n}\nf()\n')
    expect(bad.status).toBe(1)
    expect(JSON.parse(bad.stderr).error).toMatchObject({
      code: 'BUNDLE_REFUSED',
      file: 'whole.ts',
      line: 3,
    })
    expect(await served('whole')).toBe('whole')
    expect(JSON.parse((await command('versions', 'whole', '--json')).stdout)).toHaveLength(1)
  })

  test('invoke prints what the function answers', async () => {
    await deploy(
      'mirror',
      `export default async (req: Request) => {
        const url = new URL(req.url)
        if (url.pathname === '/bytes') return new Response(new Uint8Array([255, 0]))
        const headers = new Headers({ 'x-got': req.headers.get('x-sent') ?? '' })
        headers.append('set-cookie', 'a=1')
        headers.append('set-cookie', 'b=2')
        const text = [req.method, url.pathname + url.search, await req.text()].join(' ')
        return new Response(text, { status: url.pathname === '/teapot' ? 418 : 200, headers })
      }`,
    )
    const flags = ['-X', 'PUT', '-H', 'x-sent: yes', '-d', 'body']
    const text = await command('invoke', 'mirror', '/a?b=1', ...flags)
    expect(text).toMatchObject({ status: 0, stdout: 'PUT /a?b=1 body', stderr: '' })
    const { stdout } = await command('invoke', 'mirror', '/teapot', ...flags, '--json')
    const document = JSON.parse(stdout)
    expect(document).toMatchObject({ status: 418, body: 'PUT /teapot body' })
    expect(document.headers['x-got']).toBe('yes')
    expect(document.headers['set-cookie']).toEqual(['a=1', 'b=2'])
    expect(Object.keys(document.timing)).toEqual(['queueMs', 'initMs', 'execMs'])
    expect(document.timing.execMs).toBeGreaterThan(0)
    const bytes = JSON.parse((await command('invoke', 'mirror', '/bytes', '--json')).stdout)
    expect(bytes).toMatchObject({ body: '/wA=', bodyEncoding: 'base64' })
  })

  test('invoke of what is not there, or leads elsewhere, is refused', async () => {
    const missing = await command('invoke', 'missing', '--json')
    expect(missing.status).toBe(1)
    expect(JSON.parse(missing.stderr).error.code).toBe('FUNCTION_NOT_FOUND')
    expect((await command('invoke', 'mirror', '/../app')).status).toBe(2)
  })

  test('list, show and workers tell of the running service', async () => {
    await deploy('seen', answer('seen'))
    await served('seen')
    const list = JSON.parse((await command('list', '--json')).stdout)
    expect(list).toContainEqual(expect.objectContaining({ name: 'seen', status: 'deployed' }))
    const shown = (await command('show', 'seen')).stdout
    expect(shown).toMatch(/^engine +quickjs-ng\/\d/m)
    expect(shown).toMatch(/^worker .*; layers: .*seccomp/m)
    const workers = JSON.parse((await command('workers', '--json')).stdout)
    const row = workers.find((worker: { function: string }) => worker.function === 'seen')
    expect(row).toMatchObject({ version: 'v1', runtime: 'quickjs-ng', state: 'ready' })
    expect(row.residentBytes).toBeGreaterThan(0)
    expect((await command('workers')).stdout).toMatch(/^\d+ +default +seen +v1 /m)
  })

  test('the examples answer as they say', async () => {
    for (const name of ['json-api', 'countdown']) {
      const file = join(import.meta.dir, `../../examples/${name}.ts`)
      expect(await command('deploy', name, file)).toMatchObject({ status: 0, stderr: '' })
    }
    const slug = await command('invoke', 'json-api', '/slugs', '-d', '{"title":"Hello, Wörld!"}')
    expect(slug.stdout).toBe('{"slug":"hello-world"}')
    const refused = await command('invoke', 'json-api', '/slugs', '-d', '{', '--json')
    expect(JSON.parse(refused.stdout).status).toBe(400)
    const method = await command('invoke', 'json-api', '/ids', '-X', 'DELETE', '--json')
    expect(JSON.parse(method.stdout).status).toBe(405)
    const events = await command('invoke', 'countdown', '?from=1')
    expect(events.stdout).toBe('data: 1\n\ndata: 0\n\n')
  })

  test('delete ends a function', async () => {
    await deploy('gone', answer('gone'))
    expect(await served('gone')).toBe('gone')
    expect((await command('delete', 'gone')).status).toBe(0)
    expect((await fetch(`${service.url}/functions/gone`)).status).toBe(404)
    expect((await command('delete', 'gone')).status).toBe(1)
  })

  test('gc deletes old versions through the service, and waits for a backup', async () => {
    for (const text of ['1', '2', '3', '4']) await deploy('old', answer(text))
    const dry = JSON.parse(
      (await command('gc', 'old', '--keep', '1', '--dry-run', '--json')).stdout,
    )
    expect(dry).toMatchObject({ dryRun: true, versions: 2 })
    const hold = await api('/v1/hold', { method: 'POST' })
    const reader = hold.body?.getReader()
    const line = new TextDecoder().decode((await reader?.read())?.value)
    expect(JSON.parse(line)).toMatchObject({ dataDir, settings: { 'versions.keep': 0 } })
    const result = await command('gc', 'old', '--keep', '1')
    expect(result.stdout).toMatch(/^old +v1 [\s\S]*^Deleted 2 versions \(\d+\.\d MB\)\.$/m)
    const folder = join(dataDir, 'bundles/func-old')
    expect(readdirSync(folder)).toContain('v1')
    await reader?.cancel()
    await eventually('the bundles are gone', () => !readdirSync(folder).includes('v1'))
    const rows = JSON.parse((await command('versions', 'old', '--json')).stdout)
    expect(rows.map((row: { version: string }) => row.version)).toEqual(['v4', 'v3'])
    expect((await command('gc', '--older-than', 'long')).status).toBe(2)
    expect((await command('gc', '--keep', '-1')).status).toBe(2)
  })

  test('a service on the same data directory is found by it alone, a second one refused', async () => {
    const second = await command('serve', '--port', '0')
    expect(second.status).toBe(1)
    expect(second.stderr).toMatch(/^[^\n]*running[^\n]*\n$/)
  })
})

describe('the management API', () => {
  test('describes itself', async () => {
    const document = (await (await api('/openapi.json')).json()) as {
      openapi: string
      paths: Record<string, Record<string, object>>
      components: { securitySchemes: { token: { scheme: string } } }
    }
    expect(document.openapi).toBe('3.1.0')
    expect(Object.keys(document.paths)).toContain(
      '/v1/projects/{project}/functions/{name}/versions',
    )
    expect(document.components.securitySchemes.token.scheme).toBe('bearer')
    // A new route has to declare its role.
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const operation of Object.values(operations)) {
        expect([path, operation]).toEqual([
          path,
          expect.objectContaining({ 'x-functions-access': expect.anything() }),
        ])
      }
    }
  })

  test('lists pages that link to the next', async () => {
    const seen: string[] = []
    let path: string | undefined = '/v1/projects/default/functions?limit=2'
    while (path !== undefined) {
      const response: Response = await api(path)
      const rows = (await response.json()) as { name: string }[]
      expect(rows.length).toBeLessThanOrEqual(2)
      seen.push(...rows.map(({ name }) => name))
      path = /<(.+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
    }
    const all = (await (await api('/v1/projects/default/functions')).json()) as { name: string }[]
    expect(seen).toEqual(all.map(({ name }) => name))
    expect(seen.length).toBeGreaterThan(2)
    for (const cursor of ['x', 'e30', '']) {
      expect((await api(`/v1/projects/default/functions?cursor=${cursor}`)).status).toBe(400)
    }
  })

  test('registers a function without a runtime with that of the service', async () => {
    const form = new FormData()
    form.set('settings', '{"profile":"permissive"}')
    form.set('bundle', new Blob([answer('by bun')]), 'bundle.js')
    form.set('map', new Blob(['{}']), 'bundle.js.map')
    const path = '/v1/projects/default/functions/registered/versions'
    const document = await (await api(path, { method: 'POST', body: form })).json()
    expect(document).toMatchObject({ runtime: 'bun', live: true })
    expect(await served('registered')).toBe('by bun')
  }, 20_000)

  test('answers what is wrong with a problem document', async () => {
    const form = (settings: string) => {
      const body = new FormData()
      body.set('settings', settings)
      body.set('bundle', new Blob([answer('x')]))
      body.set('map', new Blob(['{}']))
      return { method: 'POST', body }
    }
    const json = { 'content-type': 'application/json' }
    const rows: [string, RequestInit, number, string][] = [
      ['/nothing', {}, 400, 'BAD_REQUEST'],
      ['/v1/projects/default/functions/none', {}, 404, 'FUNCTION_NOT_FOUND'],
      ['/v1/projects/default/functions/BAD', {}, 400, 'BAD_REQUEST'],
      ['/v1/projects/default/functions/none', { method: 'DELETE' }, 404, 'FUNCTION_NOT_FOUND'],
      ['/v1/projects/default/functions/x/versions', { method: 'POST' }, 400, 'BAD_REQUEST'],
      [
        '/v1/projects/default/functions/x/versions',
        { method: 'POST', body: 'x' },
        400,
        'BAD_REQUEST',
      ],
      ['/v1/projects/default/functions/x/versions', form('{'), 400, 'BAD_REQUEST'],
      ['/v1/projects/default/functions/x/versions', form('null'), 400, 'BAD_REQUEST'],
      ['/v1/projects/default/functions/x/versions', form('{"profile":"lax"}'), 400, 'BAD_REQUEST'],
      ['/v1/projects/default/functions/x/versions', form('{"runtime":"bun"}'), 400, 'BAD_REQUEST'],
      [
        '/v1/projects/default/functions/x/rollback',
        { method: 'POST', headers: json, body: '{' },
        400,
        'BAD_REQUEST',
      ],
      [
        '/v1/projects/default/functions/x/rollback',
        { method: 'POST', headers: json, body: '{}' },
        404,
        'FUNCTION_NOT_FOUND',
      ],
    ]
    for (const [path, init, status, code] of rows) {
      const response = await api(path, init)
      expect([path, response.status]).toEqual([path, status])
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      expect(await response.json()).toMatchObject({ status, code })
    }
  })
})
