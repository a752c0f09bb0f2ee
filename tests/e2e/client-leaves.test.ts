/** A client that leaves: its function is told, and what the function has begun goes on. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { eventually } from '../../src/testing/eventually.ts'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { type Service, Workspace } from './harness.ts'

const HANDLER = `
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const log = (what: string) => console.log(what)
const acts = {
  /** Ignores the abort: its finally block, and what it hands to waitUntil, come a while later. */
  async head(req: Request, ctx) {
    req.signal.addEventListener('abort', () => log('head: ' + req.signal.reason.name))
    ctx.waitUntil(sleep(700).then(() => log('head: waited')))
    try {
      await sleep(400)
      return new Response('unread')
    } finally {
      await sleep(20)
      log('head: finally')
    }
  },
  /** Ends when it is told. */
  async obeys(req: Request) {
    try {
      await new Promise((_, reject) => {
        req.signal.addEventListener('abort', () => reject(req.signal.reason))
      })
    } finally {
      await sleep(20)
      log('obeys: finally')
    }
  },
  async body(req: Request, ctx) {
    async function* parts() {
      try {
        for (;;) {
          yield new TextEncoder().encode('part ')
          await sleep(20)
        }
      } finally {
        await sleep(100)
        log('body: finally')
      }
    }
    req.signal.addEventListener('abort', () => log('body: ' + req.signal.reason.name))
    ctx.waitUntil(sleep(500).then(() => log('body: waited')))
    const all = parts()
    return new Response(new ReadableStream({
      async pull(controller) { controller.enqueue((await all.next()).value) },
      async cancel() { await all.return() },
    }))
  },
  after(req: Request, ctx) {
    ctx.waitUntil(sleep(300).then(() => log('after: waited')))
    return new Response('whole')
  },
  async upload(req: Request) {
    try {
      await req.text()
      log('upload: complete')
    } catch (error) {
      log('upload: ' + error.name)
      throw error
    }
    return new Response('unread')
  },
  async sent(req: Request) {
    await sleep(200)
    log('sent: ' + (await req.text()).length)
    return new Response('unread')
  },
  async fails() {
    await sleep(200)
    throw new Error('a mistake')
  },
}
export default (req: Request, ctx) => acts[new URL(req.url).pathname.slice(1)](req, ctx)
`

const LONG_HANDLER = `
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
export default async (req: Request, ctx) => {
  if (new URL(req.url).pathname === '/spins') {
    await sleep(50)
    for (;;);
  }
  if (new URL(req.url).pathname === '/hangs') await new Promise(() => {})
  return new Response('ok')
}
`

const CROWD = 24

const space = new Workspace()
let service: Service

/** Sends a request and leaves when `ready` holds. */
async function leave(path: string, ready: (text: string) => boolean | Promise<boolean>, body = '') {
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  const method = body === '' ? 'GET' : 'POST'
  socket.write(`${method} /functions/${path} HTTP/1.1\r\nHost: x\r\n${body || '\r\n'}`)
  await eventually(`${path} may be left`, () => ready(text))
  socket.destroy()
}

const idle = () =>
  eventually('no request is in flight', async () => {
    const metrics = await service.metrics()
    return metrics.includes('functions_in_flight 0')
  })

const begun = () => service.metrics()
const inFlight = (count: number) => async () =>
  (await begun()).includes(`functions_in_flight ${count}`)

const RUNTIMES = ['quickjs-ng', 'bun']
let rows: { function: string; level: string; message: string }[] = []
let metrics = ''
const crowdMs: Record<string, number> = {}

beforeAll(async () => {
  for (const runtime of RUNTIMES) {
    const profile = runtime === 'bun' ? 'permissive' : 'strict'
    await space.deploy(runtime, HANDLER, '--runtime', runtime, '--profile', profile)
    const limits = ['--timeout', '600ms', '--runtime', runtime, '--profile', profile]
    await space.deploy(`long-${runtime}`, LONG_HANDLER, ...limits)
  }
  service = await space.serve()
  for (const name of RUNTIMES) {
    await (await service.fetch(`/functions/${name}/after`)).text()
    await idle()
    const tail = 'Content-Length: 1000\r\n\r\nhalf'
    await leave(`${name}/head`, inFlight(1))
    await idle()
    await leave(`${name}/obeys`, inFlight(1))
    await idle()
    await leave(`${name}/body`, (text) => text.includes('part'))
    await idle()
    await leave(`${name}/upload`, inFlight(1), tail)
    await idle()
    await leave(`${name}/sent`, inFlight(1), 'Content-Length: 4\r\n\r\nfull')
    await idle()
    await leave(`${name}/fails`, inFlight(1))
    await idle()
    await eventually(`long-${name} has a worker`, async () => {
      return (await service.fetch(`/functions/long-${name}/ok`)).ok
    })
    await leave(`long-${name}/hangs`, inFlight(1))
    await idle()
  }
  metrics = await begun()
  for (const name of RUNTIMES) {
    const began = performance.now()
    const all = Array.from({ length: CROWD }, (_, i) =>
      leave(`long-${name}/${i % 2 === 0 ? 'spins' : 'hangs'}`, () =>
        Bun.sleep(20).then(() => true),
      ),
    )
    await Promise.all(all)
    await idle()
    crowdMs[name] = performance.now() - began
    await eventually(`long-${name} answers again`, async () => {
      return (await service.fetch(`/functions/long-${name}/ok`)).ok
    })
  }
  await service.stop()
  const db = openTestDatabase(`${space.dataDir}/logs.db`)
  rows = db.query('SELECT function, level, message FROM logs ORDER BY id').all() as typeof rows
  db.close()
}, 60_000)

afterAll(() => space.remove())

describe.each(RUNTIMES)('a client of a %s function that leaves', (name) => {
  const logs = (act: string) =>
    rows
      .filter((row) => row.function === name && row.message.startsWith(`${act}: `))
      .map((row) => row.message.slice(act.length + 2))

  test('before the head: signal, finally and waitUntil', () => {
    expect(logs('head')).toEqual(['AbortError', 'finally', 'waited'])
  })

  test('before the head of a handler that ends when it is told', () => {
    expect(logs('obeys')).toEqual(['finally'])
  })

  test('amid the body: signal, the finally block of the source, waitUntil', () => {
    expect(logs('body')).toEqual(['AbortError', 'finally', 'waited'])
  })

  test('after the response: waitUntil', () => {
    expect(logs('after')).toEqual(['waited'])
  })

  test('amid its upload: the reader of the body fails; after it, the body is whole', () => {
    expect(logs('upload')).toEqual(['AbortError'])
    expect(logs('sent')).toEqual(['4'])
  })

  test('is not the fault of the function', () => {
    const own = rows.filter((row) => row.function === name && row.level === 'error')
    expect(own).toEqual([])
    const [failed] = rows.filter((row) => row.function === name && row.message.includes('mistake'))
    expect(failed?.level).toBe('info')
    expect(failed?.message).toBe(
      'The client had disconnected when the function failed: Error: a mistake',
    )
    const outcomes = [
      ...metrics.matchAll(
        /functions_invocations_total{project="default",function="([^"]+)",.*outcome="(\w+)"} (\d+)/g,
      ),
    ]
    expect(
      outcomes.filter(([, of]) => of === name).map(([, , outcome, n]) => [outcome, n]),
    ).toEqual([
      ['ok', '1'],
      ['CLIENT_GONE', '6'],
    ])
  })

  test('does not hold a handler past its timeout, and the log says so', () => {
    const own = rows.filter((row) => row.function === `long-${name}`)
    expect(own.map((row) => row.message)).toContain(
      'The client had disconnected, and the handler was stopped: it did not end within 600 ms.',
    )
  })

  test('does not pin workers, even with many others, by handlers that hang or loop', () => {
    // The limit of each handler is 600 ms. Without it the crowd would be there after 30 s.
    expect(crowdMs[name]).toBeLessThan(15_000)
  })
})
