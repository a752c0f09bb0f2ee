/** Requests whose worker is killed while it runs them: what may run twice is run once more. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { problem, type Service, Workspace } from './harness.ts'

const KIB_64 = 64 * 1024

/** Each run leaves a letter in a file. The first `hang` runs do not end; the last one answers. */
const handler = (dir: string) => `
import { readFile, writeFile } from 'node:fs/promises'
const forever = () => new Promise((done) => setTimeout(done, 60_000))
export default async (req: Request, ctx) => {
  const { searchParams: query, pathname } = new URL(req.url)
  const mark = '${dir}/' + query.get('id')
  const runs = await readFile(mark, 'utf8').catch(() => '')
  if (pathname === '/discard') await req.body?.cancel()
  const body = ['/unread', '/discard'].includes(pathname) ? '' : await req.text()
  await writeFile(mark, runs + 'x')
  console.log('run', runs.length + 1)
  if (pathname === '/no-byte') {
    const source = new ReadableStream({
      async pull(controller) {
        if (runs.length === 0) await forever()
        controller.enqueue(new TextEncoder().encode('run ' + (runs.length + 1)))
        controller.close()
      },
    })
    return new Response(source, { headers: { 'x-run': String(runs.length + 1) } })
  }
  const hangs = runs.length < Number(query.get('hang') ?? 1)
  if (pathname === '/stream') {
    const first = new TextEncoder().encode('first ')
    const source = new ReadableStream({
      async pull(controller) {
        controller.enqueue(first)
        await forever()
      },
    })
    return new Response(source)
  }
  if (hangs) await forever()
  const sum = [...body].reduce((sum, letter) => sum + letter.charCodeAt(0), 0)
  return Response.json({ run: runs.length + 1, size: body.length, sum, requestId: ctx.requestId })
}
`

/** How each kind of worker is deployed: forked, executed, and Bun. */
const KINDS = ['forked', 'executed', 'bun'] as const
type Kind = (typeof KINDS)[number]

const space = new Workspace()
const dir = join(space.dir, 'marks')
let service: Service
let ids = 0

beforeAll(async () => {
  mkdirSync(dir)
  // Workers have another user where the service runs as root.
  chmodSync(space.dir, 0o755)
  chmodSync(dir, 0o777)
  const files = { allowFilesystem: true, allowedPaths: [dir], maxMemory: '128MB' }
  const profile = (name: string, more: object) =>
    space.source(`${name}.json`, JSON.stringify({ ...files, ...more }))
  const flags: Record<Kind, string[]> = {
    forked: ['--profile', profile('forked', {})],
    executed: ['--profile', profile('executed', { allowChildProcess: true })],
    bun: ['--runtime', 'bun', '--profile', 'permissive'],
  }
  for (const kind of KINDS) await space.deploy(kind, handler(dir), ...flags[kind])
  service = await space.serve()
}, 60_000)

afterAll(async () => {
  await service.stop('SIGKILL')
  space.remove()
})

const newId = () => `id${++ids}`
const mark = (id: string) => join(dir, id)
const runsOf = (id: string) => (existsSync(mark(id)) ? readFileSync(mark(id), 'utf8').length : 0)

async function untilRuns(id: string, runs = 1): Promise<void> {
  await eventually(`run ${runs} of ${id}`, () => runsOf(id) === runs)
}

/** Kills every worker that runs a request of the function now. */
async function killWorkers(name: string): Promise<void> {
  const rows = await service.workers()
  const busy = rows.filter((row) => row.function === name && row.state === 'busy')
  const pids = busy.map((row) => row.pid)
  expect(pids.length).toBeGreaterThan(0)
  for (const pid of pids) process.kill(pid, 'SIGKILL')
}

interface Sent {
  id: string
  answer: Promise<Response>
}

function send(kind: Kind, path: string, init: RequestInit = {}): Sent {
  const id = newId()
  const query = path.includes('?') ? '&' : '?'
  return { id, answer: service.fetch(`/functions/${kind}${path}${query}id=${id}`, init) }
}

/** Sends requests, kills their workers once all of them run, and returns their responses. */
async function sendAndKill(kind: Kind, sent: Sent[]): Promise<Response[]> {
  await Promise.all(sent.map(({ id }) => untilRuns(id)))
  await killWorkers(kind)
  return await Promise.all(sent.map(({ answer }) => answer))
}

function logged(requestId: string): string[] {
  const db = openTestDatabase(join(space.dataDir, 'logs.db'))
  const rows = db
    .query<{ message: string }, [string]>('SELECT message FROM logs WHERE request_id = ?')
    .all(requestId)
  db.close()
  return rows.map(({ message }) => message)
}

async function counter(name: string, labels: string): Promise<number> {
  const text = await service.metrics()
  const line = text.split('\n').find((one) => one.startsWith(`${name}{project="default",${labels}`))
  return Number(line?.split(' ').at(-1) ?? 0)
}

const KEY = { 'idempotency-key': 'k1' }

