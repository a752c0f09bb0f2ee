/** A strict worker that seccomp killed: the tenant's log and the metrics report it, and requests are answered. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { problem, type Service, Workspace } from '../e2e/harness.ts'
import { INJECT } from './evil.ts'

const HANDLER = `
export default async (req: Request) => {
  if (new URL(req.url).pathname === '/wait') await new Promise((done) => setTimeout(done, 3000))
  return new Response('answer')
}
`
const possible = process.getuid?.() === 0 && process.arch === 'x64'
const SOCKET = ['41', '1', '1', '0']

const space = new Workspace()
let service: Service
beforeAll(async () => {
  await space.deploy('app', HANDLER)
  service = await space.serve()
}, 60_000)
afterAll(async () => {
  await service.stop('SIGKILL')
  space.remove()
})

async function breakOut(): Promise<void> {
  expect(await (await service.fetch('/functions/app')).text()).toBe('answer')
  let pid: number | null = null
  await eventually('its pid is known', async () => {
    pid = (await service.workers())[0]?.pid ?? null
    return pid !== null
  })
  const child = Bun.spawn([INJECT, `${pid}`, ...SOCKET], { stdout: 'pipe' })
  expect(await new Response(child.stdout).text()).toBe('killed 31\n')
}

function logged(): string[] {
  const path = join(space.dataDir, 'logs.db')
  if (!existsSync(path)) return []
  const db = openTestDatabase(path)
  // The file exists before its table does.
  const exists = db.query("SELECT 1 FROM sqlite_master WHERE name = 'logs'").get() !== null
  const rows = exists ? db.query<{ message: string }, []>('SELECT message FROM logs').all() : []
  db.close()
  return rows.map(({ message }) => message)
}

async function counted(): Promise<number> {
  const text = await service.metrics()
  const line =
    /^functions_sandbox_kills_total\{project="default",function="app",version="v1"\} (\d+)$/m.exec(
      text,
    )
  return Number(line?.[1])
}

test.if(possible)(
  'idle: the log and the metrics report it',
  async () => {
    await breakOut()
    await eventually('it is counted', async () => (await counted()) === 1)
    await eventually('it is logged', () =>
      logged().some(
        (message) => message.includes('SANDBOX_VIOLATION') && message.includes('SIGSYS'),
      ),
    )
    expect(await (await service.fetch('/functions/app')).text()).toBe('answer')
  },
  30_000,
)

test.if(possible)(
  'with a request in it: that one fails, the next is answered',
  async () => {
    expect(await (await service.fetch('/functions/app')).text()).toBe('answer')
    // A request that may run twice would be tried on another worker.
    const waiting = service.fetch('/functions/app/wait', { method: 'POST' })
    await eventually('it is in flight', async () => {
      return (await service.workers()).some((row) => row.state === 'busy')
    })
    await breakOut()
    const response = await waiting
    expect(response.status).toBe(502)
    expect((await problem(response)).code).toBe('SANDBOX_VIOLATION')
    expect(await counted()).toBe(2)
    expect(await (await service.fetch('/functions/app')).text()).toBe('answer')
  },
  30_000,
)
