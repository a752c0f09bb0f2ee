/** The length of a response: known ones reach the client, wrong ones break the connection. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { rawRequest, type Service, Workspace } from './harness.ts'

const HANDLER = `
const bytes = (n: number) => new Uint8Array(n).fill(120)
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const stream = (stated: number, parts: number[], waitUntil?: () => void) => new Response(
  new ReadableStream({
    async pull(controller) {
      const part = parts.shift()
      await sleep(30)
      if (part === undefined) controller.close()
      else controller.enqueue(bytes(part))
    },
  }, { highWaterMark: 0 }),
  { headers: { 'content-length': String(stated) } },
)
const acts = {
  bytes: (n: number) => new Response(bytes(n)),
  text: (n: number) => new Response('x'.repeat(n)),
  exact: () => stream(10, [4, 6]),
  short: () => stream(10, [4]),
  empty: () => stream(10, []),
  long: (_n, ctx) => {
    ctx.waitUntil(sleep(200).then(() => console.log('waited')))
    return stream(10, [4, 7, 100])
  },
}
export default (req: Request, ctx) => {
  const [, act, n] = new URL(req.url).pathname.split('/')
  return acts[act](Number(n), ctx)
}
`

const RUNTIMES = ['quickjs-ng', 'bun']
const space = new Workspace()
let service: Service

beforeAll(async () => {
  for (const runtime of RUNTIMES) {
    const profile = runtime === 'bun' ? 'permissive' : 'strict'
    await space.deploy(runtime, HANDLER, '--runtime', runtime, '--profile', profile)
  }
  service = await space.serve()
  for (const name of RUNTIMES) await (await service.fetch(`/functions/${name}/bytes/1`)).text()
}, 60_000)

afterAll(async () => {
  await service.stop()
  space.remove()
})

/** The head in lower case, and the body as it came. */
async function ask(path: string, method = 'GET') {
  const request = `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
  const text = await rawRequest(service.port, request, 5_000)
  const end = text.indexOf('\r\n\r\n')
  return { head: text.slice(0, end + 2).toLowerCase(), body: text.slice(end + 4) }
}

describe.each(RUNTIMES)('a %s function', (name) => {
  test.each([
    ['bytes', 100],
    ['bytes', 70_000],
    ['text', 200_000],
    ['bytes', 250 * 1024],
  ])('whose response is %s of %d bytes states that, on GET as on HEAD', async (act, length) => {
    const path = `/functions/${name}/${act}/${length}`
    const get = await ask(path)
    expect(get.head).toContain(`content-length: ${length}\r\n`)
    expect(get.head).not.toContain('transfer-encoding')
    expect(get.body).toBe('x'.repeat(length))
    const head = await ask(path, 'HEAD')
    expect(head.head).toContain(`content-length: ${length}\r\n`)
    expect(head.body).toBe('')
  })

  test('whose response is larger than what is collected states its length on HEAD', async () => {
    const path = `/functions/${name}/bytes/3000000`
    // Bun does not say how long a body is, and reads it in parts.
    if (name === 'quickjs-ng') {
      expect((await ask(path, 'HEAD')).head).toContain('content-length: 3000000\r\n')
    }
    const get = await ask(path)
    expect(get.head).toContain('transfer-encoding: chunked\r\n')
    expect(get.body.endsWith('\r\n0\r\n\r\n')).toBe(true)
  })

  test('whose stream keeps to its length is answered whole', async () => {
    const { body } = await ask(`/functions/${name}/exact`)
    expect(body.match(/x/g)).toHaveLength(10)
    if (body.includes('\n')) expect(body.endsWith('\r\n0\r\n\r\n')).toBe(true)
  })

  test('whose stream ends early breaks the connection', async () => {
    const { head, body } = await ask(`/functions/${name}/short`)
    expect(head).toContain('200 ok')
    expect(body).toContain('xxxx')
    expect(body).not.toContain('0\r\n\r\n')
  })

  test('whose stream goes on beyond its length breaks the connection', async () => {
    const { body } = await ask(`/functions/${name}/long`)
    expect(body).toContain('xxxx')
    expect(body).not.toContain('0\r\n\r\n')
    expect(body).not.toContain('x'.repeat(11))
  })

  test('whose stream ends before its first byte is a problem', async () => {
    const { head, body } = await ask(`/functions/${name}/empty`)
    expect(head).toContain('500 internal server error')
    expect(body).toContain('"code":"INVALID_RESPONSE"')
  })
})

test('HEAD of the pages states the length of GET', async () => {
  for (const page of ['/health', '/ready', '/nowhere']) {
    const get = await ask(page)
    const head = await ask(page, 'HEAD')
    const length = /content-length: (\d+)/.exec(get.head)?.[1]
    expect(Number(length)).toBe(get.body.length)
    expect(head.head).toContain(`content-length: ${length}\r\n`)
    expect(head.body).toBe('')
  }
})

test('the log of the function has the lengths', async () => {
  const code = await service.stop()
  expect(code).toBe(0)
  const db = openTestDatabase(`${space.dataDir}/logs.db`)
  const rows = db.query('SELECT function, message FROM logs').values() as [string, string][]
  db.close()
  for (const name of RUNTIMES) {
    const own = rows.filter(([of]) => of === name).map(([, message]) => message)
    const wrong = `INVALID_RESPONSE: Function '${name}' stated a Content-Length of 10, and its body`
    expect(own.toSorted()).toEqual([
      `${wrong} ended after 0 bytes.`,
      `${wrong} ended after 4 bytes.`,
      `${wrong} is longer.`,
      'waited',
    ])
  }
})
