/** fetch as a function in a quickjs-ng worker sees it, through the real broker. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { call, open, RUNTIMES, type Started, until } from '../conformance/harness.ts'
import { makeEgress } from './harness.ts'
import { httpUpstream, type Upstream } from './upstream.ts'
import { bundleOf, useLauncher } from './worker.ts'

const MB = 2 ** 20
let upstream: Upstream
let worker: Started
let held: ServerResponse[] = []

const launcher = useLauncher(() => makeEgress({ allowPrivate: ['127.0.0.0/8'] }))

const CASES: Record<string, string> = {
  plain: `async (_, upstream) => {
    const response = await fetch(upstream + '/hello?a=b#part', { headers: { 'x-own': 'v' } })
    const { status, statusText, ok, type, url, redirected } = response
    return { status, statusText, ok, type, url, redirected, echo: await response.json() }
  }`,
  post: `async (_, upstream) => {
    const body = new URLSearchParams({ a: 'b' })
    return (await fetch(new Request(upstream + '/echo', { method: 'POST', body }))).json()
  }`,
  large: `async (_, upstream) => {
    const body = new Uint8Array(300_000)
    return (await fetch(upstream + '/echo', { method: 'PUT', body })).json()
  }`,
  stream: `async (_, upstream) => {
    let left = 64
    const body = new ReadableStream({
      pull(controller) {
        if (left-- > 0) controller.enqueue(new Uint8Array(65536))
        else controller.close()
      },
    })
    return (await fetch(upstream + '/echo', { method: 'PUT', body, duplex: 'half' })).json()
  }`,
  brokenUpload: `async (_, upstream) => {
    const body = new ReadableStream({
      pull(controller) { controller.error(new RangeError('mine')) },
    })
    const error = await fetch(upstream + '/echo', { method: 'PUT', body, duplex: 'half' }).catch((e) => e)
    return { name: error.name, cause: error.cause.message }
  }`,
  notBytes: `async (_, upstream) => {
    const body = new ReadableStream({ start(controller) { controller.enqueue('text') } })
    const error = await fetch(upstream + '/echo', { method: 'PUT', body, duplex: 'half' }).catch((e) => e)
    return error.name
  }`,
  passing: `async (request, upstream) =>
    fetch(upstream + '/echo', { method: request.method, body: request.body, duplex: 'half' })`,
  proxy: `(_, upstream) => fetch(upstream + '/gzip')`,
  big: `async (_, upstream) => {
    let bytes = 0
    for await (const chunk of (await fetch(upstream + '/big')).body) bytes += chunk.length
    return bytes
  }`,
  bigAtOnce: `async (_, upstream) => (await (await fetch(upstream + '/big')).arrayBuffer()).byteLength`,
  redirects: `async (_, upstream) => {
    const { url, redirected } = await fetch(upstream + '/redirect')
    const manual = await fetch(upstream + '/redirect', { redirect: 'manual' })
    const error = await fetch(upstream + '/redirect', { redirect: 'error' }).catch((e) => e.name)
    return { url, redirected, manual: [manual.status, manual.headers.get('location')], error }
  }`,
  refused: `async () => {
    const ask = (url) => fetch(url).then(() => 'answered', (e) => e.name + ': ' + e.message)
    return Promise.all(['http://10.0.0.1/', 'http://user@a.test/', 'ftp://a.test/', 'http://8.8.8.8:25/'].map(ask))
  }`,
  immutable: `async (_, upstream) => {
    const response = await fetch(upstream + '/hello')
    try { response.headers.set('a', 'b'); return 'changed' } catch (error) { return error.name }
  }`,
  nullBody: `async (_, upstream) => {
    const head = await fetch(upstream + '/hello', { method: 'HEAD' })
    const none = await fetch(upstream + '/none')
    return [head.body, none.body, none.status, await none.text()]
  }`,
  abortBefore: `async (_, upstream) => {
    const error = await fetch(upstream + '/hello', { signal: AbortSignal.abort('why') }).catch((e) => e)
    return error
  }`,
  abortHead: `async (_, upstream) => {
    const controller = new AbortController()
    const promise = fetch(upstream + '/hold', { signal: controller.signal })
    setTimeout(() => controller.abort(), 100)
    return (await promise.catch((e) => e)).name
  }`,
  abortBody: `async (_, upstream) => {
    const controller = new AbortController()
    const response = await fetch(upstream + '/trickle', { signal: controller.signal })
    const reader = response.body.getReader()
    await reader.read()
    controller.abort()
    return (await reader.read().catch((e) => e)).name
  }`,
  abortUpload: `async (_, upstream) => {
    const controller = new AbortController()
    let reason
    const body = new ReadableStream({
      pull: (c) => c.enqueue(new Uint8Array(1000)),
      cancel(why) { reason = why.name },
    }, { highWaterMark: 0 })
    const promise = fetch(upstream + '/hold', {
      method: 'PUT', body, duplex: 'half', signal: controller.signal,
    })
    setTimeout(() => controller.abort(), 50)
    const error = (await promise.catch((e) => e)).name
    return { error, reason }
  }`,
  abortInPull: `async (_, upstream) => {
    const controller = new AbortController()
    const body = new ReadableStream({ pull() { controller.abort('in pull') } }, { highWaterMark: 0 })
    return fetch(upstream + '/echo', {
      method: 'PUT', body, duplex: 'half', signal: controller.signal,
    }).catch((e) => e)
  }`,
  abortInThen: `async (_, upstream) => {
    const controller = new AbortController()
    let seen = false
    Object.defineProperty(Response.prototype, 'then', {
      configurable: true,
      get() { seen = true; controller.abort('in then'); return undefined },
    })
    const response = await fetch(upstream + '/hello', { signal: controller.signal }).catch((e) => e)
    delete Response.prototype.then
    return [seen, response instanceof Response ? 'response' : response]
  }`,
  abortInTrace: `async () => {
    const controller = new AbortController()
    let seen = false
    Error.prepareStackTrace = () => { seen = true; controller.abort('in the trace'); return 'none' }
    const error = await fetch('http://10.0.0.1/', { signal: controller.signal }).catch((e) => e)
    Error.prepareStackTrace = undefined
    return [seen, error]
  }`,
  cancelBody: `async (_, upstream) => {
    const response = await fetch(upstream + '/trickle')
    await response.body.cancel('enough')
  }`,
  broken: `async (_, upstream) => {
    const response = await fetch(upstream + '/breaks')
    return (await response.text().catch((e) => e)).message
  }`,
  data: `async () => {
    const response = await fetch('data:text/html;charset=utf-8;base64,aGk=')
    const { status, type, url } = response
    return { status, type, url, text: await response.text(), of: response.headers.get('content-type') }
  }`,
  brokenData: `async () => (await fetch('data:nothing').catch((e) => e)).name`,
  clone: `async (_, upstream) => {
    const response = await fetch(upstream + '/hello?x')
    const clone = response.clone()
    const [a, b] = await Promise.all([response.text(), clone.text()])
    return [a === b, clone.url === response.url, clone.type]
  }`,
  arguments: `async () => (await fetch().catch((e) => e)).name`,
  writable: `async (_, upstream) => {
    const { fetch: own } = globalThis
    globalThis.fetch = () => 'mine'
    const replaced = fetch(upstream)
    globalThis.fetch = own
    return [replaced, (await fetch(upstream + '/hello')).status, own.length, own.name]
  }`,
  polluted: `async (_, upstream) => {
    Object.prototype.then = undefined
    Promise.prototype.then = () => { throw new Error('never') }
    Array.prototype.push = () => { throw new Error('never') }
    Request.prototype.constructor = null
    Object.defineProperty(Request.prototype, 'url', { get: () => 'http://10.0.0.1/' })
    return new Response(await (await fetch(upstream + '/hello')).text())
  }`,
  background: `async (_, upstream, ctx) => {
    ctx.waitUntil((async () => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      console.log('later ' + (await fetch(upstream + '/hello')).status)
    })())
    return 'now'
  }`,
  hold: `async (_, upstream) => fetch(upstream + '/hold')`,
  leave: `async (_, upstream) => {
    fetch(upstream + '/hold').catch(() => {})
    await fetch(upstream + '/hello')
    return 'left'
  }`,
  many: `async (_, upstream) => {
    const answers = await Promise.all(Array.from({ length: 60 }, () =>
      fetch(upstream + '/hello').then((r) => r.text()).then(() => 'ok', (e) => e.message)))
    return [answers.filter((one) => one === 'ok').length, answers.at(-1)]
  }`,
}

beforeAll(async () => {
  upstream = await httpUpstream((request, response) => {
    const { url = '' } = request
    if (url === '/echo' || url.startsWith('/hello')) {
      let bytes = 0
      request.on('data', (part) => {
        bytes += part.length
      })
      request.on('end', () => {
        const { method, headers } = request
        response.end(JSON.stringify({ method, url, headers, bytes }))
      })
    } else if (url === '/redirect') {
      response.writeHead(302, { location: '/hello' }).end()
    } else if (url === '/gzip') {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('unpacked'))
    } else if (url === '/none') {
      response.writeHead(204).end()
    } else if (url === '/big') {
      response.end(Buffer.alloc(8 * MB))
    } else if (url === '/breaks') {
      response.write('begun')
      setTimeout(() => request.socket.destroy(), 50)
    } else {
      if (url === '/trickle') response.write('a')
      held.push(response)
    }
  })
  worker = await launcher.start(bundleOf(CASES))
})

afterAll(() => upstream.close())

const target = (name: string) =>
  `http://probe.test/${name}?upstream=${encodeURIComponent(`http://127.0.0.1:${upstream.port}`)}`

/** The upstream sees that the last request that it holds was aborted. */
const lastGone = () => held.at(-1)?.req.socket.destroyed === true

