/** Modules of Node of which a worker has what needs no system: net, tty, constants, sys, diagnostics_channel. */
import { describe, expect, test } from 'bun:test'
import net from 'node:net'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { useAnswers } from './node-answers.ts'

const answer = useAnswers()

test('net knows addresses as Node does, and has no sockets', async () => {
  const texts = [
    ...[
      '127.0.0.1',
      '256.0.0.1',
      '1.2.3',
      '1.2.3.04',
      '::1',
      '::',
      ':::',
      '1::2::3',
      'fe80::1%eth0',
    ],
    ...[
      '::1%',
      '::1%a_b',
      '::ffff:1.2.3.4',
      '::1.2.3',
      '1:2:3:4:5:6:7:8',
      '1:2:3:4:5:6:7::',
      '12345::',
    ],
    ...['1:2:3:4:5:6:7:8:9', '[::1]', '', ' ::1', 'a', '0000:0000:0000:0000:0000:0000:127.0.0.1'],
  ]
  const source = `import net, { isIP, isIPv4, isIPv6 } from 'node:net'
    class Socket extends net.Socket {}
    const said = []
    for (const call of [() => net.connect(1), () => new Socket(), () => new net.Server()]) {
      try { call() } catch (e) { said.push(e.message.split(' ')[0]) }
    }
    export default () => Response.json([${JSON.stringify(texts)}.map((one) => [isIP(one), isIPv4(one), isIPv6(one)]), net.isIP(), said])`
  expect(await answer(source)).toEqual([
    texts.map((one) => [net.isIP(one), net.isIPv4(one), net.isIPv6(one)]),
    0,
    ['net.connect', 'net.Socket', 'net.Server'],
  ])
})

test('tty, constants and sys', async () => {
  const source = `import { isatty } from 'tty'
    import sys from 'sys'
    import util from 'util'
    const { ENOENT, SIGTERM, O_CREAT, S_IFMT, RSA_PKCS1_PADDING } = require('constants')
    export default () => Response.json([isatty(1), sys.format('%d', 1), Object.keys(sys).length === Object.keys(util).length,
      ENOENT, SIGTERM, O_CREAT, S_IFMT, RSA_PKCS1_PADDING])`
  expect(await answer(source)).toEqual([false, '1', true, 2, 15, 64, 0o170000, 1])
})

describe('diagnostics_channel', () => {
  test('delivers messages to those who subscribed', async () => {
    const source = `import dc, { channel, subscribe, unsubscribe, hasSubscribers, Channel } from 'node:diagnostics_channel'
      export default () => {
        const said = []
        const first = (message, name) => { said.push(['first', message, String(name)]); unsubscribe('a', first) }
        const second = (message) => said.push(['second', message])
        const a = channel('a')
        said.push(hasSubscribers('a'), hasSubscribers('none'), a === dc.channel('a'), a instanceof Channel)
        subscribe('a', first)
        a.subscribe(second)
        a.publish(1)
        a.publish(2)
        said.push(hasSubscribers('a'), unsubscribe('a', first), a.unsubscribe(second), a.hasSubscribers)
        a.publish(3)
        for (const bad of [() => channel(1), () => subscribe('a', 'no')]) {
          try { bad() } catch (e) { said.push(e.code) }
        }
        return Response.json(said)
      }`
    expect(await answer(source)).toEqual([
      ...[false, false, true, true],
      ...[
        ['first', 1, 'a'],
        ['second', 1],
        ['second', 2],
      ],
      ...[true, false, true, false],
      ...['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE'],
    ])
  })

  test('traces calls, promises and callbacks, and binds stores', async () => {
    const source = `import { channel, tracingChannel } from 'node:diagnostics_channel'
      import { AsyncLocalStorage } from 'node:async_hooks'
      export default async () => {
        const said = []
        const traced = tracingChannel('t')
        const store = new AsyncLocalStorage()
        const log = (event) => (context) => said.push([event, context.result ?? context.error?.message ?? null])
        const handlers = Object.fromEntries(['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((name) => [name, log(name)]))
        said.push(traced.hasSubscribers, traced.traceSync(() => 0))
        traced.subscribe(handlers)
        traced.start.bindStore(store, (context) => context.id)
        said.push(traced.traceSync(function (x) { return [this.y, x, store.getStore()] }, { id: 7 }, { y: 1 }, 2), store.getStore() ?? null)
        try { traced.traceSync(() => { throw new Error('e') }) } catch (e) { said.push(e.message) }
        said.push(await traced.tracePromise(async () => 'p', { id: 8 }))
        await traced.tracePromise(async () => { throw new Error('r') }).catch((e) => said.push(e.message))
        traced.traceCallback((done) => done(null, 'c'), 0, {}, null, (error, result) => said.push(result))
        said.push(traced.unsubscribe(handlers), traced.unsubscribe(handlers), channel('tracing:t:end').hasSubscribers, traced.start.unbindStore(store))
        return Response.json(said)
      }`
    const value = [1, 2, 7]
    expect(await answer(source)).toEqual([
      ...[false, 0, ['start', null], ['end', value], value, null],
      ...[['start', null], ['error', 'e'], ['end', 'e'], 'e'],
      ...[['start', null], ['end', null], ['asyncStart', 'p'], ['asyncEnd', 'p'], 'p'],
      ...[
        ['start', null],
        ['end', null],
        ['error', 'r'],
        ['asyncStart', 'r'],
        ['asyncEnd', 'r'],
        'r',
      ],
      ...[['start', null], ['asyncStart', 'c'], 'c', ['asyncEnd', 'c'], ['end', 'c']],
      ...[true, false, false, true],
    ])
  })
})

