/** A service as a process: its one line, its signals. */
import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Subprocess } from 'bun'
import { eventually } from '../testing/eventually.ts'
import { TestService } from '../testing/service-fixture.ts'
import { readServiceFile } from './service-file.ts'

const MAIN = resolve(import.meta.dir, '../main.ts')
const SLOW = `
export default async (req) => {
  await new Promise((done) => setTimeout(done, Number(new URL(req.url).searchParams.get('ms'))))
  return new Response('slow')
}
`

let space: TestService
let child: Subprocess<'ignore', 'pipe', 'pipe'>

/** Starts the service and returns the URL that it prints. */
async function serve(...flags: string[]): Promise<string> {
  space = new TestService()
  space.deploy('slow', SLOW)
  const args = ['serve', '--port', '0', '--data-dir', space.dataDir, ...flags]
  child = Bun.spawn([process.execPath, MAIN, ...args], {
    cwd: space.dataDir,
    env: { ...process.env, HTTP_PROXY: 'http://127.0.0.1:1' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const reader = child.stdout.getReader()
  const { value } = await reader.read()
  reader.releaseLock()
  const line = new TextDecoder().decode(value)
  expect(line).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+\n$/)
  return line.slice('listening on '.length, -1)
}

afterEach(async () => {
  child.kill('SIGKILL')
  await child.exited
  await space.remove()
})

describe('a service', () => {
  test('is found by its data directory while it runs, and leaves nothing behind', async () => {
    const url = await serve()
    const file = readServiceFile(space.dataDir)
    expect(file).toMatchObject({
      pid: child.pid,
      socket: join(space.dataDir, 'functions.sock'),
      url,
    })
    expect(await (await fetch(`${url}/functions/slow?ms=0`)).text()).toBe('slow')
    child.kill('SIGINT')
    expect(await child.exited).toBe(0)
    expect(existsSync(join(space.dataDir, 'service.json'))).toBe(false)
    expect(existsSync(join(space.dataDir, 'functions.sock'))).toBe(false)
    expect(existsSync(join(space.dataDir, 'metrics.db'))).toBe(true)
  }, 15_000)

  test('finishes running requests within its limit, then says so', async () => {
    const url = await serve('--shutdown-timeout', '500ms')
    const short = fetch(`${url}/functions/slow?ms=400`)
    const long = fetch(`${url}/functions/slow?ms=20000`)
    await Bun.sleep(200)
    const started = performance.now()
    child.kill('SIGTERM')
    expect(await (await short).text()).toBe('slow')
    const refused = await long
    expect(refused.status).toBe(503)
    expect(((await refused.json()) as { code: string }).code).toBe('SHUTTING_DOWN')
    expect(await child.exited).toBe(0)
    expect(performance.now() - started).toBeLessThan(4_000)
  }, 15_000)

  test('ends at once by a second signal', async () => {
    const url = await serve()
    const open = fetch(`${url}/functions/slow?ms=20000`).catch(() => 'reset')
    await Bun.sleep(200)
    child.kill('SIGTERM')
    await eventually('it drains', async () => (await fetch(`${url}/ready`)).status === 503)
    const started = performance.now()
    child.kill('SIGTERM')
    expect(await child.exited).toBe(1)
    expect(performance.now() - started).toBeLessThan(1_000)
    expect(await open).toBe('reset')
  }, 15_000)
})
