import { describe, expect, test } from 'bun:test'
import { inWorker, pathOf, useTemplate } from './harness.ts'

describe('the interface', () => {
  inWorker({
    defaults: () => {
      const response = new Response()
      same([response.status, response.statusText, response.ok], [200, '', true])
      same([response.type, response.url, response.redirected], ['default', '', false])
      same([response.body, response.bodyUsed], [null, false])
    },
    'the type of a body becomes its content-type, unless one is given': async () => {
      const type = (body: unknown) => new Response(body as string).headers.get('content-type')
      const form = new FormData()
      form.append('a', 'b')
      same(type('x'), 'text/plain;charset=UTF-8')
      same(type(new URLSearchParams('a=b')), 'application/x-www-form-urlencoded;charset=UTF-8')
      same(type(new Blob(['x'], { type: 'a/b' })), 'a/b')
      same(type(new Blob(['x'])), null)
      same(type(form)?.startsWith('multipart/form-data; boundary='), true)
      same(type(new Uint8Array(2)), null)
      same(type(new ReadableStream()), null)
      same(type(null), null)
      const given = new Response('x', { headers: { 'Content-Type': 'text/html' } })
      same(given.headers.get('content-type'), 'text/html')
    },
    'every kind of body is read as what it is': async () => {
      const text = (body: unknown) => new Response(body as string).text()
      const bytes = new TextEncoder().encode('h\u00e9llo')
      same(await text('h\u00e9llo'), 'h\u00e9llo')
      same(await text(bytes), 'h\u00e9llo')
      same(await text(bytes.buffer), 'h\u00e9llo')
      same(await text(new DataView(bytes.buffer, 1, 2)), '\u00e9')
      same(await text(new Blob(['a', bytes])), 'ah\u00e9llo')
      same(await text(new URLSearchParams({ a: '\u00e9 ' })), 'a=%C3%A9+')
      same(await text(123), '123')
      same(await text({ toString: () => 'made' }), 'made')
      same(await text('\ud800'), '\ufffd')
      same(await text('\ufeffx'), 'x')
      same(await text(new Uint8Array([0xff, 0x41])), '\ufffdA')
    },
    'bytes are copied when they are given': async () => {
      const bytes = new Uint8Array([1, 2, 3])
      const response = new Response(bytes)
      bytes[0] = 9
      same(await response.bytes(), new Uint8Array([1, 2, 3]))
    },
    'json, arrayBuffer, bytes, blob': async () => {
      same(await new Response('{"a":[1,null]}').json(), { a: [1, null] })
      same(await new Response('\ufeff[1]').json(), [1])
      await rejects(new Response('{').json(), 'SyntaxError')
      await rejects(new Response('').json(), 'SyntaxError')
      await rejects(new Response(null).json(), 'SyntaxError')
      same((await new Response('abc').arrayBuffer()).byteLength, 3)
      same(await new Response(null).bytes(), new Uint8Array(0))
      const blob = await new Response('x', { headers: { 'content-type': 'A/B;C=D' } }).blob()
      same([blob.type, blob.size], ['a/b;c=D', 1])
      same((await new Response('x', { headers: { 'content-type': 'bad' } }).blob()).type, '')
    },
    'a body is read once': async () => {
      const response = new Response('x')
      const first = response.text()
      same(response.bodyUsed, true)
      await rejects(response.text(), 'TypeError')
      same(await first, 'x')
      same(response.bodyUsed, true)
      throws(() => response.clone(), 'TypeError')
      same(response.body?.locked, true)
      await rejects(Response.prototype.text.call({} as Response), 'TypeError')
    },
    'a null body can be read again': async () => {
      const response = new Response(null)
      same([await response.text(), await response.text(), response.bodyUsed], ['', '', false])
    },
    'the body as a stream': async () => {
      const response = new Response('abc')
      const stream = response.body as ReadableStream<Uint8Array>
      same(stream === response.body, true)
      same(response.bodyUsed, false)
      const reader = stream.getReader()
      await rejects(response.text(), 'TypeError')
      throws(() => response.clone(), 'TypeError')
      const { value } = await reader.read()
      same(new TextDecoder().decode(value), 'abc')
      same(response.bodyUsed, true)
      same((await reader.read()).done, true)
      same(await new Response(new Response('x').body).text(), 'x')
    },
    'a stream of the function as body': async () => {
      const stream = (chunks: unknown[]) =>
        new ReadableStream({
          start(controller) {
            for (const chunk of chunks) controller.enqueue(chunk)
            controller.close()
          },
        })
      const encoder = new TextEncoder()
      same(await new Response(stream([encoder.encode('a'), encoder.encode('b')])).text(), 'ab')
      await rejects(new Response(stream(['text'])).text(), 'TypeError')
      await rejects(new Response(stream([null])).json(), 'TypeError')
      const used = stream([])
      used.getReader()
      throws(() => new Response(used), 'TypeError')
      const broken = new ReadableStream({ start: (c) => c.error(new RangeError('broken')) })
      await rejects(new Response(broken).text(), 'RangeError')
      const many = stream(Array.from({ length: 20000 }, () => encoder.encode('x')))
      same((await new Response(many).text()).length, 20000)
    },
    clone: async () => {
      const response = new Response('abc', { status: 201, statusText: 'Made', headers: { a: 'b' } })
      const clone = response.clone()
      clone.headers.set('a', 'c')
      same([response.headers.get('a'), clone.status, clone.statusText], ['b', 201, 'Made'])
      same([await clone.text(), await response.text()], ['abc', 'abc'])
      const streamed = new Response(new Blob(['xyz']).stream())
      const second = streamed.clone()
      same([await streamed.text(), await second.text()], ['xyz', 'xyz'])
    },
    'status and status text': () => {
      for (const status of [199, 600, 0, 101, NaN, -1, 65736 + 65536]) {
        if (status !== 65736 + 65536) throws(() => new Response(null, { status }), 'RangeError')
      }
      same(new Response(null, { status: 65536 + 204 }).status, 204)
      for (const status of [204, 205, 304]) {
        throws(() => new Response('', { status }), 'TypeError')
        same(new Response(null, { status }).status, status)
      }
      for (const statusText of ['a\nb', '\0', '\u0100', '\x7f']) {
        throws(() => new Response(null, { statusText }), 'TypeError')
      }
      same(new Response(null, { statusText: '\u00e9 \t' }).statusText, '\u00e9 \t')
      same(new Response(null, { status: 404 }).ok, false)
    },
    'Response.json': async () => {
      const response = Response.json({ a: 1 }, { status: 201, headers: { x: 'y' } })
      same([response.status, response.headers.get('x')], [201, 'y'])
      same(response.headers.get('content-type'), 'application/json')
      same(await response.json(), { a: 1 })
      const given = Response.json(1, { headers: { 'content-type': 'a/b' } })
      same(given.headers.get('content-type'), 'a/b')
      throws(() => Response.json(undefined), 'TypeError')
      throws(() => Response.json(Symbol('s')), 'TypeError')
      throws(() => Response.json(1n), 'TypeError')
      throws(() => Response.json(1, { status: 204 }), 'TypeError')
      const cycle: unknown[] = []
      cycle.push(cycle)
      throws(() => Response.json(cycle), 'TypeError')
    },
    'redirect and error': () => {
      const redirect = Response.redirect('http://x/a b', 307)
      same([redirect.status, redirect.headers.get('location')], [307, 'http://x/a%20b'])
      same(Response.redirect('http://x/').status, 302)
      throws(() => Response.redirect('/relative'), 'TypeError')
      throws(() => Response.redirect('http://x/', 200), 'RangeError')
      const error = Response.error()
      same([error.type, error.status, error.ok], ['error', 0, false])
    },
  })
})

