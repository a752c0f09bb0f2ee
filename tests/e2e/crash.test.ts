/** Processes that die: workers, the template, the control plane. */
import { afterAll, afterEach, describe, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import {
  alive,
  descendants,
  EXECUTABLE,
  parentOf,
  problem,
  type Service,
  Workspace,
} from './harness.ts'

const HANDLER = `
export default async (req: Request) => {
  const url = new URL(req.url)
  if (url.pathname === '/wait') await new Promise((done) => setTimeout(done, 3000))
  return new Response('answer')
}
`

const space = new Workspace()
let service: Service | undefined

afterEach(async () => {
  await service?.stop('SIGKILL')
  service = undefined
})

afterAll(() => space.remove())

async function oneWorker(running: Service): Promise<number> {
  expect(await (await running.fetch('/functions/app')).text()).toBe('answer')
  const [row] = await running.workers()
  if (row === undefined) {
    throw new Error('no worker')
  }
  return row.pid
}

describe('a worker', () => {
  test('that dies by a signal fails what was in flight and may not run twice, and only that', async () => {
    await space.deploy('app', HANDLER)
    service = await space.serve()
    for (const signal of ['SIGSEGV', 'SIGABRT', 'SIGKILL'] as const) {
      const pid = await oneWorker(service)
      const waiting = service.fetch('/functions/app/wait', { method: 'POST' })
      await eventually('it is in flight', async () => {
        const rows = await (service as Service).workers()
        return rows.some((row) => row.pid === pid && row.state === 'busy')
      })
      process.kill(pid, signal)
      const response = await waiting
      expect(response.status).toBe(502)
      expect((await problem(response)).code).toBe('WORKER_CRASHED')
      expect(await (await service.fetch('/functions/app')).text()).toBe('answer')
      expect(await oneWorker(service)).not.toBe(pid)
    }
  }, 30_000)
})

describe('the template', () => {
  test('that dies takes its workers with it, and the next request is served', async () => {
    service = await space.serve()
    const pid = await oneWorker(service)
    const template = parentOf(pid)
    process.kill(template, 'SIGKILL')
    await eventually('the worker is gone', () => !alive(pid))
    expect(await (await service.fetch('/functions/app')).text()).toBe('answer')
    expect(await oneWorker(service)).not.toBe(pid)
  }, 30_000)
})

describe('the control plane', () => {
  test('killed by kill -9 leaves no process, and the next start serves', async () => {
    service = await space.serve()
    await oneWorker(service)
    const below = descendants(service.process.pid)
    expect(below.length).toBeGreaterThanOrEqual(3)
    await service.stop('SIGKILL')
    await eventually('all are gone', () => below.every((pid) => !alive(pid)))
    service = await space.serve()
    expect(await (await service.fetch('/functions/app')).text()).toBe('answer')
  }, 30_000)

  test('a deploy killed at any moment is whole or absent', async () => {
    const file = space.source('late.ts', `export default () => new Response('late')\n`)
    for (const delayMs of [5, 20, 40, 60, 80, 100, 130, 160, 200, 260]) {
      const name = `late-${delayMs}`
      const child = Bun.spawn([EXECUTABLE, 'deploy', name, file, '--data-dir', space.dataDir], {
        stdin: 'ignore',
        stdout: 'ignore',
        stderr: 'ignore',
      })
      await Bun.sleep(delayMs)
      child.kill('SIGKILL')
      await child.exited
    }
    service = await space.serve()
    const list = JSON.parse((await space.command('list', '--json')).stdout) as { name: string }[]
    for (const { name } of list.filter((row) => row.name.startsWith('late-'))) {
      expect(await (await service.fetch(`/functions/${name}`)).text()).toBe('late')
    }
    const known = new Set(list.map((row) => `func-${row.name}`))
    const folders = readdirSync(join(space.dataDir, 'bundles'))
    for (const folder of folders.filter((name) => !name.startsWith('.'))) {
      expect(known).toContain(folder)
    }
    expect(await (await service.fetch('/functions/app')).text()).toBe('answer')
  }, 60_000)

  test('on SIGTERM takes no new work, finishes what runs and exits 0', async () => {
    service = await space.serve()
    await oneWorker(service)
    const below = descendants(service.process.pid)
    const serving = service
    const waiting = serving.fetch('/functions/app/wait')
    await eventually('a worker has the request', async () =>
      (await serving.workers()).some((row) => row.state === 'busy'),
    )
    service.process.kill('SIGTERM')
    await Bun.sleep(100)
    const refused = await service.fetch('/functions/app').catch(() => undefined)
    expect(refused === undefined || refused.status === 503).toBe(true)
    expect(await (await waiting).text()).toBe('answer')
    expect(await service.process.exited).toBe(0)
    expect(below.filter(alive)).toEqual([])
  }, 30_000)
})
