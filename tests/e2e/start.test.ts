/** What ends the start, and what fails one function alone. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { problem, run, Workspace } from './harness.ts'

const space = new Workspace()

beforeAll(async () => {
  for (const name of ['one', 'two', 'three']) {
    await space.deploy(name, `export default () => new Response('${name}')\n`)
  }
}, 30_000)
afterAll(() => space.remove())

/** The start fails: exit 1 and one sentence that names `what`. */
async function fails(args: string[], what: RegExp, env: Record<string, string> = {}) {
  const result = await run(args, { cwd: space.dir, env })
  expect(result.exitCode).toBe(1)
  expect(result.stdout).toBe('')
  expect(result.stderr).toMatch(what)
  expect(result.stderr.trim().split('\n')).toHaveLength(1)
}

describe('the start ends with one sentence', () => {
  test('when the port is taken', async () => {
    const taken = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
    await fails(
      ['serve', '--port', String(taken.port), '--data-dir', space.dataDir],
      new RegExp(`${taken.port}`),
    )
    taken.stop(true)
  })

  test('when another service has the port', async () => {
    const service = await space.serve()
    const dataDir = join(space.dir, 'other-data')
    const flags = ['--port', String(service.port), '--data-dir', dataDir]
    await fails(['serve', ...flags], new RegExp(`Port ${service.port} .* in use`))
    expect(await service.stop()).toBe(0)
  })

  test('when the host is not an address of this machine', async () => {
    for (const host of ['203.0.113.1', 'nowhere.invalid']) {
      const flags = ['--host', host, '--port', '0', '--data-dir', space.dataDir]
      await fails(['serve', ...flags], new RegExp(`${host} is not an address of this machine`))
    }
  })

  test('when another service has the data directory, and that one continues', async () => {
    const service = await space.serve()
    await fails(['serve', '--port', '0', '--data-dir', space.dataDir], /data|running|lock/i)
    expect(await (await service.fetch('/functions/one')).text()).toBe('one')
    expect(await service.stop()).toBe(0)
  })

  test('when the socket is in use by another program', async () => {
    const path = join(space.dir, 'taken.sock')
    const taken = Bun.listen({ unix: path, socket: { data() {} } })
    await fails(
      ['serve', '--port', '0', '--data-dir', space.dataDir, '--socket', path],
      /taken\.sock/,
    )
    taken.stop(true)
  })

  test('when the data directory cannot be written', async () => {
    writeFileSync(join(space.dir, 'file'), '')
    await fails(['serve', '--port', '0', '--data-dir', join(space.dir, 'file/data')], /data/)
    await fails(['serve', '--port', '0', '--data-dir', '/proc/functions'], /proc\/functions/)
  })

  test('when the database is of a newer release', async () => {
    const dir = join(space.dir, 'newer')
    mkdirSync(dir)
    copyFileSync(join(space.dataDir, 'metadata.db'), join(dir, 'metadata.db'))
    const db = openTestDatabase(join(dir, 'metadata.db'))
    db.run(
      `INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('of-a-later-release', ${Date.now() + 1e12})`,
    )
    db.close()
    await fails(['serve', '--port', '0', '--data-dir', dir], /newer/)
  })

  test('when the configuration has a wrong key, value or syntax: file and line', async () => {
    const rows: [string, RegExp][] = [
      ['[server]\nport = 8080\nprot = 1\n', /functions\.toml:3.*prot/],
      ['[server]\n\nport = "many"\n', /functions\.toml:3.*port/],
      ['[server\n', /functions\.toml:1/],
      ['[pool]\nmax_workers = -1\n', /functions\.toml:2.*max_workers/],
      ['[server]\nmax_body = "12 parsecs"\n', /functions\.toml:2.*max_body/],
    ]
    for (const [text, what] of rows) {
      const path = join(space.dir, 'functions.toml')
      writeFileSync(path, text)
      await fails(['serve', '--data-dir', space.dataDir, '--config', path], what)
      rmSync(path)
    }
    await fails(['serve', '--data-dir', space.dataDir], /FUNCTIONS_SERVER_PORT/, {
      FUNCTIONS_SERVER_PORT: 'many',
    })
  }, 20_000)
})

test('what is kept can be read by its owner alone', async () => {
  const service = await space.serve()
  await (await service.fetch('/functions/one')).text()
  const files = readdirSync(space.dataDir, { recursive: true, withFileTypes: true })
  const open = files
    .filter((file) => file.isFile() && !file.parentPath.includes('/bin/'))
    .filter((file) => (statSync(join(file.parentPath, file.name)).mode & 0o077) !== 0)
  expect(files.length).toBeGreaterThan(5)
  expect(open.map((file) => file.name)).toEqual([])
  await service.stop()
})

describe('one bad function', () => {
  test('whose bundle changed or is gone fails alone', async () => {
    const bundle = (name: string) => join(space.dataDir, `bundles/func-${name}/v1/bundle.js`)
    rmSync(bundle('one'))
    rmSync(bundle('two'))
    writeFileSync(bundle('two'), 'export default () => new Response("other")\n')
    const service = await space.serve()
    for (const name of ['one', 'two']) {
      const document = await problem(await service.fetch(`/functions/${name}`))
      expect(document.code).toBe('BUNDLE_LOAD_ERROR')
      const path = `bundles/func-${name}/v1/bundle.js`
      await eventually('the log names the bundle', () => service.log.includes(path))
    }
    expect(await (await service.fetch('/functions/three')).text()).toBe('three')
    await service.stop()
  })
})