async function run(name: string, options = {}): Promise<unknown> {
  const { body, error } = await call(worker.worker, { url: target(name), ...options })
  if (error !== undefined) throw error
  return JSON.parse(body.toString())
}

describe('requests', () => {
  test('what the response says of itself', async () => {
    expect(await run('plain')).toMatchObject({
      status: 200,
      statusText: 'OK',
      ok: true,
      type: 'basic',
      redirected: false,
      url: `http://127.0.0.1:${upstream.port}/hello?a=b`,
      echo: { method: 'GET', url: '/hello?a=b', headers: { 'x-own': 'v', accept: '*/*' } },
    })
  })

  test('a small body, with its type', async () => {
    expect(await run('post')).toMatchObject({
      method: 'POST',
      bytes: 3,
      headers: { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' },
    })
  })

  test('a body of more than one message, with its length', async () => {
    const answer = await run('large')
    expect(answer).toMatchObject({ bytes: 300_000, headers: { 'content-length': '300000' } })
  })

  test('a stream', async () => {
    const answer = await run('stream')
    expect(answer).toMatchObject({ bytes: 4 * MB, headers: { 'transfer-encoding': 'chunked' } })
  })

  test('a stream that breaks, and one of no bytes', async () => {
    expect(await run('brokenUpload')).toEqual({ name: 'TypeError', cause: 'mine' })
    expect(await run('notBytes')).toBe('TypeError')
  })

  test('the body of the incoming request', async () => {
    const body = new Uint8Array(3 * MB)
    expect(await run('passing', { method: 'POST', body })).toMatchObject({ bytes: 3 * MB })
  })

  test('no argument', async () => expect(await run('arguments')).toBe('TypeError'))

  test('the global is writable, as in browsers', async () =>
    expect(await run('writable')).toEqual(['mine', 200, 1, 'fetch']))
})

describe('responses', () => {
  test('a response that is returned as it came, decoded', async () => {
    const { status, headers, body } = await call(worker.worker, { url: target('proxy') })
    expect(status).toBe(200)
    expect(body.toString()).toBe('unpacked')
    expect(headers.some(([name]) => name === 'content-encoding')).toBe(false)
  })

  test('a large body, as a stream and at once', async () => {
    expect(await run('big')).toBe(8 * MB)
    expect(await run('bigAtOnce')).toBe(8 * MB)
  })

  test('redirect modes', async () => {
    expect(await run('redirects')).toEqual({
      url: `http://127.0.0.1:${upstream.port}/hello`,
      redirected: true,
      manual: [302, '/hello'],
      error: 'TypeError',
    })
  })

  test('headers that cannot be changed', async () =>
    expect(await run('immutable')).toBe('TypeError'))
  test('HEAD and 204 have no body', async () =>
    expect(await run('nullBody')).toEqual([null, null, 204, '']))
  test('a body that breaks', async () =>
    expect(await run('broken')).toContain(
      'The connection to 127.0.0.1 was closed before the response was complete.',
    ))
  test('clone', async () => expect(await run('clone')).toEqual([true, true, 'basic']))
})

describe('a refusal names the rule', () => {
  test('by the broker', async () => {
    expect(await run('refused')).toEqual([
      'TypeError: fetch: 10.0.0.1 is a private address, which functions may not reach.',
      'TypeError: Request: the URL contains credentials',
      "TypeError: fetch: the scheme 'ftp' is not supported: use http or https",
      'TypeError: fetch: Port 25 is blocked: the Fetch standard forbids HTTP requests to it.',
    ])
  })

  test('without a network', async () => {
    const strict = await launcher.start(bundleOf({ refused: CASES.refused as string }), {
      allowNetwork: false,
    })
    const { body } = await call(strict.worker, { url: target('refused') })
    expect(JSON.parse(body.toString())[0]).toContain(
      'may not use the network (allowNetwork is off)',
    )
  })

  test('the fifty-first', async () => {
    const [ok, last] = (await run('many')) as [number, string]
    expect(ok).toBe(50)
    expect(last).toContain('egress.max_subrequests')
  })

  test('while the bundle loads', async () => {
    const source = `
      let seen
      fetch('http://a.test/').catch((error) => { seen = error.name + ': ' + error.message })
      export default () => new Response(seen)`
    const early = await launcher.start(source)
    const { body } = await call(early.worker)
    expect(body.toString()).toStartWith('TypeError: fetch: it was called while the bundle loads')
  })
})

test('a timer that the bundle started fetches as background work', async () => {
  const source = `
    let seen = 'none'
    const timer = setInterval(async () => {
      clearInterval(timer)
      const response = await fetch('http://127.0.0.1:${upstream.port}/hello').catch((error) => error)
      seen = response instanceof Error ? response.message : 'status ' + response.status
    }, 1)
    export default () => new Response(seen)`
  for (const runtime of RUNTIMES) {
    const { worker } = await launcher.start(source, {}, runtime)
    let answer = 'none'
    while (answer === 'none') answer = (await call(worker)).body.toString()
    expect([runtime, answer]).toEqual([runtime, 'status 200'])
  }
})

describe('aborting', () => {
  test('before it begins', async () => expect(await run('abortBefore')).toBe('why'))

  test('before the head', async () => {
    held = []
    expect(await run('abortHead')).toBe('AbortError')
    await until('the upstream sees the end of the connection', lastGone)
  })

  test('in the body', async () => {
    held = []
    expect(await run('abortBody')).toBe('AbortError')
    await until('the upstream sees the end of the connection', lastGone)
  })

  test('with an upload', async () =>
    expect(await run('abortUpload')).toEqual({ error: 'AbortError', reason: 'AbortError' }))

  test('from within the body’s stream', async () =>
    expect(await run('abortInPull')).toBe('in pull'))

  test('from within the resolution of its promise', async () => {
    expect(await run('abortInThen')).toEqual([true, 'response'])
  })

  test('from within the making of its error', async () => {
    expect(await run('abortInTrace')).toEqual([true, 'in the trace'])
  })

  test('a body that is not wanted', async () => {
    held = []
    await run('cancelBody')
    await until('the upstream sees the end of the connection', lastGone)
  })
})

describe('a fetch ends with its invocation, if that is stopped', () => {
  test('but not when that is done: it goes on, until the worker ends', async () => {
    held = []
    const own = await launcher.start(bundleOf({ leave: CASES.leave as string }))
    const { body } = await call(own.worker, { url: target('leave') })
    expect(JSON.parse(body.toString())).toBe('left')
    await until('the request', () => held.length === 1)
    await Bun.sleep(100)
    expect(lastGone()).toBe(false)
    void own.worker.shutdown(0, 'of a test')
    await until('the upstream sees the end of the connection', lastGone)
  })

  test('when the client goes', async () => {
    held = []
    const running = open(worker.worker, { url: target('hold') })
    await until('the request', () => held.length === 1)
    running.invocation.cancel('client gone')
    await until('the upstream sees the end of the connection', lastGone)
    await running.done
  })

  test('when its deadline passes', async () => {
    held = []
    const { error } = await call(worker.worker, { url: target('hold'), deadlineMs: 200 })
    expect(error?.code).toBe('TIMEOUT')
    await until('the upstream sees the end of the connection', lastGone)
  })

  test('when its worker is killed', async () => {
    held = []
    const own = await launcher.start(bundleOf({ hold: CASES.hold as string }))
    const running = open(own.worker, { url: target('hold') })
    await until('the request', () => held.length === 1)
    process.kill(own.worker.pid as number, 'SIGKILL')
    await running.done
    await until('the upstream sees the end of the connection', lastGone)
  })

  test('but not before waitUntil', async () => {
    expect(await run('background')).toBe('now')
    await until('the log', () => worker.logs.some(({ message }) => message === 'later 200'))
  })
})

describe('without the broker', () => {
  test('data:', async () => {
    expect(await run('data')).toEqual({
      status: 200,
      type: 'basic',
      url: 'data:text/html;charset=utf-8;base64,aGk=',
      text: 'hi',
      of: 'text/html;charset=utf-8',
    })
    expect(await run('brokenData')).toBe('TypeError')
  })
})

test('a tenant that changed every prototype', async () => {
  const own = await launcher.start(bundleOf({ polluted: CASES.polluted as string }))
  const { body, error } = await call(own.worker, { url: target('polluted') })
  expect(error?.message).toBeUndefined()
  expect(JSON.parse(body.toString()).url).toBe('/hello')
})
