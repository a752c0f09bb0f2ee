/** A load of requests that may run twice, while a worker is killed every second: no request fails. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Service, Workspace } from './harness.ts'

const LOAD_MS = Number(process.env.KILLED_WORKERS_MS ?? 10_000)
const KILL_EVERY_MS = Number(process.env.KILL_EVERY_MS ?? 1_000)

/** A part of the requests is short, as the usual handler; a part waits, and so shares its worker. */
const HANDLER = `
export default async (req: Request) => {
  const { searchParams } = new URL(req.url)
  const wait = Number(searchParams.get('wait') ?? 0)
  const body = await req.text()
  if (wait > 0) await new Promise((done) => setTimeout(done, wait))
  return new Response('answer ' + body)
}
`

/** What each client sends over and over. */
const LOADS: {
  name: string
  clients: number
  flags: string[]
  path: string
  init?: RequestInit
}[] = [
  { name: 'hello', clients: 10, flags: [], path: '/' },
  { name: 'slow', clients: 8, flags: ['--concurrency', '2'], path: '/?wait=30' },
  {
    name: 'upload',
    clients: 8,
    flags: ['--concurrency', '4'],
    path: '/?wait=10',
    init: { method: 'PUT', body: 'x'.repeat(20_000) },
  },
  {
    name: 'programs',
    clients: 4,
    flags: ['--concurrency', '2', '--profile', 'programs.json'],
    path: '/?wait=10',
    init: { method: 'POST', body: 'x', headers: { 'idempotency-key': 'k' } },
  },
  {
    name: 'bun',
    clients: 2,
    flags: ['--runtime', 'bun', '--profile', 'permissive', '--max-workers', '2'],
    path: '/?wait=10',
  },
]

const space = new Workspace()
let service: Service

beforeAll(async () => {
  space.source('programs.json', JSON.stringify({ allowChildProcess: true }))
  await Promise.all(LOADS.map(({ name, flags }) => space.deploy(name, HANDLER, ...flags)))
  service = await space.serve()
}, 60_000)

afterAll(async () => {
  await service.stop('SIGKILL')
  space.remove()
})

test('no request fails', async () => {
  const failures: string[] = []
  const counts: Record<string, number> = {}
  const end = performance.now() + LOAD_MS
  const client = async ({ name, path, init }: (typeof LOADS)[number]) => {
    const expected = `answer ${init?.body ?? ''}`
    while (performance.now() < end) {
      try {
        const response = await service.fetch(`/functions/${name}${path}`, init)
        const text = await response.text()
        if (text !== expected) failures.push(`${name}: ${response.status} ${text.slice(0, 400)}`)
      } catch (error) {
        failures.push(`${name}: ${error}`)
      }
      counts[name] = (counts[name] ?? 0) + 1
    }
  }
  const killed = new Set<number>()
  const killer = async () => {
    while (performance.now() < end) {
      await Bun.sleep(KILL_EVERY_MS)
      const live = (await service.workers()).filter((row) => row.pid > 0 && !killed.has(row.pid))
      const victim = live[Math.floor(Math.random() * live.length)]
      if (victim === undefined) continue
      killed.add(victim.pid)
      try {
        process.kill(victim.pid, 'SIGKILL')
      } catch {
        // It was replaced in the meantime.
      }
    }
  }
  const clients = LOADS.flatMap((load) => Array.from({ length: load.clients }, () => client(load)))
  await Promise.all([...clients, killer()])
  expect(failures).toEqual([])
  expect(killed.size).toBeGreaterThan(LOAD_MS / KILL_EVERY_MS / 4)
  for (const { name } of LOADS) expect(counts[name]).toBeGreaterThan(20)
}, 120_000)
