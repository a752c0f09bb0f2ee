import { describe, expect, test } from 'bun:test'
import { inWorker, pathOf, useTemplate } from './harness.ts'

describe('the interface', () => {
  inWorker({
    'an incoming request': (request) => {
      same([request.method, request.headers.get('host'), request.bodyUsed], ['GET', null, false])
      same(request.body, null)
      const { headers, signal } = request
      same([request.headers === headers, request.signal === signal], [true, true])
      same(request.signal.aborted, false)
      same([request.mode, request.credentials, request.cache], ['cors', 'same-origin', 'default'])
      same([request.redirect, request.referrer], ['follow', 'about:client'])
      same(request instanceof Request, true)
    },
    'from a URL and an init': async () => {
      const request = new Request('http://x/a b', {
        method: 'post',
        headers: { a: 'b' },
        body: 'text',
        redirect: 'manual',
        keepalive: true,
        integrity: 'sha256-x',
      } as RequestInit)
      same(request.url, 'http://x/a%20b')
      same(request.method, 'POST')
      same(request.headers.get('content-type'), 'text/plain;charset=UTF-8')
      same([request.redirect, request.keepalive, request.integrity], ['manual', true, 'sha256-x'])
      same(await request.text(), 'text')
      same(request.bodyUsed, true)
    },
    'methods: six are made upper case, three are refused': () => {
      for (const method of ['get', 'hEAd', 'Options', 'delete', 'put', 'post']) {
        same(new Request('http://x/', { method }).method, method.toUpperCase())
      }
      same(new Request('http://x/', { method: 'patch' }).method, 'patch')
      for (const method of ['connect', 'TRACE', 'track', 'a b', '', '\u0100']) {
        throws(() => new Request('http://x/', { method }), 'TypeError')
      }
    },
    'what is refused': () => {
      const bad: [unknown, unknown][] = [
        ['/relative', undefined],
        ['http://user:pw@x/', undefined],
        ['http://x/', { method: 'GET', body: 'x' }],
        ['http://x/', { method: 'HEAD', body: '' }],
        ['http://x/', { mode: 'navigate' }],
        ['http://x/', { mode: 'none' }],
        ['http://x/', { cache: 'only-if-cached' }],
        ['http://x/', { mode: 'no-cors', method: 'PUT' }],
        ['http://x/', { signal: {} }],
        ['http://x/', { window: {} }],
        ['http://x/', { referrer: 'http://' }],
        ['http://x/', { method: 'POST', body: new ReadableStream() }],
        ['http://x/', { method: 'POST', body: 'x', duplex: 'full' }],
        ['http://x/', 'init'],
      ]
      for (const [input, init] of bad) {
        throws(() => new Request(input as string, init as RequestInit), 'TypeError')
      }
      // @ts-expect-error no arguments
      throws(() => new Request(), 'TypeError')
    },
    'members of the init are read once, in the order of their names': () => {
      const log: string[] = []
      const init = new Proxy(
        {},
        {
          get(_, key) {
            log.push(String(key))
            return undefined
          },
        },
      )
      new Request('http://x/', init)
      same(log, [...log].sort())
      same(new Set(log).size, log.length)
    },
    'from a request: the body moves': async () => {
      const first = new Request('http://x/', { method: 'POST', body: 'text', headers: { a: 'b' } })
      const second = new Request(first, { headers: { c: 'd' } })
      same([first.bodyUsed, second.bodyUsed], [true, false])
      same([second.headers.get('a'), second.headers.get('c')], [null, 'd'])
      same(await second.text(), 'text')
      await rejects(first.text(), 'TypeError')
      throws(() => new Request(first), 'TypeError')
      same(new Request(first, { body: 'other' }).method, 'POST')
    },
    'a failed construction leaves the other request alone': () => {
      const request = new Request('http://x/', { method: 'POST', body: 'text' })
      throws(() => new Request(request, { method: 'GET' }), 'TypeError')
      throws(() => new Request(request, { method: 'CONNECT' }), 'TypeError')
      same(request.bodyUsed, false)
    },
    'clone has its own body, headers and signal': async () => {
      const controller = new AbortController()
      const request = new Request('http://x/', {
        method: 'POST',
        body: 'text',
        signal: controller.signal,
      })
      const clone = request.clone()
      clone.headers.set('a', 'b')
      same(request.headers.get('a'), null)
      same([await request.text(), await clone.text()], ['text', 'text'])
      throws(() => request.clone(), 'TypeError')
      controller.abort('why')
      same([request.signal.aborted, clone.signal.reason], [true, 'why'])
      same(clone.signal === request.signal, false)
    },
    'a signal that aborted before': () => {
      const request = new Request('http://x/', { signal: AbortSignal.abort('early') })
      same([request.signal.aborted, request.signal.reason], [true, 'early'])
      same(new Request(request, { signal: null }).signal.aborted, false)
    },
  })
})

