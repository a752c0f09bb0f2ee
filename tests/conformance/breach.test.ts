/** A worker is hostile as soon as it has read a bundle. An invalid message ends that worker only. */
import { afterAll, describe, expect, test } from 'bun:test'
import { onInvoke, openFakeFactory, READY } from './fake-factory.ts'
import { begin, call, makeSpec, open, openFactory, start, until } from './harness.ts'

const fixture = openFakeFactory()
const { script } = fixture
afterAll(() => fixture.close())

const HEAD = `{ type: 'response', id: 1, status: 200, headers: [], end: false }`
const WHOLE = `{ type: 'response', id: 1, status: 200, headers: [], end: true }`
const DONE = `{ type: 'done', id: 1, cpu_us: 1, heap_bytes: 1 }`

describe('said of an invocation, it is a breach:', () => {
  test.each([
    ['no JSON', `raw('hello\\n')`],
    ['bytes of no text', `raw(Buffer.from([0, 255, 10, 254, 10]))`],
    ['a line that nests too deep', `raw('['.repeat(200_000) + '\\n')`],
    ['a line without end', `raw('x'.repeat(300_000))`],
    ['an unknown type', `send({ type: 'exec', id: 1 })`],
    ['a message of the host', `send({ type: 'invoke', id: 2 })`],
    ['a message of the launcher', `send({ type: 'launched', pid: 1, layers: [] })`],
    [
      'a key that no message has',
      `send({ type: 'log', level: 'info', message: '', more: [[[]]] })`,
    ],
    [
      'a key of every object',
      `raw('{"type":"log","level":"info","message":"","__proto__":{}}\\n')`,
    ],
    ['bytes that its type has not', `send({ type: 'end', id: 1, bytes: 1 }, 'x')`],
    ['ready once more', READY],
    ['an error of the bundle', `send({ type: 'error', code: 'BUNDLE_LOAD_ERROR', message: '' })`],
    ['a pong that nobody asked for', `send({ type: 'pong', n: 1 })`],
    ['a response to another id', `send({ ...${WHOLE}, id: 2 })`],
    ['credit for an id never issued', `send({ type: 'credit', id: 99, bytes: 1 })`],
    ['cancel of an id never issued', `send({ type: 'cancel', id: 99, reason: '' })`],
    ['a log of an id never issued', `send({ type: 'log', id: 99, level: 'info', message: '' })`],
    ['a chunk before the head', `send({ type: 'chunk', id: 1, bytes: 1 }, 'x')`],
    ['an end before the head', `send({ type: 'end', id: 1 })`],
    ['done before the head', `send(${DONE})`],
    ['two heads', `send(${HEAD}); send(${HEAD})`],
    ['done amid the body', `send(${HEAD}); send(${DONE})`],
    [
      'a body without credit',
      `send(${HEAD}); for (let i = 0; i < 5; i++) send({ type: 'chunk', id: 1, bytes: 65536 }, 'x'.repeat(65536))`,
    ],
    [
      'a chunk too large',
      `send(${HEAD}); send({ type: 'chunk', id: 1, bytes: 65537 }, 'x'.repeat(65537))`,
    ],
    ['credit for a body not sent', `send({ type: 'credit', id: 1, bytes: 1 })`],
    [
      'a head with a line break in it',
      `send({ ...${WHOLE}, headers: [['a', 'b\\r\\nset-cookie: c']] })`,
    ],
    ['headers over 64 KiB', `send({ ...${WHOLE}, headers: [['a', 'x'.repeat(65536)]] })`],
    [
      'an error of a code that is not its own',
      `send({ type: 'error', id: 1, code: 'SHUTTING_DOWN', message: '' })`,
    ],
  ])('%s', async (_what, code) => {
    const { worker, exit } = await start(fixture.factory, 'bun', onInvoke(code))
    const [answer, reason] = await Promise.all([call(worker, { pauseAfter: 0 }), exit])
    expect(answer.error?.code).toBe('WORKER_PROTOCOL')
    expect(reason?.code).toBe('WORKER_PROTOCOL')
    expect(worker.state).toBe('gone')
  })

  test.each([
    ['a chunk after its end', `send({ type: 'chunk', id: 1, bytes: 1 }, 'x')`],
    ['a second end', `send({ type: 'end', id: 1 })`],
    ['an error', `send({ type: 'error', id: 1, code: 'TIMEOUT', message: '' })`],
    ['done twice', `send(${DONE}); send(${DONE})`],
    ['a response after done', `send(${DONE}); send(${WHOLE})`],
  ])('%s, when it was answered', async (_what, code) => {
    const { worker, exit } = await start(
      fixture.factory,
      'bun',
      onInvoke(`send(${WHOLE}); ${code}`),
    )
    const answer = await call(worker)
    expect(answer.error).toBeUndefined()
    expect(answer.status).toBe(200)
    expect((await exit)?.code).toBe('WORKER_PROTOCOL')
  })
})

