/** Files as people have them: byte order marks, broken JSON, copies; and what a command may write. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cpSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { EXECUTABLE, run, type Service, Workspace } from './harness.ts'

const MARK = '\ufeff'
const workspace = new Workspace()
let service: Service

beforeAll(async () => {
  service = await workspace.serve()
  await workspace.deploy('hello', 'export default () => new Response("hello")')
})

afterAll(async () => {
  await service.stop()
  workspace.remove()
})

test('byte order marks are accepted wherever people write text', async () => {
  const config = workspace.source('marked.toml', `${MARK}[server]\nmax_body = "1MB"\n`)
  const settings = await workspace.command('config', '--config', config)
  expect(settings.stdout).toMatch(/server\.max_body +1048576|server\.max_body +1MB/)
  const profile = workspace.source('marked.json', `${MARK}{"maxMemory":"64MB"}`)
  workspace.source('data.json', `${MARK}{"a":1}`)
  const file = workspace.source(
    'marked.ts',
    `${MARK}import data from './data.json'\nexport default () => Response.json(data)`,
  )
  const deployed = await workspace.command('deploy', 'marked', file, '--profile', profile)
  expect(deployed).toMatchObject({ exitCode: 0, stderr: '' })
  expect(await (await service.fetch('/functions/marked')).json()).toEqual({ a: 1 })
})

test('a profile that is not JSON is named with its line and column', async () => {
  const profile = workspace.source('bad.json', `${MARK}{\n  "allowEval": true,\n  maxMemory: 1\n}`)
  const args = ['deploy', 'x', join(workspace.dir, 'hello.ts'), '--profile', profile]
  const text = await workspace.command(...args)
  expect(text.exitCode).toBe(2)
  expect(text.stderr).toBe(
    `${profile}:3:3: ${profile} is not a valid profile: it is not valid JSON (unexpected 'm').\n`,
  )
  const json = await workspace.command(...args, '--json')
  expect(JSON.parse(json.stderr).error).toMatchObject({ file: profile, line: 3, column: 3 })
})

test('commands that only read write nothing to the current folder', async () => {
  const cwd = join(workspace.dir, 'elsewhere')
  mkdirSync(cwd)
  for (const args of [['version'], ['version', '--json'], ['list'], ['config'], ['show', 'x']]) {
    await run(args, { cwd })
    expect(readdirSync(cwd)).toEqual([])
  }
})

describe('a program that is configured and is another one is named, with its setting:', () => {
  test.each([
    ['quickjs-worker', 'worker.quickjs_path', '/bin/false'],
    ['functions-launcher', 'worker.launcher_path', '/bin/false'],
    ['functions-launcher', 'worker.launcher_path', '/bin/true'],
    ['functions-launcher', 'worker.launcher_path', '/bin/cat'],
    ['functions-launcher', 'worker.launcher_path', EXECUTABLE],
  ])(
    '%s, %s = %s',
    async (program, key, path) => {
      const env = { [`FUNCTIONS_${key.replace('.', '_').toUpperCase()}`]: path }
      const dataDir = ['--data-dir', join(workspace.dir, 'other')]
      const file = join(workspace.dir, 'hello.ts')
      for (const args of [
        ['deploy', 'x', file],
        ['serve', '--port', '0'],
      ]) {
        const { exitCode, stderr } = await run([...args, ...dataDir], { env })
        expect(exitCode).toBe(1)
        expect(stderr).toContain(`${path} is not a ${program}`)
        expect(stderr).toContain(key)
      }
    },
    40_000,
  )
})

test('a copied data directory does not lead to the service of the original', async () => {
  const copy = join(workspace.dir, 'copy')
  cpSync(workspace.dataDir, copy, {
    recursive: true,
    filter: (path) => !statSync(path).isSocket(),
  })
  const command = (...args: string[]) => run([...args, '--data-dir', copy], { cwd: workspace.dir })
  const removed = await command('delete', 'hello')
  expect(removed.exitCode).toBe(0)
  expect(removed.stderr).toContain(`note: ${copy} is a copy`)
  expect((await command('list', '--json')).stdout).not.toContain('hello')
  // The original still has it.
  expect((await workspace.command('list')).stdout).toContain('hello')
  expect((await service.fetch('/functions/hello')).status).toBe(200)
  const invoked = await command('invoke', 'hello')
  expect(invoked.exitCode).toBe(1)
  expect(invoked.stderr).toContain(`No service is running on the data directory ${copy}`)
})