describe('the body of an incoming request', () => {
  const template = useTemplate()
  const bundle = `
    const ways = {
      text: (r) => r.text(),
      json: async (r) => JSON.stringify(await r.json()),
      arrayBuffer: async (r) => String((await r.arrayBuffer()).byteLength),
      bytes: async (r) => (await r.bytes()).constructor.name,
      blob: async (r) => { const b = await r.blob(); return b.type + ' ' + await b.text() },
      stream: async (r) => {
        let size = 0, chunks = 0
        for await (const chunk of r.body) { size += chunk.length; chunks++ }
        return size + ' ' + (chunks > 0) + ' ' + r.bodyUsed
      },
      echo: (r) => new Response(r.body),
      clone: async (r) => { const c = r.clone(); return (await c.text()) + (await r.text()) },
      twice: async (r) => { await r.text(); return r.text().then(() => 'no', (e) => e.name) },
      both: async (r) => { const p = r.text(); const used = r.bodyUsed; const second = await r.text().catch((e) => e.name); return used + second + await p },
      late: async (r) => { await new Promise((f) => setTimeout(f, 20)); return r.text() },
      cancel: async (r) => { await r.body.cancel('enough'); return String(r.bodyUsed) },
      byob: async (r) => {
        const reader = r.body.getReader({ mode: 'byob' })
        let text = '', view = new Uint8Array(4)
        for (;;) {
          const { value, done } = await reader.read(view)
          if (done) return text
          text += new TextDecoder().decode(value)
          view = new Uint8Array(value.buffer)
        }
      },
      wrapped: (r) => new Request(r, { headers: {} }).text(),
    }
    export default async (request) => {
      const result = await ways[new URL(request.url).pathname.slice(1)](request)
      return result instanceof Response ? result : new Response(result)
    }`

  async function send(way: string, parts: string[], type = 'text/plain'): Promise<string> {
    const worker = await template().worker({ bundle })
    const running = worker.begin({
      ...pathOf(way),
      method: 'POST',
      headers: [['content-type', type]],
      open: true,
    })
    for (const part of parts) {
      running.write(Buffer.from(part))
      await Bun.sleep(2)
    }
    running.end()
    const { error, text } = await running.result
    worker.close()
    return error === undefined ? text : `${error.code} ${error.message}`
  }

  test('is read whole by each method, however it comes', async () => {
    expect(await send('text', ['a', 'b\u00e9', 'c'])).toBe('ab\u00e9c')
    expect(await send('text', [])).toBe('')
    expect(await send('json', ['{"a"', ':[1,2', ']}'])).toBe('{"a":[1,2]}')
    expect(await send('arrayBuffer', ['abc', 'de'])).toBe('5')
    expect(await send('bytes', ['x'])).toBe('Uint8Array')
    expect(await send('blob', ['x', 'y'], 'Text/HTML; charset="utf-8"')).toBe(
      'text/html;charset=utf-8 xy',
    )
    expect(await send('late', ['a', 'b'])).toBe('ab')
    expect(await send('wrapped', ['a', 'b'])).toBe('ab')
  })

  test('streams, is echoed, cloned and cancelled', async () => {
    expect(await send('stream', ['ab', 'c'])).toBe('3 true true')
    expect(await send('echo', ['ab', 'c', 'd'])).toBe('abcd')
    expect(await send('echo', [])).toBe('')
    expect(await send('clone', ['ab', 'c'])).toBe('abcabc')
    expect(await send('cancel', ['ab'])).toBe('true')
    expect(await send('byob', ['abcdef', 'gh', 'i'])).toBe('abcdefghi')
  })

  test('is read once', async () => {
    expect(await send('twice', ['x'])).toBe('TypeError')
    expect(await send('both', ['x', 'y'])).toBe('trueTypeErrorxy')
  })

  test('of 8 MB arrives unchanged', async () => {
    const worker = await template().worker({ bundle })
    const body = new Uint8Array(8 << 20).map((_, i) => i * 7)
    const result = await worker.invoke({ ...pathOf('echo'), method: 'POST', body })
    expect(Buffer.compare(result.body, body)).toBe(0)
    const stream = await worker.invoke({ ...pathOf('stream'), method: 'POST', body })
    expect(stream.text).toBe(`${body.length} true true`)
    worker.close()
  })

  test('breaks when the client disconnects: the signal aborts and the reader gets its reason', async () => {
    const worker = await template().worker({
      bundle: `
        let seen = {}
        export default async (request) => {
          if (new URL(request.url).pathname === '/seen') return Response.json(seen)
          request.signal.addEventListener('abort', () => { seen.signal = request.signal.reason.name })
          console.log('reads')
          await request.text().catch((error) => { seen.body = error.name })
          return new Response()
        }`,
    })
    const running = worker.begin({ ...pathOf('x'), method: 'POST', open: true })
    running.write(Buffer.from('part'))
    await running.find(({ type }) => type === 'log')
    running.cancel()
    expect((await running.result).status).toBeUndefined()
    expect(JSON.parse((await worker.invoke(pathOf('seen'))).text).signal).toBe('AbortError')
    worker.close()
  })
})