describe('said while it loads, it is a breach:', () => {
  test.each([
    ['no JSON', `raw('hello\\n')`],
    ['another protocol', `send({ type: 'ready', protocol: 1, engine: 'fake', init_us: 1 })`],
    ['a response', `send(${WHOLE})`],
    ['an error of an invocation', `send({ type: 'error', id: 1, code: 'TIMEOUT', message: '' })`],
    ['a log of an invocation', `send({ type: 'log', id: 1, level: 'info', message: '' })`],
  ])('%s', async (_what, code) => {
    expect((await begin(fixture.factory, makeSpec('bun', code)).exit)?.code).toBe('WORKER_PROTOCOL')
  })
})

describe('no breach:', () => {
  test('credit, cancel and logs of an invocation that has ended', async () => {
    const late = `
      send({ type: 'credit', id: 1, bytes: 100 })
      send({ type: 'cancel', id: 1, reason: 'body' })
      send({ type: 'log', id: 1, level: 'info', message: 'late' })`
    const source = onInvoke(
      `send({ ...${WHOLE}, id: m.id }); send({ ...${DONE}, id: m.id }); ${late}`,
    )
    const { worker, logs } = await start(fixture.factory, 'bun', source)
    expect((await call(worker)).status).toBe(200)
    expect((await call(worker)).status).toBe(200)
    await until('the logs', () => logs.length === 2)
    expect(worker.state).toBe('ready')
  })

  test('anything of an invocation that was cancelled: it is dropped', async () => {
    const source = `${READY} on((m) => {
      if (m.type !== 'cancel') return
      send({ type: 'chunk', id: 1, bytes: 1 }, 'x')
      send(${HEAD}); send(${HEAD}); send({ type: 'end', id: 1 })
      send({ type: 'error', id: 1, code: 'HANDLER_ERROR', message: '' }); send(${DONE})
    })`
    const { worker } = await start(fixture.factory, 'bun', source)
    const running = open(worker)
    await Bun.sleep(5)
    running.invocation.cancel('client gone')
    const answer = await running.done
    expect(answer.error).toBeUndefined()
    expect(answer.status).toBe(0)
    expect(answer.body).toHaveLength(0)
    expect(worker.state).toBe('ready')
  })

  test('text in pieces of one byte', async () => {
    const pieces = `const bytes = Buffer.from(JSON.stringify({ ...${WHOLE}, bytes: 2 }) + '\\nok' + JSON.stringify(${DONE}) + '\\n')
      let at = 0
      const step = () => { if (at < bytes.length) { raw(bytes.subarray(at, ++at)); setTimeout(step) } }
      step()`
    const { worker } = await start(fixture.factory, 'bun', onInvoke(pieces))
    expect((await call(worker)).body.toString()).toBe('ok')
  })
})