describe.each(KINDS)('%s: a worker that is killed while it runs requests', (kind) => {
  test('costs none of those that may run twice', async () => {
    const all: RequestInit[] = [
      { method: 'GET' },
      { method: 'PUT', body: 'ab' },
      { method: 'POST', body: 'ab', headers: KEY },
      { method: 'HEAD' },
      { method: 'OPTIONS' },
      { method: 'DELETE' },
    ]
    // Each one of them needs a Bun worker.
    const inits = kind === 'bun' ? all.slice(0, 3) : all
    const sent = inits.map((init) => send(kind, '/', init))
    const responses = await sendAndKill(kind, sent)
    for (const [i, response] of responses.entries()) {
      expect([inits[i]?.method, response.status]).toEqual([inits[i]?.method, 200])
      if (inits[i]?.method === 'HEAD') continue
      const size = inits[i]?.body === undefined ? 0 : 2
      expect(await response.json()).toMatchObject({ run: 2, size })
    }
    for (const { id } of sent) expect(runsOf(id)).toBe(2)
  }, 60_000)
})

describe('a request that a worker lost', () => {
  test('and that may not run twice fails, and says why; its neighbours do not', async () => {
    const post = send('forked', '/', { method: 'POST', body: 'ab' })
    const patch = send('forked', '/', { method: 'PATCH', headers: { 'idempotency-key': '' } })
    const neighbours = Array.from({ length: 10 }, () => send('forked', '/'))
    const all = [post, patch, ...neighbours]
    const [posted, patched, ...others] = await sendAndKill('forked', all)
    for (const [response, method] of [
      [posted, 'POST'],
      [patched, 'PATCH'],
    ] as const) {
      const document = await problem(response as Response)
      expect(document).toMatchObject({ status: 502, code: 'WORKER_CRASHED' })
      expect(document.detail).toBe(
        `The worker was killed by signal 9. The request was not tried again, because ${method} may run twice only with an Idempotency-Key header.`,
      )
    }
    for (const response of others) expect(await response.json()).toMatchObject({ run: 2 })
    expect([runsOf(post.id), runsOf(patch.id)]).toEqual([1, 1])
  }, 30_000)

  test('is one request: one id, one invocation in the metrics; its log has both runs', async () => {
    const ok = 'function="forked",version="v1",outcome="ok"'
    const before = await counter('functions_invocations_total', ok)
    const retried = await counter('functions_retries_total', 'function="forked"')
    const headers = { 'x-request-id': 'the-one' }
    const [response] = await sendAndKill('forked', [send('forked', '/', { headers })])
    expect(response?.headers.get('x-request-id')).toBe('the-one')
    expect(await response?.json()).toMatchObject({ run: 2, requestId: 'the-one' })
    await eventually('it is counted', async () => {
      return (await counter('functions_invocations_total', ok)) === before + 1
    })
    expect(await counter('functions_retries_total', 'function="forked"')).toBe(retried + 1)
    await eventually('the log is written', () => logged('the-one').length === 3)
    const [first, lost, second] = logged('the-one')
    expect([first, second]).toEqual(['run 1', 'run 2'])
    expect(lost).toBe(
      'WORKER_CRASHED: The worker was killed by signal 9. The request is tried on another worker. What it gave to waitUntil in this one is lost.',
    )
    expect(service.log).toContain('a request is tried on another worker')
  }, 30_000)

  test('twice is not tried a third time, and its log says so', async () => {
    const headers = { 'x-request-id': 'two-kills' }
    const { id, answer } = send('forked', '/?hang=9', { headers })
    for (const run of [1, 2]) {
      await untilRuns(id, run)
      await killWorkers('forked')
    }
    const document = await problem(await answer)
    expect(document).toMatchObject({ status: 502, code: 'WORKER_CRASHED' })
    expect(document.detail).toEndWith('because 2 workers ended while they ran it.')
    expect(runsOf(id)).toBe(2)
    await eventually('the log is written', () => logged('two-kills').length === 4)
    expect(logged('two-kills').at(-1)).toContain('because 2 workers ended while they ran it.')
  }, 30_000)

  test('of a function that was deployed with --no-retry is not tried again', async () => {
    const flags = ['--profile', join(space.dir, 'forked.json'), '--no-retry']
    await space.deploy('once', handler(dir), ...flags)
    const id = newId()
    const answer = service.fetch(`/functions/once?id=${id}`)
    await untilRuns(id)
    await killWorkers('once')
    const document = await problem(await answer)
    expect(document).toMatchObject({ status: 502, code: 'WORKER_CRASHED' })
    expect(document.detail).toEndWith('because its function was deployed with --no-retry.')
    expect(runsOf(id)).toBe(1)
    await space.deploy(
      'once',
      `${handler(dir)}\n// changed`,
      '--profile',
      join(space.dir, 'forked.json'),
    )
    const again = newId()
    const second = service.fetch(`/functions/once?id=${again}`)
    await untilRuns(again)
    await killWorkers('once')
    expect(await (await second).json()).toMatchObject({ run: 2 })
    expect((await space.command('rollback', 'once')).exitCode).toBe(0)
    const last = newId()
    const third = service.fetch(`/functions/once?id=${last}`)
    await untilRuns(last)
    await killWorkers('once')
    expect((await third).status).toBe(502)
  }, 30_000)

  test('between the head of its response and the first byte has lost nothing yet', async () => {
    const requests = KINDS.map(async (kind) => {
      const [response] = await sendAndKill(kind, [send(kind, '/no-byte')])
      expect([response?.headers.get('x-run'), await response?.text()]).toEqual(['2', 'run 2'])
    })
    await Promise.all(requests)
  }, 30_000)

  test('after a part of its response left is cut off', async () => {
    const { id, answer } = send('forked', '/stream')
    const response = await answer
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toStartWith('first')
    await killWorkers('forked')
    const rest = async () => {
      while (!(await reader.read()).done);
    }
    await expect(rest()).rejects.toThrow()
    expect(runsOf(id)).toBe(1)
  }, 30_000)

  test('while others wait for that worker costs those nothing either', async () => {
    await space.deploy(
      'single',
      handler(dir),
      '--profile',
      join(space.dir, 'forked.json'),
      '--concurrency',
      '1',
      '--max-workers',
      '1',
    )
    const ids = [newId(), newId(), newId()]
    const path = (id: string) => `/functions/single?id=${id}`
    const [first = '', ...waiting] = ids
    const running = service.fetch(path(first))
    await untilRuns(first)
    const post = { method: 'POST', body: 'x' }
    const queued = waiting.map((id) => service.fetch(`${path(id)}&hang=0`, post))
    await eventually('they wait', async () => {
      return /^functions_queued 2$/m.test(await service.metrics())
    })
    await killWorkers('single')
    expect(await (await running).json()).toMatchObject({ run: 2 })
    for (const response of queued) expect(await (await response).json()).toMatchObject({ run: 1 })
  }, 30_000)
})