test('path.win32 gives what Node gives', async () => {
  const paths = [
    ...['', '.', '..', '/', '//', 'a/b', '/a/b/', 'C:', 'C:\\', 'c:a', 'C:/a/../b', 'x.tar.gz'],
    ...['\\\\server\\share', '\\\\server\\share\\dir\\f.txt', '../a', '.bashrc'],
    ...['C:\\Users\\A b\\..\\c.txt', 'd:/x/y/z', 'd:/X/q', '/a//b///c', 'é/ü.txt'],
  ]
  const names = ['normalize', 'dirname', 'basename', 'extname', 'parse', 'isAbsolute'] as const
  const results = (win32: typeof path.win32) =>
    paths.map((one) => [
      names.map((name) => win32[name](one)),
      paths.map((other) => [
        win32.join(one, other.replace(':', '')),
        win32.relative(`C:\\${one}`, `C:\\${other}`),
      ]),
      win32.format(win32.parse(one)),
      win32.resolve('C:\\base', one),
    ])
  const source = `import path, { win32 } from 'node:path'
    import { basename } from 'path/win32'
    import all from 'path/win32'
    const paths = ${JSON.stringify(paths)}, names = ${JSON.stringify(names)}
    const results = ${results}
    export default () => Response.json([results(win32), all === path.win32, path.win32 === win32, win32.posix === path,
      basename('a\\\\b'), path.sep])`
  expect(await answer(source)).toEqual([results(path.win32), true, true, true, 'b', '/'])
})

