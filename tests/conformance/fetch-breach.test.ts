/** What a hostile worker sends about fetches: a breach ends the worker; other mistakes fail one fetch. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { ServerResponse } from 'node:http'
import { makeEgress } from '../egress/harness.ts'
import { httpUpstream, type Upstream } from '../egress/upstream.ts'
import { type FakeFixture, onInvoke, openFakeFactory } from './fake-factory.ts'
import { call, open, start, until } from './harness.ts'

let upstream: Upstream
let fixture: FakeFixture
let held: ServerResponse[] = []
let bodies: Buffer[] = []
const egress = makeEgress({ allowPrivate: ['127.0.0.0/8'], maxSubrequests: 1000 })

beforeAll(async () => {
  upstream = await httpUpstream((request, response) => {
    bodies = []
    if (request.url === '/stuck') return
    request.on('data', (part: Buffer) => bodies.push(part))
    if (request.url === '/hold') held.push(response)
    else if (request.url === '/big') response.end(Buffer.alloc(2 ** 20))
    else request.on('end', () => response.end('fine'))
  })
  fixture = openFakeFactory({ egress })
})

afterAll(async () => {
  await fixture.close()
  egress.close()
  upstream.close()
})

/** A fetch of invocation 1, whose fields `changes` may replace. */
const ask = (
  changes = '',
  path = '/',
  bytes = '',
) => `send({ type: 'fetch', id: 'f1', invocation: 1,
  method: 'GET', url: 'http://127.0.0.1:${upstream.port}${path}', headers: [], redirect: 'follow',
  end: true, ${changes} }${bytes === '' ? '' : `, ${bytes}`});`
const WHOLE = `send({ type: 'response', id: 1, status: 200, headers: [], end: true });`
const DONE = `send({ type: 'done', id: 1, cpu_us: 1, heap_bytes: 1 });`
const capabilities = { allowNetwork: true }
const run = (code: string) => start(fixture.factory, 'bun', onInvoke(code), { capabilities })

describe('said of a fetch, it is a breach:', () => {
  const cases: [what: string, code: () => string][] = [
    ['an id that is a number', () => ask('id: 1')],
    ['an id of another form', () => ask(`id: 'g1'`)],
    ['an id with a zero in front', () => ask(`id: 'f01'`)],
    ['an id that is used again', () => ask() + ask()],
    ['an id that does not rise', () => ask(`id: 'f5'`) + ask(`id: 'f4'`)],
    ['an invocation that was never issued', () => ask('invocation: 2')],
    ['no invocation', () => ask('invocation: undefined')],
    ['a method that is no token', () => ask(`method: 'GET / HTTP/1.1\\r\\nx:'`)],
    ['CONNECT', () => ask(`method: 'CONNECT'`)],
    ['TRACE', () => ask(`method: 'trace'`)],
    ['a header name with a line break', () => ask(`headers: [['a\\r\\nb', 'c']]`)],
    ['a header value with a line break', () => ask(`headers: [['a', 'b\\r\\nc: d']]`)],
    ['headers over 64 KiB', () => ask(`headers: [['a', 'x'.repeat(65536)]]`)],
    ['headers that are no list', () => ask(`headers: { a: 'b' }`)],
    ['an unknown redirect mode', () => ask(`redirect: 'always'`)],
    ['a key that it has not', () => ask(`host: 'a'`)],
    ['a first part too large', () => ask('bytes: 65537', '/', `'x'.repeat(65537)`)],
    ['no end', () => ask('end: undefined')],
    ['a URL that is no text', () => ask('url: 5')],
    [
      'a chunk of a fetch never asked for',
      () => `send({ type: 'chunk', id: 'f9', bytes: 1 }, 'x')`,
    ],
    ['credit for a fetch never asked for', () => `send({ type: 'credit', id: 'f9', bytes: 1 })`],
    ['cancel of a fetch never asked for', () => `send({ type: 'cancel', id: 'f9', reason: '' })`],
    [
      'a chunk behind the end',
      () => `${ask('', '/hold')} send({ type: 'chunk', id: 'f1', bytes: 1 }, 'x')`,
    ],
    ['a second end', () => `${ask('', '/hold')} send({ type: 'end', id: 'f1' })`],
    [
      'credit for bytes that were not sent',
      () => `${ask('', '/hold')} send({ type: 'credit', id: 'f1', bytes: 1 })`,
    ],
    [
      'a body without credit',
      () => `const block = 'x'.repeat(65536)
        ${ask(`method: 'PUT', end: false`, '/stuck')}
        for (let i = 0; i < 200; i++) send({ type: 'chunk', id: 'f1', bytes: 65536 }, block)`,
    ],
  ]
  for (const [what, code] of cases) {
    test(what, async () => {
      const { worker, exit } = await run(code())
      const [, reason] = await Promise.all([call(worker), exit])
      expect(reason?.code).toBe('WORKER_PROTOCOL')
    })
  }
})