describe('the body of a request that a worker lost', () => {
  const letters = (size: number) => 'abcdefg'.repeat(Math.ceil(size / 7)).slice(0, size)
  const sumOf = (text: string) => [...text].reduce((sum, one) => sum + one.charCodeAt(0), 0)
  const inParts = (text: string) =>
    new ReadableStream({
      async start(controller) {
        for (let i = 0; i < text.length; i += 10_000) {
          controller.enqueue(Buffer.from(text.slice(i, i + 10_000)))
          await Bun.sleep(1)
        }
        controller.close()
      },
    })

  test('of up to 64 KiB is sent again, whole or in parts', async () => {
    const text = letters(KIB_64)
    const sent = [text, inParts(text), text.slice(0, 40_000), inParts(text.slice(0, 40_000))].map(
      (body) => send('forked', '/', { method: 'PUT', body }),
    )
    const responses = await sendAndKill('forked', sent)
    for (const [i, response] of responses.entries()) {
      const size = i < 2 ? KIB_64 : 40_000
      expect(await response.json()).toMatchObject({ run: 2, size, sum: sumOf(letters(size)) })
    }
  }, 30_000)

  test('is read to its end by the second worker, if the first one ended before', async () => {
    const id = newId()
    const head = `PUT /functions/forked/?id=${id}&hang=0 HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\nConnection: close\r\n\r\n`
    await service.fetch(`/functions/forked?id=${newId()}&hang=0`)
    let answer = ''
    const closed = Promise.withResolvers<void>()
    const socket = await Bun.connect({
      hostname: '127.0.0.1',
      port: service.port,
      socket: {
        data(_, chunk) {
          answer += chunk.toString()
        },
        close: () => closed.resolve(),
      },
    })
    socket.write(`${head}0123456789`)
    await eventually('a worker has its first half', async () => {
      return (await service.workers()).some(
        (row) => row.function === 'forked' && row.state === 'busy',
      )
    })
    await killWorkers('forked')
    socket.write('0123456789')
    await closed.promise
    expect(answer).toMatch(/^HTTP\/1\.1 200 [\s\S]*"run":1,"size":20/)
  }, 30_000)

  test('that is larger, or was discarded in part, is not: the error says why', async () => {
    const large = [letters(KIB_64 + 1), inParts(letters(KIB_64 + 1))].map((body) =>
      send('forked', '/', { method: 'PUT', body }),
    )
    const small = send('forked', '/unread', { method: 'PUT', body: letters(KIB_64) })
    const endless = new ReadableStream({ start: (controller) => controller.enqueue('part') })
    const cancelled = send('forked', '/discard', { method: 'PUT', body: endless })
    const all = [...large, small, cancelled]
    const [declared, chunked, unread, discarded] = await sendAndKill('forked', all)
    for (const response of [declared, chunked] as Response[]) {
      const { detail } = await problem(response)
      expect(detail).toEndWith('not tried again, because its body is larger than 64 KiB.')
    }
    expect(await unread?.json()).toMatchObject({ run: 2 })
    expect((await problem(discarded as Response)).detail).toEndWith(
      'because a part of its body was discarded.',
    )
  }, 30_000)
})