test('util.parseArgs gives what Node gives', async () => {
  const calls: object[] = [
    {
      args: ['-f', '--bar', 'b'],
      options: { foo: { type: 'boolean', short: 'f' }, bar: { type: 'string' } },
    },
    {
      args: ['-abc', 'x', '--', '-d', 'p'],
      allowPositionals: true,
      tokens: true,
      options: {
        a: { type: 'boolean', short: 'a' },
        b: { type: 'boolean', short: 'b' },
        cc: { type: 'string', short: 'c' },
      },
    },
    {
      args: ['--n=1', '--n', '2', '-n3'],
      tokens: true,
      options: { n: { type: 'string', multiple: true, short: 'n' } },
    },
    { args: ['--unknown', '-xyz', '--k=v=w', 'pos', '-'], strict: false, tokens: true },
    { args: ['--__proto__=1', '--=x', '--a=', '-é'], strict: false, tokens: true },
    {
      args: [],
      options: {
        d: { type: 'string', default: 'yes' },
        l: { type: 'boolean', multiple: true, default: [true] },
      },
    },
    { args: ['--unknown'] },
    { args: ['pos'] },
    { args: ['--s'], options: { s: { type: 'string', short: 's' } } },
    { args: ['--b=1'], options: { b: { type: 'boolean' } } },
    { args: ['-s', '-x'], options: { s: { type: 'string', short: 's' } } },
    { args: ['--s', '--x'], options: { s: { type: 'string' } } },
    {
      args: ['-abs', 'v'],
      tokens: true,
      options: {
        a: { type: 'boolean', short: 'a' },
        b: { type: 'boolean', short: 'b' },
        s: { type: 'string', short: 's' },
      },
    },
    {
      args: ['-asb', 'v'],
      tokens: true,
      allowPositionals: true,
      options: { a: { type: 'boolean', short: 'a' }, s: { type: 'string', short: 's' } },
    },
    { args: 'a' },
    { args: [], options: { a: { type: 'number' } } },
    { args: [], options: { a: { type: 'string', short: 'ab' } } },
    { args: [], options: { a: { type: 'string', default: 1 } } },
  ]
  const results = calls.map((config) => {
    try {
      return parseArgs(config)
    } catch (error) {
      return (error as { code: string }).code
    }
  })
  const source = `import { parseArgs } from 'node:util'
    export default () => Response.json(${JSON.stringify(calls)}.map((config) => {
      try { return parseArgs(config) } catch (error) { return error.code } }))`
  expect(await answer(source)).toEqual(JSON.parse(JSON.stringify(results)))
})

test('perf_hooks: what frameworks ask of a process', async () => {
  const source = `import perf, { performance, eventLoopUtilization, timerify, PerformanceObserver } from 'node:perf_hooks'
    export default async () => {
      const seen = []
      const observer = new PerformanceObserver((list) => seen.push(...list.getEntries()))
      observer.observe({ entryTypes: ['function'] })
      function add(a, b) { return a + b }
      class Point { constructor(x) { this.x = x } }
      const timed = timerify(add), later = performance.timerify(async (x) => x)
      const results = [timed(1, 2), await later(5), new (timerify(Point))(3) instanceof Point, timed.name, timed.length]
      let code
      try { timerify(1) } catch (error) { code = error.code }
      await new Promise((done) => setTimeout(done, 5))
      return Response.json([results, code, seen.map(({ name, entryType, detail }) => [name, entryType, detail]),
        eventLoopUtilization(), performance.eventLoopUtilization() .utilization, performance.nodeTiming.name,
        performance.nodeTiming.duration > 0, Object.keys(performance).includes('timerify')])
    }`
  expect(await answer(source)).toEqual([
    [3, 5, true, 'timerified add', 2],
    'ERR_INVALID_ARG_TYPE',
    [
      ['add', 'function', [1, 2]],
      ['', 'function', [5]],
      ['Point', 'function', [3]],
    ],
    { idle: 0, active: 0, utilization: 0 },
    0,
    'node',
    true,
    false,
  ])
})

test('assert.Assert has its own choice of strictness', async () => {
  const source = `import assert, { Assert } from 'node:assert'
    const said = (call) => { try { call(); return 'passed' } catch (error) { return error.code } }
    export default () => Response.json([
      said(() => new Assert().equal(1, '1')), said(() => new Assert({ strict: false }).equal(1, '1')),
      said(() => new Assert().deepEqual([1], ['1'])), said(() => new assert.Assert().ok(true)),
      said(() => Assert()), said(() => new Assert({ diff: 'x' })), said(() => new Assert({ skipPrototype: true }))])`
  expect(await answer(source)).toEqual([
    ...['ERR_ASSERTION', 'passed', 'ERR_ASSERTION', 'passed', 'ERR_CONSTRUCT_CALL_REQUIRED'],
    ...['ERR_INVALID_ARG_VALUE', 'ERR_METHOD_NOT_IMPLEMENTED'],
  ])
})
