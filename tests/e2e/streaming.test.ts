/** Bodies stream both ways through the whole product, and nobody holds them. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { eventually } from '../../src/testing/eventually.ts'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { type Service, Workspace } from './harness.ts'

const MB = 2 ** 20
const BODY_MB = 96
const WORKER_GROWTH_MB = 16
const CONTROL_GROWTH_MB = 32

const space = new Workspace()
let service: Service

beforeAll(async () => {
  await space.deploy(
    'count',
    `export default async (req: Request) => {
      let bytes = 0
      for await (const chunk of req.body!) bytes += chunk.length
      return new Response(String(bytes))
    }`,
  )
  await space.deploy(
    'transform',
    `const invert = (chunk: Uint8Array, controller: TransformStreamDefaultController) => {
      const copy = new Uint8Array(chunk)
      copy[0] ^= 0xff
      controller.enqueue(copy)
    }
    export default (req: Request) =>
      new Response(req.body!.pipeThrough(new TransformStream({ transform: invert })))`,
  )
  await space.deploy('echo', 'export default (req: Request) => new Response(req.body)')
  await space.deploy(
    'events',
    `export default (req: Request) => {
      req.signal.addEventListener('abort', () => console.log('signal: ' + req.signal.reason.name))
      let timer
      const body = new ReadableStream({
        start(controller) {
          const encoder = new TextEncoder()
          let n = 0
          const tick = () => controller.enqueue(encoder.encode('data: ' + n++ + '\\n\\n'))
          tick()
          timer = setInterval(tick, 20)
        },
        cancel() {
          clearInterval(timer)
          console.log('cancel')
        },
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    }`,
  )
  service = await space.serve()
})

afterAll(async () => {
  await service.stop()
  space.remove()
})

function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
}

/** Sends zeros as curl does, and tells by how much both processes grew meanwhile. */
async function upload(name: string): Promise<{ output: number; worker: number; control: number }> {
  await (await service.fetch(`/functions/${name}`, { method: 'POST', body: 'x' })).text()
  const pid = (await service.workers()).find((one) => one.function === name)?.pid as number
  const before = [residentMb(pid), residentMb(service.process.pid)] as const
  const peak = [...before]
  const timer = setInterval(() => {
    peak[0] = Math.max(peak[0] ?? 0, residentMb(pid))
    peak[1] = Math.max(peak[1] ?? 0, residentMb(service.process.pid))
  }, 10)
  const client = Bun.spawn(
    [process.execPath, '-e', SENDER, `${service.url}/functions/${name}`, String(BODY_MB)],
    { stdout: 'pipe', stderr: 'inherit' },
  )
  const output = Number(await new Response(client.stdout).text())
  clearInterval(timer)
  const grown = (index: 0 | 1) => (peak[index] ?? 0) - before[index]
  return { output, worker: grown(0), control: grown(1) }
}

/** A client in a separate process, so that its memory does not count as the service's. */
const SENDER = `
  const [url, megabytes] = process.argv.slice(-2)
  const part = new Uint8Array(2 ** 20)
  let left = Number(megabytes)
  const body = new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(part)
      else controller.close()
    },
  })
  let bytes = 0
  const response = await fetch(url, { method: 'POST', body, duplex: 'half' })
  if (url.endsWith('count')) bytes = Number(await response.text())
  else for await (const chunk of response.body) bytes += chunk.length
  console.log(bytes)`

describe('a body larger than what both processes may grow by', () => {
  for (const name of ['count', 'transform', 'echo']) {
    test(`passes through ${name}`, async () => {
      const { output, worker, control } = await upload(name)
      expect(output).toBe(BODY_MB * MB)
      expect(worker).toBeLessThan(WORKER_GROWTH_MB)
      expect(control).toBeLessThan(CONTROL_GROWTH_MB)
    }, 120_000)
  }

  test('arrives as it was sent, however slowly it is read', async () => {
    const sent = randomBytes(8 * MB)
    const response = await service.fetch('/functions/echo', { method: 'POST', body: sent })
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      hash.update(chunk)
      if (bytes % (MB / 2) < chunk.length) await Bun.sleep(5)
      bytes += chunk.length
    }
    expect(bytes).toBe(sent.length)
    expect(hash.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'))
  }, 60_000)
})

describe('server-sent events', () => {
  test('come as they are made, and end with their client', async () => {
    const controller = new AbortController()
    const response = await service.fetch('/functions/events', { signal: controller.signal })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    let text = ''
    while (!text.includes('data: 5')) text += new TextDecoder().decode((await reader.read()).value)
    expect(text).toStartWith('data: 0\n\n')
    controller.abort()
    await eventually('no request is in flight', async () => {
      const metrics = await service.metrics()
      return metrics.includes('functions_in_flight 0')
    })
    // Its databases are its alone while it runs.
    await service.stop()
    expect(logs()).toContain('cancel')
    expect(logs()).toContain('signal: AbortError')
  }, 30_000)
})

function logs(): string[] {
  const db = openTestDatabase(`${space.dataDir}/logs.db`)
  const rows = db.query('SELECT message FROM logs').all() as { message: string }[]
  db.close()
  return rows.map((row) => row.message)
}
