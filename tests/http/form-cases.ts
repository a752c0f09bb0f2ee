/** Forms of HTTP/1.x, each with the bytes that show it and what the RFCs ask for. */
import type { Exchanged, RawResponse } from './raw-http.ts'

/** A function that the forms are sent to. */
export const FORMS_FUNCTION = `
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const bytes = (text) => new TextEncoder().encode(text)
export default async (req) => {
  const { pathname } = new URL(req.url)
  if (pathname === '/unread') return Response.json({ method: req.method, url: req.url })
  if (pathname === '/slow') await wait(150)
  if (pathname === '/length') {
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(bytes('12345'))
        await wait(30)
        controller.enqueue(bytes('67890'))
        controller.close()
      },
    })
    return new Response(body, { headers: { 'content-length': '10' } })
  }
  if (pathname === '/events') {
    const body = new ReadableStream({
      async start(controller) {
        await wait(3000)
        controller.enqueue(bytes('data: 1\\n\\n'))
        controller.close()
      },
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
  if (pathname === '/no-content') return new Response(null, { status: 204 })
  if (pathname === '/not-modified') return new Response(null, { status: 304, headers: { etag: '"a"' } })
  if (pathname === '/upgrade') return new Response('TLS please', { status: 426, headers: { Upgrade: 'TLS/1.2' } })
  return Response.json({ method: req.method, url: req.url, body: await req.text() })
}
`

export interface FormCase {
  form: string
  /** What is right, for the table. */
  right: string
  /** The issue of Bun, where Bun's server is the cause. */
  upstream?: string
  parts: (string | number)[]
  /** Final responses that are right. */
  expect?: number
  halfClose?: boolean
  head?: boolean
  /** A server may close after the first response: the rest does not count. */
  loose?: boolean
  /** No proxy helps: all of them pass on what Bun's server does. */
  everywhere?: boolean
  /** Longest wait for a server that neither answers nor closes, ms. */
  waitMs?: number
  isRight(exchanged: Exchanged): boolean
}

/** `server.max_body` of the service that the forms are sent to, bytes. */
export const MAX_BODY = 1024

const BUN = 'oven-sh/bun#'
/** Waits for the first byte of the answer, ms. Some proxies answer only once they have the body. */
const ANSWERED = 2_000
const HOST = 'Host: localhost\r\n'
const PATH = '/functions/forms'
const get = (path: string, version = '1.1', headers = HOST) =>
  `GET ${PATH}${path} HTTP/${version}\r\n${headers}\r\n`
const post = (headers: string, body: string, path = '') =>
  `POST ${PATH}${path} HTTP/1.1\r\n${HOST}${headers}\r\n${body}`
const CHUNKED = 'Transfer-Encoding: chunked\r\n'

const finals = ({ responses }: Exchanged): RawResponse[] =>
  responses.filter(({ status }) => status >= 200)
const statuses = (exchanged: Exchanged) => finals(exchanged).map(({ status }) => status)
/** What the function saw. */
const seen = (exchanged: Exchanged, at = 0): { method?: string; url?: string; body?: string } => {
  const response = finals(exchanged)[at]
  return response?.status === 200 ? JSON.parse(response.body || '{}') : {}
}
const path = (exchanged: Exchanged, at = 0) => {
  const { url } = seen(exchanged, at)
  return url === undefined ? undefined : new URL(url).pathname
}
const answered = (exchanged: Exchanged) => seen(exchanged).method !== undefined
const body = (text: string) => (exchanged: Exchanged) => seen(exchanged).body === text
/** Refused with one 4xx or 5xx, and nothing behind it was taken for a request. */
const refused = (exchanged: Exchanged) => {
  const all = statuses(exchanged)
  return all.length === 1 && (all[0] as number) >= 400
}

