/** The commands that the deployment guide shows, as written there. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EXECUTABLE, ROOT, run, type Service, Workspace } from './harness.ts'
import { makeLastRelease } from './last-release.ts'

let service: Service | undefined

for (const [directory, prepare] of [
  ['an empty data directory', () => {}],
  ['the data directory of the last release', makeLastRelease],
] as const) {
  describe(directory, () => documents(prepare))
}

/** @param prepare fills the data directory */
function documents(prepare: (dataDir: string) => void): void {
  const space = new Workspace()

  async function script(name: string, ...args: string[]) {
    const child = Bun.spawn([join(ROOT, 'scripts', name), ...args], {
      cwd: ROOT,
      env: { ...process.env, DATA_DIR: space.dataDir },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ])
    return { exitCode: await child.exited, stdout, stderr }
  }

  async function sqlite(query: string): Promise<string> {
    const child = Bun.spawn(['sqlite3', join(space.dataDir, 'metadata.db'), query])
    return (await new Response(child.stdout).text()).trim()
  }

  beforeAll(() => {
    expect(existsSync(EXECUTABLE)).toBe(true)
    prepare(space.dataDir)
  })

  afterAll(() => space.remove())

  describe('the deployment guide', () => {
    test('deploy-quickjs-function.sh deploys with version and profile', async () => {
      const file = 'examples/hello-world.ts'
      const result = await script('deploy-quickjs-function.sh', 'hello-world', file, 'v1', 'strict')
      expect(result.stderr).toBe('')
      expect(result.exitCode).toBe(0)
      expect(existsSync(join(space.dataDir, 'bundles/func-hello-world/v1/bundle.js'))).toBe(true)
    })

    test.skipIf(Bun.which('sqlite3') === null)('the sqlite3 checks answer', async () => {
      const columns = 'name, runtime, status'
      const row = await sqlite(`SELECT ${columns} FROM functions WHERE name = 'hello-world';`)
      expect(row).toBe('hello-world|quickjs-ng|deployed')
      const status = await sqlite("SELECT status FROM functions WHERE name = 'hello-world';")
      expect(status).toBe('deployed')
    })

    test('plain ./functions with --data-dir and --socket serves it', async () => {
      const socket = join(space.dir, 'functions.sock')
      const child = Bun.spawn(
        [EXECUTABLE, '--data-dir', space.dataDir, '--socket', socket, '--port', '0'],
        { cwd: space.dir, stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' },
      )
      const reader = child.stdout.getReader()
      const first = new TextDecoder().decode((await reader.read()).value)
      const url = /^listening on (\S+)\n$/.exec(first)?.[1]
      expect(url ?? '').toStartWith('http://127.0.0.1:')
      expect(existsSync(socket)).toBe(true)

      const response = await fetch(`${url}/functions/hello-world?name=Alice`)
      expect(response.status).toBe(200)
      const body = (await response.json()) as {
        message: string
        timestamp: string
        method: string
        path: string
      }
      expect(Object.keys(body)).toEqual(['message', 'timestamp', 'method', 'path'])
      expect(body.message).toBe('Hello, Alice!')
      expect(body.method).toBe('GET')
      expect(body.path).toBe('/')
      expect(new Date(body.timestamp).toISOString()).toBe(body.timestamp)

      child.kill('SIGTERM')
      expect(await child.exited).toBe(0)
    })

    test('test-quickjs-deployment.sh passes', async () => {
      const result = await script('test-quickjs-deployment.sh')
      expect(result.exitCode).toBe(0)
    })

    test('version, help and doctor answer', async () => {
      expect((await run(['version'])).stdout).toMatch(/^\S*\s*\d+\.\d+\.\d+/)
      for (const command of ['serve', 'deploy', 'list', 'invoke', 'doctor', 'config']) {
        const help = await run([command, '--help'])
        expect(help.exitCode).toBe(0)
        expect(help.stdout).toContain('Example')
      }
      expect((await space.command('doctor')).exitCode).toBe(0)
    })
  })

  test('what was deployed before serves as it did', async () => {
    if (prepare !== makeLastRelease) return
    const migrated = await space.serve()
    expect(await (await migrated.fetch('/functions/old')).text()).toBe('old')
    expect(await (await migrated.fetch('/projects/default/functions/old')).text()).toBe('old')
    expect(await sqlite("SELECT active_version_id FROM functions WHERE name = 'old'")).toBe(
      'version',
    )
    await migrated.stop()
  })
}

describe('the other commands', () => {
  test('versions, rollback, list, show, invoke, delete', async () => {
    const two = new Workspace()
    try {
      const answer = (text: string) => `export default () => new Response('${text}')\n`
      await two.deploy('app', answer('one'))
      await two.deploy('app', answer('two'))
      const versions = JSON.parse((await two.command('versions', 'app', '--json')).stdout)
      expect(versions.map((row: { version: string }) => row.version).sort()).toEqual(['v1', 'v2'])

      service = await two.serve()
      expect(await (await service.fetch('/functions/app')).text()).toBe('two')
      const third = two.source('third.ts', answer('three'))
      const deployed = await two.command('deploy', 'app', third, '--json')
      expect(JSON.parse(deployed.stdout)).toMatchObject({
        function: 'app',
        version: 'v3',
        runtime: 'quickjs-ng',
        profile: 'strict',
        live: true,
      })
      expect(await (await service.fetch('/functions/app')).text()).toBe('three')

      expect((await two.command('rollback', 'app', 'v1')).exitCode).toBe(0)
      expect(await (await service.fetch('/functions/app')).text()).toBe('one')

      const invoked = await two.command('invoke', 'app', '/x', '--json')
      expect(JSON.parse(invoked.stdout)).toMatchObject({ status: 200, body: 'one' })
      const list = JSON.parse((await two.command('list', '--json')).stdout)
      expect(list).toHaveLength(1)
      expect(list[0]).toMatchObject({ name: 'app', version: 'v1', status: 'deployed' })
      expect((await two.command('show', 'app')).stdout).toContain('app')

      expect((await two.command('delete', 'app')).exitCode).toBe(0)
      expect((await service.fetch('/functions/app')).status).toBe(404)
    } finally {
      await service?.stop()
      service = undefined
      two.remove()
    }
  })

  test('the same version with other content is refused, with the same content it is no change', async () => {
    const two = new Workspace()
    try {
      await two.deploy('app', `export default () => new Response('a')\n`, '--version', 'v1')
      await two.deploy('app', `export default () => new Response('a')\n`, '--version', 'v1')
      const other = two.source('other.ts', `export default () => new Response('b')\n`)
      const result = await two.command('deploy', 'app', other, '--version', 'v1')
      expect(result.exitCode).toBe(1)
      expect(result.stderr).toContain('v1')
      const versions = JSON.parse((await two.command('versions', 'app', '--json')).stdout)
      expect(versions).toHaveLength(1)
    } finally {
      two.remove()
    }
  })
})
