/** Every failure of a tenant's code has its error, in both runtimes. */
import { afterAll, describe, expect, test } from 'bun:test'
import { begin, call, makeSpec, open, openFactory, RUNTIMES, start, until } from './harness.ts'

const fixture = openFactory({ loadMs: 1000, loadCpuMs: 1000 })
afterAll(() => fixture.close())

describe.each(RUNTIMES)('%s: a handler', (runtime) => {
  test('that throws: HANDLER_ERROR, the stack mapped by the tenant’s source map', async () => {
    const source = `function deep() {\n  throw new TypeError('boom')\n}\nexport default async () => deep()`
    const { worker } = await start(fixture.factory, runtime, source, {
      mapStack: (stack) => stack.replaceAll('bundle.js', 'src/main.ts'),
    })
    const { error } = await call(worker)
    expect(error?.code).toBe('HANDLER_ERROR')
    expect(error?.message).toContain('boom')
    expect(error?.tenantStack).toContain('src/main.ts:2:')
    expect(error?.tenantStack).not.toContain('eval')
    expect(error?.tenantStack).not.toContain('boom')
    expect(error?.tenantStack).not.toEndWith('\n')
    expect(error?.position).toMatchObject({ file: 'src/main.ts', line: 2 })
    expect(worker.state).toBe('ready')
  })

  test('whose body is no bytes: the stack begins with the tenant’s own frames', async () => {
    const source = `export default () => new Response(new ReadableStream({\n  pull(controller) { controller.enqueue(1) },\n}))`
    const { worker } = await start(fixture.factory, runtime, source)
    const { error } = await call(worker)
    expect(error?.tenantStack ?? '').not.toContain('<null>')
    expect(error?.position?.file).not.toBe('<null>')
  })

  test.each([
    ['a string', `'text'`, 'text'],
    ['null', 'null', 'null'],
    ['undefined', 'undefined', 'undefined'],
    ['an object', `{ code: 42 }`, ''],
    ['an object whose text throws', `{ toString() { throw 1 }, get message() { throw 2 } }`, ''],
  ])('that throws %s: HANDLER_ERROR', async (_what, thrown, text) => {
    const { worker } = await start(
      fixture.factory,
      runtime,
      `export default () => { throw ${thrown} }`,
    )
    const { error } = await call(worker)
    expect(error?.code).toBe('HANDLER_ERROR')
    expect(error?.message).toContain(text)
    expect((await call(worker)).error?.code).toBe('HANDLER_ERROR')
  })

  test.each([
    ['nothing', 'undefined'],
    ['a string', `'text'`],
    ['what only looks like one', `({ status: 200, headers: [], body: null })`],
    [
      'one whose body was read',
      `(async () => { const r = new Response('x'); await r.text(); return r })()`,
    ],
    ['a network error', `Response.error()`],
  ])('that returns %s: INVALID_RESPONSE', async (_what, returned) => {
    const { worker } = await start(fixture.factory, runtime, `export default () => ${returned}`)
    expect((await call(worker)).error?.code).toBe('INVALID_RESPONSE')
  })

  test('that returns more headers than fit: INVALID_RESPONSE, and the worker lives', async () => {
    const source = `export default (req) => new Response(null, {
      headers: { 'x-large': (new URL(req.url).searchParams.get('c') ?? 'x').repeat(70_000) },
    })`
    const { worker } = await start(fixture.factory, runtime, source)
    expect((await call(worker)).error?.code).toBe('INVALID_RESPONSE')
    const bytes = await call(worker, { url: 'http://h.test/?c=%C3%BF' })
    expect(bytes.error?.code).toBe('INVALID_RESPONSE')
    expect(worker.state).toBe('ready')
  })

  test('that returns 2,000 headers, and one more', async () => {
    const source = `export default (req) => {
      const headers = new Headers()
      for (let i = 0; i < Number(new URL(req.url).search.slice(1)); i++) headers.append('x-' + i, '')
      return new Response(null, { headers })
    }`
    const { worker } = await start(fixture.factory, runtime, source)
    expect((await call(worker, { url: 'http://h.test/?2000' })).headers).toHaveLength(2000)
    const { error } = await call(worker, { url: 'http://h.test/?2001' })
    expect([error?.code, error?.message]).toEqual([
      'INVALID_RESPONSE',
      expect.stringContaining('more than 2,000'),
    ])
    expect(worker.state).toBe('ready')
  })

  test.each([
    [
      'more than 2,000 headers',
      `{ headers: Array.from({ length: 2001 }, (_, i) => ['x-' + i, '']) }`,
    ],
    ['headers beyond 64 KiB', `{ headers: { 'x-large': 'x'.repeat(70_000) } }`],
    ['a URL beyond a line', `{}, 'x'.repeat(300_000)`],
    ['a method that is not allowed', `{ method: 'TRACE' }`],
    ['another', `{ method: 'connect' }`],
    ['a method that is no token', `{ method: 'a b' }`],
    ['a method of no letters', `{ method: '' }`],
  ])('that fetches with %s: fetch refuses it, and the worker lives', async (_what, how) => {
    const source = `const go = (init, more = '') => fetch('http://upstream.test/' + more, init)
      export default () => go(${how}).catch((error) => new Response(error.name))`
    const { worker } = await start(fixture.factory, runtime, source, {
      capabilities: { allowNetwork: true, allowedDomains: ['upstream.test'] },
    })
    expect((await call(worker)).body.toString()).toBe('TypeError')
    expect(worker.state).toBe('ready')
  })

  test('whose response body breaks: the failure comes after the head', async () => {
    const source = `export default () => new Response(new ReadableStream({
      async pull(c) {
        if (globalThis.sent) throw new Error('torn')
        globalThis.sent = true
        c.enqueue(new TextEncoder().encode('part'))
        await new Promise((r) => setTimeout(r, 20))
      },
    }))`
    const { worker } = await start(fixture.factory, runtime, source)
    const answer = await call(worker)
    expect(answer.status).toBe(200)
    expect(answer.body.toString()).toBe('part')
    expect(answer.error?.code).toBe('HANDLER_ERROR')
    expect(answer.error?.message).toContain('torn')
  })

  test('logs: each line with its level and its invocation, also after await', async () => {
    const source = `console.info('at load')
      export default async (req) => {
        console.debug('d'); console.log('l', 1, { a: [1] })
        await new Promise((r) => setTimeout(r, 5))
        console.warn('w'); console.error('e')
        return new Response()
      }`
    const { worker, logs } = await start(fixture.factory, runtime, source)
    await Promise.all([call(worker), call(worker)])
    expect(logs[0]).toEqual({ invocation: undefined, level: 'info', message: 'at load' })
    for (const id of [1, 2]) {
      const own = logs.filter((entry) => entry.invocation === id)
      expect(own.map((entry) => entry.level)).toEqual(['debug', 'info', 'warn', 'error'])
      expect(own.map((entry) => entry.message[0])).toEqual(['d', 'l', 'w', 'e'])
    }
  })

  test('that logs without end is cut off, with one notice', async () => {
    const source = `export default () => {
      for (let i = 0; i < 3000; i++) console.log('line ' + i)
      return new Response()
    }`
    const { worker, logs } = await start(fixture.factory, runtime, source)
    expect((await call(worker)).status).toBe(200)
    await until('the note', () => logs.some((entry) => entry.message.includes('dropped')))
    expect(logs.length).toBeLessThan(1010)
    const dropped = logs.filter((entry) => entry.message.includes('dropped'))
    expect(dropped).toHaveLength(1)
    expect(dropped[0]?.level).toBe('warn')
  })

  test('that leaves a rejection unhandled: logged to its invocation, the answer unharmed', async () => {
    const source = `export default async () => {
      Promise.reject(new Error('left alone'))
      await new Promise((r) => setTimeout(r, 5))
      return new Response('fine')
    }`
    const { worker, logs } = await start(fixture.factory, runtime, source, {
      mapStack: (stack) => stack.replaceAll('bundle.js', 'src/main.ts'),
    })
    expect((await call(worker)).body.toString()).toBe('fine')
    const entry = logs.find((log) => log.message.includes('left alone'))
    expect(entry).toMatchObject({ invocation: 1, level: 'error' })
    expect(entry?.message).toContain('src/main.ts:2:')
  })

  test('that throws in a timer: logged to its invocation, the worker lives', async () => {
    const source = `export default async () => {
      setTimeout(() => { throw new Error('from a timer') }, 1)
      await new Promise((r) => setTimeout(r, 20))
      return new Response('fine')
    }`
    const { worker, logs } = await start(fixture.factory, runtime, source)
    expect((await call(worker)).body.toString()).toBe('fine')
    const entry = logs.find((log) => log.message.includes('from a timer'))
    expect(entry).toMatchObject({ invocation: 1, level: 'error' })
    expect(worker.state).toBe('ready')
  })

  test('whose error has one frame and a cause: the position is that of the error', async () => {
    const source = `const inner = () => new Error('inner')
      export default async () => {
        await null
        throw new Error('outer', { cause: inner() })
      }`
    const { worker } = await start(fixture.factory, runtime, source, {
      mapStack: (stack) => stack.replaceAll('bundle.js', 'src/main.ts'),
    })
    const { error } = await call(worker)
    expect(error?.position).toMatchObject({ file: 'src/main.ts', line: 4 })
    expect(error?.tenantStack).toContain('inner')
  })

  test('whose error has causes: all are shown, with positions of the sources', async () => {
    const source = `const inner = () => Object.assign(new TypeError('the socket closed'), { code: 'ECONNRESET' })
      const outer = () => new Error('the query failed', { cause: inner() })
      const several = () => new AggregateError([new RangeError('first'), outer()], 'all failed')
      const circular = () => { const error = new Error('turns'); error.cause = error; return error }
      const chain = () => { let error; for (let i = 0; i < 2000; i++) error = new Error('link ' + i, { cause: error }); return error }
      const errors = { outer, several, circular, chain }
      export default async (req) => {
        const [, way, which] = new URL(req.url).pathname.split('/')
        if (way === 'handler') throw errors[which]()
        if (way === 'console') console.error(errors[which]())
        if (way === 'unhandled') Promise.reject(errors[which]())
        if (way === 'timer') setTimeout(() => { throw errors[which]() }, 1)
        await new Promise((r) => setTimeout(r, 20))
        return new Response()
      }`
    const { worker, logs } = await start(fixture.factory, runtime, source, {
      mapStack: (stack) => stack.replaceAll('bundle.js', 'src/main.ts'),
    })
    const wanted = {
      outer: [
        'Error: the query failed',
        'cause',
        'TypeError: the socket closed',
        "code: 'ECONNRESET'",
      ],
      several: [
        'AggregateError: all failed',
        'errors',
        'RangeError: first',
        'Error: the query failed',
      ],
      circular: ['Error: turns', '[Circular'],
      chain: ['Error: link 1999', 'cause', 'Error: link 1998', 'link 1996'],
    }
    for (const way of ['handler', 'console', 'unhandled', 'timer']) {
      for (const [which, parts] of Object.entries(wanted)) {
        logs.length = 0
        const { error } = await call(worker, { url: `http://localhost/${way}/${which}` })
        if (way !== 'handler') await until('the log', () => logs.length > 0)
        const failure = `${error?.message}\n${error?.tenantStack}`
        const text = way === 'handler' ? failure : logs.map(({ message }) => message).join('\n')
        let from = 0
        for (const part of parts) {
          const at = text.indexOf(part, from)
          expect([way, which, part, at >= from, text]).toEqual([way, which, part, true, text])
          from = at + part.length
        }
        expect(text).toContain('src/main.ts:')
        expect(text.split(parts[0] as string)).toHaveLength(2)
        expect(text).not.toContain('link 1990')
        expect(text).not.toContain('[eval]')
      }
    }
  })

  test('whose process crashes: WORKER_CRASHED for what was in flight, the rest untouched', async () => {
    const never = `export default () => {
      console.log('running')
      for (let i = 0; i < 2e6; i++);
      return new Promise(() => {})
    }`
    const { worker, exit, logs } = await start(fixture.factory, runtime, never)
    const running = [open(worker), open(worker)]
    await until('both run', () => logs.length === 2)
    await until('its pid', () => worker.pid !== undefined)
    process.kill(worker.pid as number, 'SIGSEGV')
    for (const { done } of running) {
      const { error, unsent, cpuUs } = await done
      expect(error?.code).toBe('WORKER_CRASHED')
      expect(unsent).toBe(false)
      // Of an executed worker only what was measured before is known.
      if (runtime === 'quickjs-ng') expect(cpuUs).toBeGreaterThan(5_000)
    }
    expect((await exit)?.code).toBe('WORKER_CRASHED')
    expect(worker.state).toBe('gone')
    const next = await start(fixture.factory, runtime, `export default () => new Response('next')`)
    expect((await call(next.worker)).body.toString()).toBe('next')
  })
})

