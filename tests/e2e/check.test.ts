/** `functions check` and its repairs, with the real executable and workers. */
import { afterAll, expect, test } from 'bun:test'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { join } from 'node:path'
import { Workspace } from './harness.ts'

const space = new Workspace()
afterAll(() => space.remove())

const at = (path: string) => join(space.dataDir, path)
const source = (text: string) => `export default () => new Response('${text}')\n`

test('a broken data directory is named while the service runs, and repaired when it is stopped', async () => {
  for (const text of ['1', '2', '3']) await space.deploy('app', source(text))
  await space.deploy('alone', source('alone'))
  let service = await space.serve()
  expect(await space.command('check')).toMatchObject({ exitCode: 0, stderr: '' })
  appendFileSync(at('bundles/func-app/v3/bundle.js'), '// changed')
  rmSync(at('bundles/func-alone/v1/bundle.js'))
  mkdirSync(at('bundles/func-app/v7'))
  const found = await space.command('check', '--json')
  expect(found.exitCode).toBe(1)
  const { ok, findings } = JSON.parse(found.stdout)
  expect(ok).toBe(false)
  expect(findings.map(({ kind }: { kind: string }) => kind).toSorted()).toEqual([
    'bundle-damaged',
    'bundle-missing',
    'bundle-orphaned',
  ])
  const refused = await space.command('check', '--repair')
  expect(refused.exitCode).toBe(1)
  expect(refused.stderr).toContain('stop it before a repair')
  await service.stop()

  const repaired = await space.command('check', '--repair')
  expect(repaired.exitCode).toBe(1)
  expect(repaired.stdout).toContain("repaired: function 'app': version 'v2' is active again")
  expect(repaired.stdout).toContain('repaired: 1 bundle without a version: deleted')
  expect(repaired.stdout).toContain(
    "error: bundles/func-alone/v1/bundle.js: the bundle of version 'v1'",
  )
  expect(existsSync(at('bundles/func-app/v7'))).toBe(false)
  service = await space.serve()
  expect(await (await service.fetch('/functions/app')).text()).toBe('2')
  await service.stop()
}, 30_000)

test('a lost database is rebuilt; until then no service starts and nothing is deleted', async () => {
  for (const suffix of ['', '-wal', '-shm']) rmSync(at(`metadata.db${suffix}`), { force: true })
  const serve = await space.command('serve', '--port', '0')
  expect(serve.exitCode).toBe(1)
  expect(serve.stderr).toContain("'functions check --repair'")
  const repaired = JSON.parse((await space.command('check', '--repair', '--json')).stdout)
  expect(repaired).toMatchObject({ ok: true, findings: [] })
  const service = await space.serve()
  expect(await (await service.fetch('/functions/app')).text()).toBe('2')
  expect((await service.fetch('/functions/alone')).status).toBe(404)
  await service.stop()
}, 30_000)

test('an emptied database is refused by every command that would write to it', async () => {
  const bundles = () => readdirSync(at('bundles/func-app'))
  const before = bundles()
  for (const suffix of ['-wal', '-shm']) rmSync(at(`metadata.db${suffix}`), { force: true })
  truncateSync(at('metadata.db'))
  for (const command of [['serve', '--port', '0'], ['list'], ['gc']]) {
    const { exitCode, stderr } = await space.command(...command)
    expect([command, exitCode]).toEqual([command, 1])
    expect(stderr).toContain('its metadata.db has no tables')
    expect(statSync(at('metadata.db')).size).toBe(0)
  }
  const repaired = JSON.parse((await space.command('check', '--repair', '--json')).stdout)
  expect(repaired).toMatchObject({ ok: true, findings: [] })
  expect(bundles()).toEqual(before)
  expect((await space.command('list')).stdout).toContain('app')
}, 30_000)

test('wrong usage is refused', async () => {
  expect((await space.command('check', '--from', 'x')).exitCode).toBe(2)
  const none = await space.command('check', '--repair', '--from', 'none.tar')
  expect(none).toMatchObject({ exitCode: 2, stdout: '' })
  expect(none.stderr).toContain('The backup none.tar does not exist')
  const target = join(space.dataDir, '../restored')
  const restored = await space.command('restore', 'none.tar', '--data-dir', target)
  expect(restored.stderr).toContain('The backup none.tar does not exist')
  expect(existsSync(target)).toBe(false)
})
