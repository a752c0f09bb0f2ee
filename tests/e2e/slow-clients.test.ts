/** Slow clients have limits of their own, and their time is never charged to a function. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eventually } from '../../src/testing/eventually.ts'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { type Service, Workspace } from './harness.ts'

const HANDLER = `
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const acts = {
  async count(req: Request) {
    return new Response(String((await req.text()).length))
  },
  /** Works on each part: its own clock never reaches the timeout. */
  async parts(req: Request) {
    let bytes = 0
    for await (const part of req.body!) bytes += part.length
    return new Response(String(bytes))
  },
  async hangs(req: Request) {
    await req.text()
    await new Promise(() => {})
  },
  async ignores() {
    await new Promise(() => {})
  },
  large() {
    let left = 90
    return new Response(new ReadableStream({
      pull(controller) {
        if (left-- > 0) controller.enqueue(new Uint8Array(65536))
        else controller.close()
      },
    }, { highWaterMark: 0 }))
  },
}
export default (req: Request) => acts[new URL(req.url).pathname.slice(1)](req)
`

/**
 * A client with a small receive buffer. Prints what it received, as its first line and its last bytes.
 * Arguments: port, path, bytes of its body, bytes a second that it sends, and that it reads.
 */
const CLIENT = `
import socket, sys, time
port, path, size, sends, reads = int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:6])
client = socket.socket()
client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
client.connect(('127.0.0.1', port))
head = ('POST' if size else 'GET') + ' ' + path + ' HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n'
if size: head += 'Content-Length: %d\\r\\n' % size
client.sendall((head + '\\r\\n').encode())
received = b''
total = 0
try:
    client.settimeout(0.05)
    left = size
    while left > 0:
        if sends:
            step = min(left, max(1, sends // 20))
            client.settimeout(5)
            client.sendall(b'x' * step)
            left -= step
        client.settimeout(0.05)
        try:
            part = client.recv(4096)
            received += part
            left = 0
        except socket.timeout: pass
    client.settimeout(12)
    if reads == 0: time.sleep(6)
    while True:
        part = client.recv(max(1, (reads or 1 << 20) // 20))
        if not part: break
        received = (received + part)[:400] + (received + part)[400:][-400:]
        total += len(part)
        time.sleep(0.05 if reads < 1 << 20 else 0)
except OSError as error:
    received += repr(error).encode()
sys.stdout.buffer.write(received[:300] + b' ... ' + str(total).encode() + b' ... ' + received[-300:])
`

const KB = 1024
const FAST = 2048 * KB
const space = new Workspace()
let service: Service

beforeAll(async () => {
  await space.deploy('quickjs', HANDLER, '--timeout', '900ms', '--runtime', 'quickjs-ng')
  const one = ['--max-workers', '1', '--concurrency', '2']
  await space.deploy('narrow', HANDLER, '--timeout', '900ms', ...one)
  // Each request to it needs another worker, which may start slowly.
  const ofBun = ['--runtime', 'bun', '--profile', 'permissive']
  await space.deploy('bun', HANDLER, '--timeout', '4s', ...ofBun)
  service = await space.serve(
    ...['--client-idle-timeout', '1s', '--client-timeout', '40s', '--client-min-rate', '1KB'],
  )
  await eventually('a worker runs', async () => {
    const init = { method: 'POST', body: 'x' }
    return (await service.fetch('/functions/quickjs/count', init)).ok
  })
}, 60_000)

afterAll(async () => {
  await service.stop()
  space.remove()
})

/** What a client receives that sends `size` bytes and has these rates, bytes a second. */
async function client(
  path: string,
  { size = 0, sends = FAST, reads = FAST, of = service },
): Promise<string> {
  const args = [of.port, `/functions/${path}`, size, sends, reads].map(String)
  const child = Bun.spawn(['python3', '-c', CLIENT, ...args], { stdout: 'pipe', stderr: 'inherit' })
  return await new Response(child.stdout).text()
}

describe('a client that is slow', () => {
  test.concurrent('in sending gets its answer, although the function has less time', async () => {
    const texts = await Promise.all([
      client('quickjs/count', { size: 250 * KB, sends: 100 * KB }),
      client('quickjs/parts', { size: 250 * KB, sends: 100 * KB }),
      client('bun/count', { size: 250 * KB, sends: 40 * KB }),
    ])
    for (const text of texts) {
      expect(text).toContain('200 OK')
      expect(text).toContain(String(250 * KB))
    }
  }, 60_000)

  test.concurrent('in reading gets all of a response that the system holds for longer than it may be idle', async () => {
    const text = await client('quickjs/large', { reads: 700 * KB })
    expect(text).toContain('200 OK')
    expect(text.endsWith('0\r\n\r\n')).toBe(true)
  }, 60_000)

  test.concurrent('does not lend its time to a function that waits for nothing', async () => {
    const texts = await Promise.all([
      client('quickjs/hangs', { size: 150 * KB, sends: 100 * KB }),
      client('quickjs/ignores', { size: 2_000 * KB }),
    ])
    for (const text of texts) expect(text).toContain('"code":"TIMEOUT"')
  }, 60_000)
})

describe('a client that attacks by being slow', () => {
  test.concurrent('and sends nothing gets 408', async () => {
    const texts = await Promise.all([
      client('quickjs/count', { size: 100, sends: 0 }),
      client('bun/count', { size: 100, sends: 0 }),
    ])
    for (const text of texts) {
      expect(text).toContain('408 Request Timeout')
      expect(text).toContain('server.client_idle_timeout')
    }
  }, 60_000)

  test.concurrent('and sends a few bytes a second gets 408', async () => {
    const text = await client('quickjs/count', { size: 100_000, sends: 20 })
    expect(text).toContain('408 Request Timeout')
    expect(text).toContain('server.client_min_rate')
  }, 60_000)

  test.concurrent('and reads nothing is disconnected', async () => {
    const text = await client('quickjs/large', { reads: 0 })
    expect(text).not.toContain('\r\n0\r\n\r\n')
  }, 60_000)
})

describe('slow clients that hold every place of a function', () => {
  test('give them up to the requests that wait, once they have had the time of the function', async () => {
    const uploads = Array.from({ length: 2 }, () =>
      client('narrow/count', { size: 24 * KB, sends: 4 * KB }),
    )
    await eventually('they hold every place', async () => {
      const workers = await service.workers()
      return workers.some((row) => row.function === 'narrow' && row.invocations === 2)
    })
    const answer = await service.fetch('/functions/narrow/count', { method: 'POST', body: 'x' })
    expect(await answer.text()).toBe('1')
    // One request waited, so one place was given up.
    const [first = '', second = ''] = (await Promise.all(uploads)).sort()
    expect(first).toContain('200 OK')
    expect(second).toContain('408 Request Timeout')
    expect(second).toContain('other requests waited for a worker')
  }, 60_000)
})

describe('slow clients that hold every worker of the service', () => {
  let other: Workspace
  let small: Service
  beforeAll(async () => {
    other = new Workspace()
    await other.deploy('held', HANDLER, '--timeout', '900ms', '--concurrency', '1')
    await other.deploy('wide', HANDLER, '--timeout', '900ms', '--concurrency', '5')
    await other.deploy('victim', HANDLER)
    small = await other.serve(
      ...['--pool-max-workers', '2', '--client-timeout', '40s', '--client-idle-timeout', '5s'],
    )
  }, 60_000)
  afterAll(async () => {
    await small.stop()
    other.remove()
  })

  test.each([
    ['held', 2],
    ['wide', 10],
  ])(
    'through %s give one up to a function that has none',
    async (name, count) => {
      const uploads = Array.from({ length: count }, () =>
        client(`${name}/count`, { size: 40 * KB, sends: 4 * KB, of: small }),
      )
      await eventually(
        'they hold every place',
        async () => {
          const rows = (await small.workers()).filter((row) => row.function === name)
          return rows.reduce((sum, row) => sum + Number(row.invocations), 0) >= count
        },
        20_000,
      )
      const answer = await small.fetch('/functions/victim/count', { method: 'POST', body: 'x' })
      expect(await answer.text()).toBe('1')
      const texts = await Promise.all(uploads)
      const cut = texts.filter((text) => text.includes('408 Request Timeout'))
      // The other worker keeps its clients.
      expect(cut).toHaveLength(count / 2)
      for (const text of cut) expect(text).toContain('other requests waited for a worker')
      expect(texts.filter((text) => text.includes('200 OK'))).toHaveLength(count / 2)
    },
    60_000,
  )
})

test('no function is blamed for its clients', async () => {
  const metrics = await service.metrics()
  await service.stop()
  const db = openTestDatabase(`${space.dataDir}/logs.db`)
  const rows = db.query('SELECT level, message FROM logs').values() as [string, string][]
  db.close()
  const errors = rows.filter(([level]) => level === 'error').map(([, message]) => message)
  const own = "TIMEOUT: Function 'quickjs' did not respond within 900 ms."
  expect(errors).toEqual([own, own])
  const broken = rows.filter(([level]) => level === 'info').map(([, message]) => message)
  expect(broken.filter((text) => text.startsWith('The request was broken off.'))).toHaveLength(4)
  expect(broken.filter((text) => text.startsWith('The response was broken off.'))).toHaveLength(1)
  const [, count] = /function="quickjs",.*outcome="CLIENT_TIMEOUT"} (\d+)/.exec(metrics) ?? []
  expect(count).toBe('3')
})
