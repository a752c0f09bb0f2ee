/** Who changed what, and what was refused, as an operator reads it. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Service, Workspace } from './harness.ts'
import { Managed } from './management.ts'

let managed: Managed
let space: Workspace
let service: Service

interface Entry {
  actor: string
  address: string | null
  action: string
  project: string | null
  object: string | null
  outcome: string
  details: Record<string, unknown>
  count: number
}

/** What is counted is written at the end of its minute, or when the service stops. */
async function audit(...args: string[]): Promise<Entry[]> {
  const { stdout, stderr } = await space.command('audit', '--json', ...args)
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

async function command(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await space.command(...args)
  expect([args, exitCode, exitCode === 0 ? '' : stderr]).toEqual([args, 0, ''])
  return stdout
}

beforeAll(async () => {
  managed = await Managed.start()
  ;({ space, service } = managed)
})

afterAll(() => managed.remove())

test('each change has its entry, newest first, with who and from where', async () => {
  await command('project', 'create', 'shop')
  await space.deploy('app', "export default () => new Response('a')", '--project', 'shop')
  await space.deploy('app', "export default () => new Response('b')", '--project', 'shop')
  await command('rollback', 'app', '--project', 'shop')
  await command('delete', 'app', '--project', 'shop')
  const entries = await audit('--project', 'shop')
  expect(entries.map(({ action, object }) => [action, object])).toEqual([
    ['function.delete', 'app'],
    ['function.rollback', 'app'],
    ['function.deploy', 'app'],
    ['function.deploy', 'app'],
  ])
  expect(entries[2]).toMatchObject({
    ...{ actor: 'socket', address: null, outcome: 'done', count: 1 },
    details: { version: 'v2' },
  })
  expect((await audit())[4]).toMatchObject({
    action: 'project.create',
    details: { profile: 'strict' },
  })
  const text = await command('audit', '--limit', '2')
  expect(text).toMatch(/^TIME.*\n.*function\.delete.*\n.*function\.rollback.*\n$/)
})

test('refused attempts are counted by token and address, and by stranger', async () => {
  const created = await command(
    ...['token', 'create', 'reader', '--role', 'viewer', '--scope', 'project:shop', '--json'],
  )
  const { token } = JSON.parse(created)
  const attempt = async (text: string) =>
    (await managed.ask(text, '/v1/projects/shop/functions/app', { method: 'DELETE' })).status
  for (let i = 0; i < 3; i++) expect(await attempt(token)).toBe(403)
  expect(await attempt('fn_wrong')).toBe(401)
  await service.stop()
  const entries = await audit('--since', '1h')
  expect(
    entries.find(({ outcome, actor }) => outcome === 'refused' && actor === 'shop/reader'),
  ).toMatchObject({
    ...{ address: '127.0.0.1', action: 'function.delete', project: 'shop', object: 'app' },
    ...{ count: 3, details: { code: 'FORBIDDEN' } },
  })
  expect(entries.find(({ actor }) => actor === 'nobody')).toMatchObject({
    ...{ address: '127.0.0.1', action: 'authenticate', outcome: 'refused', count: 1 },
  })
  expect(JSON.stringify(entries)).not.toContain(token)
  // A change without a service has its entry too.
  await command('project', 'create', 'offline')
  expect((await audit('--limit', '1'))[0]).toMatchObject({
    action: 'project.create',
    actor: 'socket',
  })
})

test('a wrong flag says what is right', async () => {
  for (const args of [
    ['--since', 'yesterday'],
    ['--limit', '0'],
    ['--limit', '1001'],
  ]) {
    const { exitCode, stderr } = await space.command('audit', ...args)
    expect([args, exitCode, stderr.includes(args[0] as string)]).toEqual([args, 2, true])
  }
})