describe('a worker is ended', () => {
  const answering = `if (m.type === 'ping') send({ type: 'pong', n: m.n })`

  test('that goes away amid a frame: WORKER_CRASHED', async () => {
    const { worker } = await start(
      fixture.factory,
      'bun',
      onInvoke(`raw('{"type":"respon'); setTimeout(() => process.exit(3), 20)`),
    )
    const { error } = await call(worker)
    expect(error?.code).toBe('WORKER_CRASHED')
    expect(error?.message).toContain('3')
  })

  test('that answers pings, but sends no done within 250 ms after cancel', async () => {
    const { worker, exit, silences } = await start(
      fixture.factory,
      'bun',
      `${READY} on((m) => { ${answering} })`,
    )
    const neighbour = open(worker)
    const cancelled = open(worker)
    await Bun.sleep(150)
    const begun = performance.now()
    cancelled.invocation.cancel('client gone')
    expect((await exit)?.code).toBe('WORKER_CRASHED')
    expect(performance.now() - begun).toBeGreaterThan(240)
    expect(performance.now() - begun).toBeLessThan(1000)
    expect((await neighbour.done).error?.code).toBe('WORKER_CRASHED')
    expect((await cancelled.done).error).toBeUndefined()
    expect(silences).toEqual([])
  })

  test('that is silent, 250 ms after the latest deadline that it holds', async () => {
    const { worker, exit, silences } = await start(fixture.factory, 'bun', READY)
    const first = open(worker, { deadlineMs: 200 })
    const second = open(worker, { deadlineMs: 600 })
    const begun = performance.now()
    await first.answered
    expect(performance.now() - begun).toBeLessThan(500)
    expect((await exit)?.code).toBe('WORKER_CRASHED')
    expect(performance.now() - begun).toBeGreaterThan(840)
    expect(performance.now() - begun).toBeLessThan(1500)
    expect((await first.done).error?.code).toBe('TIMEOUT')
    expect((await second.done).error?.code).toBe('TIMEOUT')
    expect(silences).toEqual([true])
  })

  test('that leaves 4 MiB unread for 5 s', async () => {
    const { worker, exit } = await start(fixture.factory, 'bun', `${READY} socket.pause()`)
    const body = Buffer.alloc(65_536)
    for (let i = 0; i < 80; i++) open(worker, { method: 'POST', body, deadlineMs: 60_000 })
    const begun = performance.now()
    expect((await exit)?.message).toContain('did not read')
    expect(performance.now() - begun).toBeGreaterThan(4900)
    expect(performance.now() - begun).toBeLessThan(8000)
  }, 15_000)

  test('that is not ready within its load time', async () => {
    const own = openFactory({ launcherPath: script('mute', 'exec sleep 60'), processStartMs: 200 })
    const error = await begin(own.factory, makeSpec('bun', '')).exit
    expect(error?.code).toBe('WORKER_START_FAILED')
    await own.close()
  })
})

describe('a launcher', () => {
  test.each([
    ['that is missing', '/nonexistent/launcher', 'WORKER_START_FAILED'],
    [
      'that fails',
      script('fails', `echo '{"type":"launch-failed","what":"uid","errno":"EPERM"}' >&3; exit 71`),
      'SANDBOX_UNAVAILABLE',
    ],
    [
      'that fails after it launched',
      script(
        'late',
        `echo '{"type":"launched","pid":1,"layers":[]}' >&3; echo '{"type":"launch-failed","what":"exec","errno":"ENOENT"}' >&3; exit 71`,
      ),
      'SANDBOX_UNAVAILABLE',
    ],
    ['that exits at once', script('exits', 'exit 9'), 'WORKER_START_FAILED'],
    [
      'that talks nonsense',
      script('nonsense', `echo '{"type":"launched"}' >&3; sleep 5`),
      'WORKER_PROTOCOL',
    ],
  ])('%s fails the start of a worker, of both runtimes', async (_what, launcherPath, code) => {
    const own = openFactory({ launcherPath, log: () => {} })
    expect((await begin(own.factory, makeSpec('bun', '')).exit)?.code).toBe(code as never)
    const forked = await begin(own.factory, makeSpec('quickjs-ng', '')).exit
    expect(['WORKER_START_FAILED', 'SANDBOX_UNAVAILABLE']).toContain(forked?.code as string)
    await expect(own.factory.warm()).rejects.toThrow()
    await own.close()
  })
})