export const FORM_CASES: FormCase[] = [
  {
    form: 'HTTP/1.0 without Host',
    right: 'an answer; the host is the server’s own',
    parts: [get('', '1.0', '')],
    isRight: answered,
  },
  {
    form: 'an empty `Host`',
    right: 'an answer, or 400',
    parts: [get('', '1.1', 'Host:\r\n')],
    isRight: (exchanged) => answered(exchanged) || refused(exchanged),
  },
  {
    form: 'two `Host`',
    right: '400',
    parts: [get('', '1.1', `${HOST}Host: other\r\n`)],
    isRight: refused,
  },
  {
    form: 'a `Host` that no URL can have',
    right: '400',
    parts: [get('', '1.1', 'Host: a b\r\n')],
    isRight: refused,
  },
  {
    form: '`GET http://localhost:81/...`, `Host: other`',
    right: 'the host is that of the target',
    upstream: `${BUN}33002`,
    parts: [`GET http://localhost:81${PATH} HTTP/1.1\r\nHost: other\r\n\r\n`],
    isRight: (e) => new URL(seen(e).url ?? 'http://none').hostname === 'localhost',
  },
  {
    form: '`CONNECT host:port`',
    right: 'a refusal',
    parts: ['CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n'],
    isRight: refused,
  },
  {
    form: '`TRACE`',
    right: '405 or 501',
    parts: [`TRACE ${PATH} HTTP/1.1\r\n${HOST}\r\n`],
    isRight: (e) => [405, 501].includes(statuses(e)[0] as number),
  },
  {
    form: '`OPTIONS *`',
    right: 'an answer, or a refusal',
    parts: [`OPTIONS * HTTP/1.1\r\n${HOST}\r\n`],
    isRight: (e) => statuses(e).length === 1,
  },
  {
    form: 'an unknown or lowercase method',
    right: 'the method reaches the function, or 4xx, or 501',
    upstream: `${BUN}6556`,
    parts: [`brew ${PATH} HTTP/1.1\r\n${HOST}\r\n`],
    isRight: (e) => seen(e).method === 'brew' || refused(e),
  },
  {
    form: '`Expect: 100-continue`',
    right: '100, then the answer',
    parts: [post('Expect: 100-continue\r\nContent-Length: 2\r\n', ''), 1500, 'ab'],
    isRight: (e) => e.responses[0]?.status === 100 && body('ab')(e),
  },
  {
    form: '`Expect: 100-Continue`, in capitals',
    right: '100, then the answer',
    upstream: `${BUN}30248`,
    parts: [post('Expect: 100-Continue\r\nContent-Length: 2\r\n', ''), 1000, 'ab'],
    isRight: (e) => e.responses[0]?.status === 100 && body('ab')(e),
  },
  {
    form: 'a second request before the first is answered',
    right: 'both are answered, in order',
    upstream: `${BUN}38128`,
    parts: [get('/slow'), get('/second')],
    expect: 2,
    isRight: (e) => path(e, 0) === '/slow' && path(e, 1) === '/second',
  },
  {
    form: 'a second request after the body of the first',
    right: 'both are answered, in order',
    upstream: `${BUN}38128`,
    parts: [post('Content-Length: 2\r\n', `ab${get('/second')}`, '/slow')],
    expect: 2,
    isRight: (e) => path(e, 0) === '/slow' && path(e, 1) === '/second',
  },
  {
    form: 'the client half-closes after the request (`nc -N`)',
    right: 'an answer',
    upstream: `${BUN}35088`,
    parts: [get('/slow')],
    halfClose: true,
    isRight: answered,
  },
  {
    form: '199 header fields',
    right: 'an answer, or 431 or 400',
    upstream: `${BUN}6982`,
    parts: [get('', '1.1', HOST + Array.from({ length: 198 }, (_, i) => `a${i}: b\r\n`).join(''))],
    isRight: (e) => answered(e) || refused(e),
  },
  {
    form: 'a head of 20 KiB',
    right: 'an answer, or 431 or 400',
    upstream: `${BUN}6982`,
    parts: [
      get(
        '',
        '1.1',
        `${HOST}a: ${'b'.repeat(7000)}\r\nc: ${'d'.repeat(7000)}\r\ne: ${'f'.repeat(6480)}\r\n`,
      ),
    ],
    isRight: (e) => answered(e) || refused(e),
  },
  {
    form: 'a URL of 64 KiB',
    right: '414, 431 or 400',
    parts: [get(`?${'a'.repeat(65_536)}`)],
    isRight: refused,
  },
  {
    form: 'the length that a handler states for a stream',
    everywhere: true,
    right: 'it is sent',
    upstream: `${BUN}10507`,
    parts: [get('/length')],
    isRight: (e) => finals(e)[0]?.headers.get('content-length') === '10',
  },
  {
    form: 'the head of a stream before its first byte',
    everywhere: true,
    right: 'it is sent at once',
    upstream: `${BUN}33660`,
    parts: [get('/events')],
    expect: 1,
    waitMs: 1_500,
    isRight: ({ text }) => text.includes('\r\n\r\n'),
  },
  {
    form: 'a stream for HTTP/1.0',
    right: 'not chunked; its end is the end of the connection',
    parts: [get('/length', '1.0')],
    isRight: (e) => {
      const [response] = finals(e)
      return response?.body === '1234567890' && !response.headers.has('transfer-encoding')
    },
  },
  {
    form: '`HEAD`',
    right: 'the headers of GET, also `Date`; no body',
    parts: [`HEAD ${PATH}/x HTTP/1.1\r\n${HOST}\r\n`],
    head: true,
    isRight: (e) =>
      statuses(e)[0] === 200 &&
      e.text.endsWith('\r\n\r\n') &&
      finals(e)[0]?.headers.has('date') === true,
  },
  {
    form: '`HEAD` and `GET` with a body, and the next request',
    right: 'the next request is answered',
    parts: [
      `GET ${PATH}/x HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nab`,
      ANSWERED,
      get('/second'),
    ],
    expect: 2,
    isRight: (e) => path(e, 1) === '/second',
  },
  {
    form: '204 and 304',
    right: 'no body, and no `Transfer-Encoding`',
    parts: [get('/no-content'), ANSWERED, get('/not-modified')],
    expect: 2,
    isRight: (e) =>
      String(statuses(e)) === '204,304' &&
      finals(e).every(({ headers }) => !headers.has('transfer-encoding')),
  },
  {
    form: 'a 426 of a function',
    right: '`Upgrade` is sent',
    parts: [get('/upgrade')],
    isRight: (e) => statuses(e)[0] === 426 && finals(e)[0]?.headers.get('upgrade') === 'TLS/1.2',
  },
  {
    form: '`Transfer-Encoding: chunked`, with chunk extensions',
    right: 'the body arrives',
    parts: [post(CHUNKED, '2;a=b;c="d"\r\nab\r\n0;e\r\n\r\n')],
    isRight: body('ab'),
  },
  {
    form: 'trailers after a chunked body, and the next request',
    right: 'both are answered, nothing else',
    upstream: `${BUN}32887`,
    parts: [
      post(`${CHUNKED}Trailer: X-A\r\n`, '2\r\nab\r\n0\r\nX-A: b\r\n\r\n'),
      ANSWERED,
      get('/second'),
    ],
    expect: 2,
    isRight: (e) => String(statuses(e)) === '200,200' && path(e, 1) === '/second',
  },
  {
    form: '`Transfer-Encoding` in capitals',
    right: 'the body arrives',
    parts: [post('TRANSFER-ENCODING: CHUNKED\r\n', '2\r\nab\r\n0\r\n\r\n')],
    isRight: body('ab'),
  },
  ...(
    [
      ['`Content-Length` and `Transfer-Encoding`', `Content-Length: 4\r\n${CHUNKED}`],
      ['`Transfer-Encoding: gzip, chunked`', 'Transfer-Encoding: gzip, chunked\r\n'],
      ['`Transfer-Encoding: xchunked`', 'Transfer-Encoding: xchunked\r\n'],
      ['`Transfer-Encoding: identity`', 'Transfer-Encoding: identity\r\n'],
      [
        '`Transfer-Encoding : chunked`, a space before the colon',
        'Transfer-Encoding : chunked\r\n',
      ],
      ['`Transfer-Encoding` with a vertical tab', 'Transfer-Encoding: \x0bchunked\r\n'],
    ] as const
  ).map(
    ([form, headers]): FormCase => ({
      form,
      right: 'a refusal, or the chunked body',
      parts: [post(headers, '2\r\nab\r\n0\r\n\r\n')],
      isRight: (e) => refused(e) || body('ab')(e),
    }),
  ),
  ...(
    [
      ['a refusal (404) before the body came', '/functions/nothing', 100],
      ['a refusal (413) before the body came', PATH, MAX_BODY + 100],
      ['an answer of a handler that reads no body', `${PATH}/unread`, 100],
    ] as const
  ).map(
    ([form, target, length]): FormCase => ({
      form: `${form}, and the next request`,
      right: 'the body is not taken for a request',
      parts: [
        `POST ${target} HTTP/1.1\r\n${HOST}Content-Length: ${length}\r\n\r\n`,
        ANSWERED,
        get('/smuggled').padEnd(length, 'x'),
        get('/second'),
      ],
      expect: 2,
      loose: true,
      isRight: (e) => !e.text.includes('/smuggled') && statuses(e).length >= 1,
    }),
  ),
  {
    form: 'two `Content-Length` that differ',
    right: '400',
    parts: [post('Content-Length: 1\r\nContent-Length: 2\r\n', 'ab')],
    isRight: refused,
  },
  {
    form: 'two equal `Content-Length`',
    right: 'the body arrives, or 400',
    parts: [post('Content-Length: 2\r\nContent-Length: 2\r\n', 'ab')],
    isRight: (e) => body('ab')(e) || statuses(e)[0] === 400,
  },
  ...['+2', '-2', '0x2', '2, 2', '99999999999999999999', ''].map(
    (length): FormCase => ({
      form: `\`Content-Length: ${length}\``,
      right: length === '2, 2' ? 'the body arrives, or 400' : '400',
      parts: [post(`Content-Length: ${length}\r\n`, 'ab')],
      isRight: (e) => refused(e) || (length === '2, 2' && body('ab')(e)),
    }),
  ),
  ...['zz', '-2', '0x2', 'fffffffffffffffff', '2 '].map(
    (size): FormCase => ({
      form: `a chunk of the size \`${size}\``,
      right: size === '2 ' ? 'the body arrives, or 400' : '400',
      parts: [post(CHUNKED, `${size}\r\nab\r\n0\r\n\r\n`)],
      isRight: (e) => refused(e) || (size === '2 ' && body('ab')(e)),
    }),
  ),
  {
    form: 'lines that end with LF alone',
    right: 'an answer, or a refusal',
    parts: [`GET ${PATH} HTTP/1.1\nHost: localhost\n\n`],
    isRight: (e) => answered(e) || refused(e),
  },
  {
    form: 'a header that goes on in the next line (obs-fold)',
    right: '400, or spaces in place of the fold',
    parts: [get('', '1.1', `${HOST}X-A: b\r\n c\r\n`)],
    isRight: (e) => answered(e) || refused(e),
  },
  ...(
    [
      ['a NUL in a header', `${HOST}X-A: b\0c\r\n`],
      ['a header without a name', `${HOST}: b\r\n`],
      ['a header without a colon', `${HOST}abc\r\n`],
    ] as const
  ).map(
    ([form, headers]): FormCase => ({
      form,
      right: '400',
      parts: [get('', '1.1', headers)],
      isRight: refused,
    }),
  ),
  {
    form: 'an empty line before the request',
    right: 'an answer',
    upstream: `${BUN}33634`,
    parts: [`\r\n${get('')}`],
    isRight: answered,
  },
  {
    form: '`Connection: keep-alive` in HTTP/1.0',
    right: 'an answer; the connection may close',
    parts: [get('', '1.0', 'Connection: keep-alive\r\n')],
    isRight: answered,
  },
  {
    form: '`Connection: close`, and a second request',
    right: 'one answer, then the end',
    parts: [get('', '1.1', `${HOST}Connection: close\r\n`), get('/second')],
    expect: 2,
    isRight: (e) => String(statuses(e)) === '200' && e.closed,
  },
  {
    form: '`Upgrade` to a protocol that the service does not speak',
    right: 'an answer without an upgrade',
    parts: [get('', '1.1', `${HOST}Connection: Upgrade\r\nUpgrade: foo/2\r\n`)],
    isRight: answered,
  },
  {
    form: 'HTTP/1.2',
    right: 'an answer, or 505',
    parts: [get('', '1.2')],
    isRight: (e) => answered(e) || refused(e),
  },
  {
    form: 'HTTP/2 without TLS (its preface)',
    right: 'a refusal, or HTTP/2',
    parts: ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    isRight: (e) => statuses(e)[0] !== 200,
  },
  {
    form: 'the PROXY protocol, version 1',
    right: 'a refusal',
    upstream: 'none found',
    parts: [`PROXY TCP4 203.0.113.9 127.0.0.1 5000 80\r\n${get('')}`],
    isRight: (e) => !answered(e),
  },
  {
    form: 'the PROXY protocol, version 2',
    right: 'a refusal',
    upstream: 'none found',
    parts: [`\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\x7f\0\0\x01\x13\x88\0\x50${get('')}`],
    isRight: (e) => !answered(e),
  },
  {
    form: '`%2F` in the path',
    right: 'it stays encoded',
    parts: [get('/a%2Fb')],
    isRight: (e) => path(e) === '/a%2Fb',
  },
  {
    form: '`//` in the path',
    right: 'it stays',
    parts: [get('/a//b')],
    isRight: (e) => path(e) === '/a//b',
  },
  {
    form: '`.` and `..` in the path, also encoded',
    right: 'resolved, within the function',
    parts: [get('/a/./b/%2e%2e/c')],
    isRight: (e) => path(e) === '/a/c',
  },
  ...['/../health', '/%2e%2e/health', '/..%2fhealth', '/%00', '/..\\health'].map(
    (target): FormCase => ({
      form: `\`${target}\` after the function’s name`,
      right: '400 or 404',
      parts: [get(target)],
      isRight: (e) => [400, 404].includes(statuses(e)[0] as number),
    }),
  ),
  {
    form: 'bytes beyond ASCII in the path (`é` in UTF-8)',
    right: '`%C3%A9`, or 400',
    upstream: 'none found',
    parts: [get('/\xc3\xa9')],
    isRight: (e) => path(e) === '/%C3%A9' || statuses(e)[0] === 400,
  },
  {
    form: 'a fragment in the target',
    right: '400, or without it',
    parts: [get('/a#b')],
    isRight: (e) => statuses(e)[0] === 400 || (answered(e) && !seen(e).url?.includes('#')),
  },
  {
    form: 'a header with an underscore',
    right: 'an answer',
    parts: [get('', '1.1', `${HOST}X_A: b\r\n`)],
    isRight: answered,
  },
]

/** What happened, in the words of the table. */
export function summary(form: FormCase, exchanged: Exchanged): string {
  const { responses, closed, text } = exchanged
  if (responses.length === 0 && text !== '') {
    return text.startsWith('HTTP/1') ? 'a part of the head' : 'HTTP/2'
  }
  if (responses.length === 0) return closed ? 'closed' : 'no head'
  const all = responses.map(({ status }) => status)
  if (form.loose === true) return String(all[0])
  const interim = new Set(all.filter((status) => status < 200))
  const listed = [...interim, ...all.filter((status) => status >= 200)].join(', ')
  return statuses(exchanged).length < (form.expect ?? 1) && closed ? `${listed}, closed` : listed
}