describe.each(RUNTIMES)('%s: a bundle', (runtime) => {
  const load = async (source: string, overrides = {}) => {
    const started = begin(fixture.factory, makeSpec(runtime, source, overrides))
    const error = await started.exit
    expect(started.worker.state).toBe('gone')
    expect(error?.code).toBe('BUNDLE_LOAD_ERROR')
    return error
  }
  const mapStack = (stack: string) => stack.replaceAll('bundle.js', 'src/main.ts')

  test('that throws: refused with the tenant’s position', async () => {
    const error = await load(`const a = 1\n\nthrow new Error('at load')`, { mapStack })
    expect(error?.message).toContain('at load')
    expect(error?.position).toMatchObject({ file: 'src/main.ts', line: 3 })
  })

  test('that is no JavaScript: refused with the tenant’s position', async () => {
    const error = await load(`export default 1\nlet x = ;`, { mapStack })
    expect(error?.message).toContain('SyntaxError')
    expect(error?.position).toMatchObject({ file: 'src/main.ts', line: 2 })
  })

  test.each([
    ['exports nothing', `const a = 1`, 'default'],
    ['exports a number', `export default 1`, 'default'],
    ['exports an object without fetch', `export default { get: () => 1 }`, 'default'],
    ['has no such export', `export default () => new Response()`, 'other'],
  ])('that %s: refused', async (_what, source, handler) => {
    const error = await load(source, { handler })
    expect(error?.message).toContain(handler)
  })

  test.each([
    ['hangs in a loop', `for (;;);\nexport default () => new Response()`],
    ['awaits for ever', `await new Promise(() => {})\nexport default () => new Response()`],
  ])('that %s: refused within its load time', async (_what, source) => {
    const begun = performance.now()
    await load(source)
    expect(performance.now() - begun).toBeLessThan(4000)
  })

  test('that waits a moment at its top level loads', async () => {
    const source = `const v = await new Promise((r) => setTimeout(r, 20, 'later'))
      export default () => new Response(v)`
    const { worker, ready } = await start(fixture.factory, runtime, source)
    expect(await ready).toBeGreaterThan(15_000)
    expect((await call(worker)).body.toString()).toBe('later')
  })

  test('that is gone from the disk: its error goes through', async () => {
    const spec = makeSpec(runtime, '')
    const { FunctionError } = await import('../../src/errors.ts')
    const gone = new FunctionError('BUNDLE_LOAD_ERROR', 'the bundle file is gone')
    const started = begin(fixture.factory, { ...spec, loadBundle: () => Promise.reject(gone) })
    expect(await started.exit).toBe(gone)
  })
})
