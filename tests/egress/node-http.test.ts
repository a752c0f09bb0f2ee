/** node:http and node:https in a quickjs-ng worker, through the real broker. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { call, type Started } from '../conformance/harness.ts'
import { bundleOf as nodeBundle } from '../worker/node-harness.ts'
import { makeEgress } from './harness.ts'
import { httpUpstream, type Upstream } from './upstream.ts'
import { bundleOf, useLauncher } from './worker.ts'

setDefaultTimeout(120_000)

let upstream: Upstream
let worker: Started
const held: ServerResponse[] = []

const launcher = useLauncher(() => makeEgress({ allowPrivate: ['127.0.0.0/8'] }))

const PRELUDE = `
  import http, { request, get } from 'node:http'
  import https from 'https'
  import { PassThrough, Readable, pipeline } from 'node:stream'
  import { once } from 'node:events'
  const text = async (response) => { let all = ''; for await (const chunk of response) all += chunk; return all }
  const answered = (sent) => new Promise((resolve, reject) => sent.on('response', resolve).on('error', reject))
  const echo = async (sent) => JSON.parse(await text(await answered(sent)))
  const failure = (sent) => new Promise((resolve) => sent.on('error', resolve))
  const thrown = (work) => { try { work(); return 'nothing' } catch (e) { return e.code ?? e.name } }
`

const CASES: Record<string, string> = {
  get: `async (_, upstream) => {
    const sent = http.get(upstream + '/echo?a=b#part', { headers: { 'X-Own': ['1', '2'], cookie: ['a=1', 'b=2'] } })
    const response = await answered(sent)
    const { statusCode, statusMessage, httpVersion, headers, rawHeaders, complete, req } = response
    const body = JSON.parse(await text(response))
    return { statusCode, statusMessage, httpVersion, cookies: headers['set-cookie'], distinct: response.headersDistinct['x-two'], two: headers['x-two'],
      raw: rawHeaders.includes('set-cookie'), complete, after: response.complete, same: req === sent, body, trailers: response.trailers }
  }`,
  post: `async (_, upstream) => {
    const url = new URL(upstream)
    const sent = request({ hostname: url.hostname, port: url.port, path: '/echo', method: 'post', headers: { 'content-type': 'text/plain' }, auth: 'me:secret' })
    sent.setHeader('X-A', 1); sent.setHeader('x-b', 'gone'); sent.removeHeader('X-B'); sent.appendHeader('x-a', '2')
    const before = [sent.getHeader('x-a'), sent.hasHeader('X-B'), sent.getHeaderNames(), sent.method, sent.path, sent.host, sent.protocol]
    sent.write('one '); sent.write(new Uint8Array([116, 119, 111])); sent.end(' three')
    return { before, body: await echo(sent), sent: sent.headersSent, late: thrown(() => sent.setHeader('x', 'y')) }
  }`,
  stream: `async (_, upstream) => {
    const sent = request(upstream + '/echo', { method: 'PUT', headers: { 'content-length': 3 * 50_000 } })
    const source = Readable.from((function* () { for (let i = 0; i < 3; i++) yield Buffer.alloc(50_000, 97) })())
    pipeline(source, sent, () => {})
    const { body, headers } = await echo(sent)
    const slow = request(upstream + '/echo', { method: 'POST' })
    slow.write('first'); setTimeout(() => slow.end('last'), 20)
    const second = await echo(slow)
    return { length: body.length, declared: headers['content-length'], slow: second.body, chunked: second.headers['transfer-encoding'] }
  }`,
  upload: `async (_, upstream) => {
    const sent = request(upstream + '/count', { method: 'POST' })
    let waits = 0
    const answer = echo(sent)
    for (let i = 0; i < 40; i++) if (!sent.write(Buffer.alloc(64 * 1024))) { waits++; await once(sent, 'drain') }
    sent.end()
    return { length: (await answer).length, waited: waits > 0 }
  }`,
  gzip: `async (_, upstream) => {
    const response = await answered(http.get(upstream + '/gzip', { headers: { 'accept-encoding': 'gzip' } }))
    return [response.headers['content-encoding'] ?? null, await text(response)]
  }`,
  redirect: `async (_, upstream) => {
    const response = await answered(http.get(upstream + '/redirect'))
    response.resume()
    return [response.statusCode, response.headers.location]
  }`,
  head: `async (_, upstream) => {
    const sent = request(upstream + '/echo', { method: 'HEAD' }).end()
    const response = await answered(sent)
    const closed = once(sent, 'close')
    const body = await text(response)
    await closed
    return [response.statusCode, body]
  }`,
  events: `async (_, upstream) => {
    const seen = []
    const sent = http.get(upstream + '/echo', (response) => { seen.push('callback'); response.on('end', () => seen.push('end')).on('close', () => seen.push('response close')).resume() })
    for (const name of ['socket', 'finish', 'response', 'close', 'error', 'abort']) sent.on(name, () => seen.push(name))
    await once(sent, 'close')
    const dropped = http.get(upstream + '/echo')
    await once(dropped, 'close')
    await new Promise((resolve) => setTimeout(resolve, 1))
    return seen
  }`,
  socket: `async (_, upstream) => {
    const sent = http.get(upstream + '/echo', { agent: new http.Agent({ keepAlive: true, maxSockets: 5 }) })
    const [socket] = await once(sent, 'socket')
    socket.setKeepAlive(true, 1).setNoDelay(); sent.setNoDelay(true); sent.setSocketKeepAlive(true)
    ;(await answered(sent)).resume()
    await once(sent, 'close')
    return [socket.connecting, socket.encrypted ?? false, sent.agent.maxSockets, sent.agent.keepAlive, http.globalAgent.defaultPort, https.globalAgent.protocol,
      new https.Agent() instanceof http.Agent, http.METHODS.includes('PATCH'), http.STATUS_CODES[404]]
  }`,
  timeouts: `async (_, upstream) => {
    const seen = []
    const sent = http.get(upstream + '/hang', { timeout: 30 })
    sent.on('timeout', () => { seen.push('timeout'); sent.destroy() })
    const { code, message } = await failure(sent)
    const later = http.get(upstream + '/hang')
    later.setTimeout(20, () => later.destroy(Object.assign(new Error('mine'), { code: 'ETIMEDOUT' })))
    const own = await failure(later)
    const quick = http.get(upstream + '/echo', { timeout: 60_000 }).on('timeout', () => seen.push('never'))
    ;(await answered(quick)).resume(); await once(quick, 'close')
    return { seen, code, message, own: [own.code, own.message] }
  }`,
  aborts: `async (_, upstream) => {
    const early = http.get(upstream + '/hang'); const e1 = failure(early); early.abort()
    const controller = new AbortController()
    const signalled = http.get(upstream + '/hang', { signal: controller.signal }); const e2 = failure(signalled); controller.abort('why')
    const already = await failure(http.get(upstream + '/hang', { signal: AbortSignal.abort() }))
    const sent = http.get(upstream + '/drip')
    const response = await answered(sent)
    const events = []
    response.on('aborted', () => events.push('aborted')).on('error', (e) => events.push(e.code)).on('close', () => events.push('close'))
    response.once('data', () => sent.destroy())
    await new Promise((resolve) => response.on('close', resolve))
    return { early: [(await e1).code, (await e1).message, early.aborted, early.destroyed], signalled: [(await e2).name, (await e2).code], already: already.code, events, complete: response.complete }
  }`,
  broken: `async (_, upstream) => {
    const response = await answered(http.get(upstream + '/broken'))
    const error = await new Promise((resolve) => response.on('error', resolve).resume())
    const quiet = await answered(http.get(upstream + '/broken'))
    await new Promise((resolve) => quiet.on('close', resolve).resume())
    return [error.code, response.complete, response.aborted, quiet.destroyed]
  }`,
  refused: `async (_, upstream, ctx) => {
    const errors = []
    for (const url of ['http://127.0.0.1:1/', 'http://10.0.0.1/', 'http://169.254.169.254/', 'http://nothing.invalid/', 'https://localhost:1/'])
      { const e = await failure(url.startsWith('https') ? https.get(url) : http.get(url)); errors.push(e.code) }
    return errors
  }`,
  endless: `async (_, upstream) => {
    const response = await answered(http.get(upstream + '/endless'))
    let bytes = 0
    for await (const chunk of response) { bytes += chunk.length; if (bytes > 1_000_000) break }
    const other = await answered(http.get(upstream + '/endless'))
    await once(other, 'readable')
    await new Promise((resolve) => setTimeout(resolve, 50))
    const held = other.readableLength
    other.destroy()
    return [bytes > 1_000_000, response.destroyed, held < 300_000]
  }`,
  injection: `(_, upstream) => {
    const at = (path) => () => http.request({ host: '127.0.0.1', port: 80, path }).on('error', () => {}).destroy()
    const header = (name, value) => () => { const sent = http.request(upstream); sent.on('error', () => {}); try { sent.setHeader(name, value) } finally { sent.destroy() } }
    let turn = 0
    return [at('/a\\r\\nHost: evil'), at('/a b'), at('/\\u0100'), header('x', 'a\\r\\nb: c'), header('x\\r\\ny', 'z'), header('x y', 'z'), header('', 'z'),
      header('x', undefined), header('x', ['ok', 'bad\\n']), header('x', { toString: () => 'turn' + '\\n'.repeat(turn++) + '\\n' }), header('x', '\\u0100'),
      () => http.request(upstream, { method: 'GET\\r\\nX: y' }), () => http.request(upstream, { method: 1 }), () => http.request({ host: { toString: () => 'evil' } }),
      () => http.request('https://a/'), () => http.request('ftp://a/'), () => http.request('no url'), () => http.validateHeaderName('a:'), () => http.validateHeaderValue('a', 'b\\n')].map(thrown)
  }`,
  targets: `async (_, upstream) => {
    const { port } = new URL(upstream)
    const errors = []
    for (const options of [{ host: 'user@127.0.0.1' }, { host: '127.0.0.1/x?' }, { host: 'a b' }, { host: '127.0.0.1#' }, { host: '127.0.0.1', path: 'http://evil/' }, { host: '127.0.0.1', path: '*' }])
      { const sent = http.get({ port, ...options }); errors.push((await failure(sent)).code) }
    const query = await echo(http.get({ host: '127.0.0.1', port, path: '?only=query' }))
    const hash = await echo(http.get({ host: '127.0.0.1', port, path: '/echo?a#b' }))
    let reads = 0
    const getters = await echo(http.get(Object.create({ get host() { reads++; return reads === 1 ? '127.0.0.1' : 'evil.invalid' }, port, path: '/echo' })))
    return [errors, query.url, hash.url, getters.url, reads]
  }`,
  unavailable: `async (_, upstream) => {
    const proxy = new http.Agent(); proxy.addRequest = () => {}
    class Tunnel extends https.Agent { createConnection() { return 'socket' } }
    const body = await failure(http.request(upstream, { method: 'GET' }).end('body'))
    const connect = await failure(http.request(upstream, { method: 'CONNECT' }).end())
    return [...[() => http.createServer(), () => new http.Server(), () => new http.ServerResponse(), () => https.createServer(), () => http.get(upstream, { agent: proxy }),
      () => https.get('https://a/', { agent: new Tunnel() }), () => http.get(upstream, { socketPath: '/run/x' }), () => https.get('https://a', { cert: 'x' }), () => http.get(upstream, { agent: 5 })].map(thrown),
      body.code, connect.code, body.message]
  }`,
  expectation: `async (_, upstream) => {
    const sent = request(upstream + '/echo', { method: 'POST', headers: { Expect: '100-continue' } })
    await once(sent, 'continue')
    sent.end('after')
    return (await echo(sent)).body
  }`,
}

beforeAll(async () => {
  upstream = await httpUpstream((request, response) => {
    const parts: Buffer[] = []
    const { url = '', method, headers } = request
    if (url.startsWith('/redirect')) {
      response.writeHead(302, { location: '/echo' }).end('moved')
    } else if (url === '/gzip') {
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync('unpacked'))
    } else if (url === '/hang') {
      held.push(response)
    } else if (url === '/drip') {
      response.write('drop')
      held.push(response)
    } else if (url === '/broken') {
      response.writeHead(200, { 'content-length': 100 })
      response.write('part')
      setTimeout(() => request.socket.destroy(), 20)
    } else if (url === '/endless') {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      }
      response.on('drain', more)
      more()
    } else {
      request.on('data', (chunk) => parts.push(chunk))
      request.on('end', () => {
        response.setHeader('set-cookie', ['a=1', 'b=2'])
        response.setHeader('x-two', ['1', '2'])
        const body = Buffer.concat(parts).toString()
        if (url === '/count') response.end(JSON.stringify({ length: body.length }))
        else response.end(JSON.stringify({ url, method, headers, body }))
      })
    }
  })
  worker = await launcher.start(await bundled())
})

afterAll(() => {
  for (const response of held) response.destroy()
  upstream?.close()
})

async function bundled(): Promise<string> {
  const capabilities = { allowNetwork: true }
  return new TextDecoder().decode(await nodeBundle(bundleOf(CASES, PRELUDE), capabilities))
}

async function run(name: string): Promise<unknown> {
  const to = encodeURIComponent(`http://127.0.0.1:${upstream.port}`)
  const answer = await call(worker.worker, {
    url: `http://x/${name}?upstream=${to}`,
    deadlineMs: 100_000,
  })
  if (answer.status !== 200) throw new Error(JSON.stringify(answer))
  return JSON.parse(answer.body.toString())
}

describe('requests', () => {
  test('get, with the fields of a response', async () => {
    expect(await run('get')).toMatchObject({
      ...{ statusCode: 200, statusMessage: 'OK', httpVersion: '1.1', cookies: ['a=1', 'b=2'] },
      ...{ two: '1, 2', raw: true, complete: false, after: true, same: true, trailers: {} },
      body: { url: '/echo?a=b', method: 'GET', headers: { 'x-own': '1, 2', cookie: 'a=1; b=2' } },
    })
  })

  test('post, with headers that are set, appended and removed', async () => {
    const { before, body, sent, late } = (await run('post')) as Record<string, unknown>
    expect(before).toEqual([
      ['1', '2'],
      false,
      ['content-type', 'authorization', 'host', 'x-a'],
      ...['POST', '/echo', '127.0.0.1', 'http:'],
    ])
    expect(body).toMatchObject({
      body: 'one two three',
      headers: {
        ...{ authorization: `Basic ${btoa('me:secret')}`, 'content-length': '13' },
        ...{ 'content-type': 'text/plain', 'x-a': '1, 2' },
      },
    })
    expect([sent, late]).toEqual([true, 'ERR_HTTP_HEADERS_SENT'])
  })

  test('bodies that are streams', async () => {
    expect(await run('stream')).toEqual({
      ...{ length: 150_000, declared: '150000', slow: 'firstlast', chunked: 'chunked' },
    })
    expect(await run('upload')).toEqual({ length: 40 * 65_536, waited: true })
    expect(await run('expectation')).toBe('after')
  })

  test('decoded bodies, redirects and HEAD', async () => {
    expect(await run('gzip')).toEqual([null, 'unpacked'])
    expect(await run('redirect')).toEqual([302, '/echo'])
    expect(await run('head')).toEqual([200, ''])
  })

  test('events come in the order of Node', async () => {
    expect(await run('events')).toEqual([
      ...['socket', 'finish', 'callback', 'response', 'end', 'close', 'response close'],
    ])
  })

  test('sockets and agents are accepted', async () => {
    expect(await run('socket')).toEqual([
      ...[false, false, 5, true, 80, 'https:', true, true, 'Not Found'],
    ])
  })
})

describe('failures', () => {
  test('timeouts', async () => {
    expect(await run('timeouts')).toEqual({
      seen: ['timeout'],
      ...{ code: 'ECONNRESET', message: 'socket hang up', own: ['ETIMEDOUT', 'mine'] },
    })
  })

  test('aborts, before and in a response', async () => {
    expect(await run('aborts')).toEqual({
      early: ['ECONNRESET', 'socket hang up', true, true],
      signalled: ['AbortError', 'ABORT_ERR'],
      already: 'ABORT_ERR',
      events: ['aborted', 'ECONNRESET', 'close'],
      complete: false,
    })
  })

  test('a response that breaks off', async () => {
    expect(await run('broken')).toEqual(['ECONNRESET', false, true, true])
  })

  test('of the network and of the policy have codes', async () => {
    expect(await run('refused')).toEqual([
      ...['ERR_POLICY', 'ERR_POLICY', 'ERR_POLICY', 'ENOTFOUND', 'ERR_POLICY'],
    ])
  })

  test('what is not available says so', async () => {
    const missing = 'ERR_METHOD_NOT_IMPLEMENTED'
    expect(await run('unavailable')).toEqual([
      ...[...Array(8).fill(missing), 'ERR_INVALID_ARG_TYPE', missing, missing],
      'http.request with a body and the method GET is not available in quickjs-ng functions',
    ])
  })
})

describe('hostile', () => {
  test('line breaks and other bytes get into no head', async () => {
    const [char, token] = ['ERR_INVALID_CHAR', 'ERR_INVALID_HTTP_TOKEN']
    const path = 'ERR_UNESCAPED_CHARACTERS'
    expect(await run('injection')).toEqual([
      ...[path, path, path, char, token, token, token, 'ERR_HTTP_INVALID_HEADER_VALUE', char],
      ...[char, char, token, 'ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE'],
      ...['ERR_INVALID_PROTOCOL', 'ERR_INVALID_PROTOCOL', 'ERR_INVALID_URL', token, char],
    ])
  })

  test('hosts and paths that would mean another host, and getters that change', async () => {
    expect(await run('targets')).toEqual([
      Array(6).fill('ERR_INVALID_URL'),
      ...['/?only=query', '/echo?a%23b', '/echo', 1],
    ])
  })

  test('an endless response waits for its reader', async () => {
    expect(await run('endless')).toEqual([true, true, true])
  })
})