describe('no breach:', () => {
  test('a fetch of an invocation that is done: it is background work', async () => {
    const { worker, exit } = await run(WHOLE + DONE + ask('', '/hold'))
    const answer = await call(worker)
    expect(answer.error).toBeUndefined()
    while (held.length === 0) await Bun.sleep(5)
    worker.shutdown(0, 'of a test')
    expect(await exit).toBeUndefined()
  })

  test('what still comes for a fetch that is over', async () => {
    const { worker, exit } = await run(`${ask('', '/hold')}
      send({ type: 'cancel', id: 'f1', reason: 'x' })
      send({ type: 'credit', id: 'f1', bytes: 5 })
      send({ type: 'cancel', id: 'f1', reason: 'x' })
      ${WHOLE} ${DONE}`)
    const answer = await call(worker)
    expect(answer.error).toBeUndefined()
    worker.shutdown(0, 'of a test')
    expect(await exit).toBeUndefined()
  })

  test('a fetch for an invocation that was cancelled meanwhile is not made', async () => {
    held = []
    const { worker } = await start(
      fixture.factory,
      'bun',
      `send({ type: 'ready', protocol: 2, engine: 'fake', init_us: 1 })
      on((m) => { if (m.type === 'cancel') { ${ask('', '/hold')} ${DONE} } })`,
      { capabilities },
    )
    const running = open(worker)
    running.invocation.cancel('client gone')
    await running.done
    await Bun.sleep(50)
    expect(held).toHaveLength(0)
    expect(worker.state).toBe('ready')
  })

  test('100,000 fetches: the neighbour is answered meanwhile', async () => {
    const neighbour = await run(`
      send({ type: 'response', id: m.id, status: 200, headers: [], end: true })
      send({ type: 'done', id: m.id, cpu_us: 1, heap_bytes: 1 })`)
    const flood = await run(`for (let i = 1; i <= 100000; i++) {
        send({ type: 'fetch', id: 'f' + i, invocation: 1, method: 'GET', url: 'http://10.0.0.1/',
          headers: [], redirect: 'follow', end: true })
      } ${WHOLE} ${DONE}`)
    const flooded = call(flood.worker, { deadlineMs: 60_000 })
    for (let i = 0; i < 20; i++) expect((await call(neighbour.worker)).error).toBeUndefined()
    await flooded
  }, 60_000)

  test('bodies of many fetches that wait are held to a limit', async () => {
    const asks = Array.from({ length: 80 }, (_, i) => {
      return `${ask(`id: 'f${i + 1}', method: 'PUT', end: false`, '/hold')}
        for (let k = 0; k < 4; k++) send({ type: 'chunk', id: 'f${i + 1}', bytes: 65536 }, block);`
    })
    const { worker } = await run(`const block = 'x'.repeat(65536)
      let answered = false
      on((m) => {
        if (m.type === 'fetch-error' && !answered) {
          answered = true
          send({ type: 'response', id: 1, status: 200, headers: [['x-why', m.message]], end: true })
          ${DONE}
        }
        if (m.type === 'ping') send({ type: 'pong', n: m.n })
      })
      ${asks.join('')}`)
    const { headers } = await call(worker)
    expect(headers[0]?.[1]).toContain('16 MiB of request bodies')
  })
})

test('fetches of a worker that dies are aborted', async () => {
  held = []
  const { worker } = await run(ask('', '/hold'))
  const running = open(worker)
  await until('the request', () => held.length === 1)
  process.kill(worker.pid as number, 'SIGKILL')
  await running.done
  await until(
    'the upstream sees the end of the request',
    () => held[0]?.req.socket.destroyed === true,
  )
})

test('a response goes no further than the worker gives credit', async () => {
  const { worker } = await run(`${ask('', '/big')}
    let got = 0
    on((m) => {
      if (m.type === 'chunk') got += m.bytes
      if (m.type === 'chunk' && got >= 262144) setTimeout(answer, 200)
      if (m.type === 'ping') send({ type: 'pong', n: m.n })
    })
    function answer() {
      send({ type: 'response', id: 1, status: 200, headers: [['x-got', String(got)]], end: true })
      ${DONE}
    }`)
  const { headers } = await call(worker)
  expect(headers).toContainEqual(['x-got', '262144'])
})