describe('what a handler returns', () => {
  const template = useTemplate()
  const bundle = `
    const encoder = new TextEncoder()
    const made = {
      text: () => new Response('h\u00e9 \\ud83d\\ude00 \\ud800'),
      bytes: () => new Response(new Uint8Array([0, 255, 10])),
      empty: () => new Response(''),
      none: () => new Response(null, { status: 204 }),
      slow: () => new Response(new ReadableStream({
        async pull(c) { for (const t of ['a', '', 'b']) { await new Promise((f) => setTimeout(f, 5)); c.enqueue(encoder.encode(t)) } c.close() },
      })),
      endless: () => new Response(new ReadableStream({
        pull(c) { c.enqueue(new Uint8Array(10000)) },
        cancel(reason) { made.cancelled = String(reason) },
      })),
      broken: () => new Response(new ReadableStream({
        async start(c) { c.enqueue(encoder.encode('part')); await new Promise((f) => setTimeout(f, 10)); c.error(new RangeError('midway')) },
      })),
      'wrong chunk': () => new Response(new ReadableStream({ start(c) { c.enqueue('text'); c.close() } })),
      transformed: () => new Response(new Response('abc').body.pipeThrough(new TransformStream({
        transform(chunk, c) { c.enqueue(chunk.map((b) => b - 32)) },
      }))),
      'was cancelled': () => new Response(made.cancelled),
      cookies: () => new Response(null, { headers: [['set-cookie', 'a=1'], ['x', 'caf\u00e9'], ['Set-Cookie', 'b=2']] }),
    }
    export default (request) => made[decodeURIComponent(new URL(request.url).pathname.slice(1))]()`

  test('text, bytes, nothing', async () => {
    const worker = await template().worker({ bundle })
    expect((await worker.invoke(pathOf('text'))).text).toBe('h\u00e9 \u{1f600} \ufffd')
    expect([...(await worker.invoke(pathOf('bytes'))).body]).toEqual([0, 255, 10])
    expect((await worker.invoke(pathOf('empty'))).body.length).toBe(0)
    expect((await worker.invoke(pathOf('none'))).status).toBe(204)
    expect((await worker.invoke(pathOf('cookies'))).headers).toEqual([
      ['set-cookie', 'a=1'],
      ['x', 'caf\u00e9'],
      ['set-cookie', 'b=2'],
    ])
    worker.close()
  })

  test('streams: chunks as they come, empty ones left out', async () => {
    const worker = await template().worker({ bundle })
    expect((await worker.invoke(pathOf('slow'))).text).toBe('ab')
    expect((await worker.invoke(pathOf('transformed'))).text).toBe('ABC')
    worker.close()
  })

  test('a stream that breaks, or gives what are no bytes, fails the response', async () => {
    const worker = await template().worker({ bundle })
    const broken = await worker.invoke(pathOf('broken'))
    expect(broken.error).toMatchObject({ code: 'HANDLER_ERROR', message: 'RangeError: midway' })
    const wrong = await worker.invoke(pathOf('wrong chunk'))
    expect(wrong.error?.message).toContain('not a Uint8Array')
    worker.close()
  })

  test('an endless stream waits for credit, and is cancelled with the client', async () => {
    const worker = await template().worker({ bundle })
    const running = worker.begin({ ...pathOf('endless'), withholdCredit: true })
    await running.find(({ type }) => type === 'chunk')
    await Bun.sleep(50)
    expect(running.received).toBeLessThanOrEqual(262_144)
    running.cancel()
    await running.result
    expect((await worker.invoke(pathOf('was cancelled'))).text).not.toBe('undefined')
    worker.close()
  })
})
