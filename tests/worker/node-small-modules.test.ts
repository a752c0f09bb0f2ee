/** Modules of Node of which a worker has what needs no system: net, tty, constants, sys, diagnostics_channel. */
import { describe, expect, test } from 'bun:test'
import net from 'node:net'
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
