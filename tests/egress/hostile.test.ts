/** A hostile upstream costs one fetch: the broker and its other fetches go on. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib'
import type { Egress } from '../../src/egress/egress.ts'
import { begin, fetchOnce, makeEgress, makeSession } from './harness.ts'
import { httpUpstream, socketUpstream, type Upstream } from './upstream.ts'

const MB = 2 ** 20
/** Far shorter than the time-outs of `egress`. */
const DRIP_MS = 50
const OK = 'HTTP/1.1 200 OK\r\n'
/** 80 MB in 80 kB. */
const BOMB = gzipSync(Buffer.alloc(80 * MB)).toString('latin1')
let hostile: Upstream
let plain: Upstream
let egress: Egress

/** What each path answers; a string is written at once. */
const ANSWERS: Record<
  string,
  string | ((write: (text: string) => boolean, end: () => void) => void)
> = {
  '/garbage': 'nothing that HTTP knows\r\n\r\n',
  '/version': 'HTTP/9.9 200 OK\r\n\r\n',
  '/status': 'HTTP/1.1 99999 OK\r\n\r\n',
  '/short': (write, end) => {
    write(`${OK}content-length: 100\r\n\r\nshort`)
    end()
  },
  '/long': `${OK}content-length: 2\r\nconnection: close\r\n\r\nmore than two`,
  '/two-lengths': `${OK}content-length: 2\r\ncontent-length: 3\r\n\r\nabc`,
  '/length-and-chunks': `${OK}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  '/bad-chunk': `${OK}transfer-encoding: chunked\r\n\r\nzz\r\nab\r\n`,
  '/cut-chunk': (write, end) => {
    write(`${OK}transfer-encoding: chunked\r\n\r\n5\r\nab`)
    end()
  },
  '/bare-newline': 'HTTP/1.1 200 OK\nx: y\nfolded\n z\n\n',
  '/header-with-nul': `${OK}x-a: a\0b\r\n\r\n`,
  '/upgrade': 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
  '/silent': () => {},
  '/stalls': `${OK}content-length: 10\r\n\r\nabc`,
  '/headers': (write) => {
    write(OK)
    while (write(`x-pad: ${'a'.repeat(1000)}\r\n`));
  },
  '/informational': (write) => {
    for (let i = 0; i < 1000; i++) write('HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n')
  },
  '/dripping-head': (write) => drip(write, `${OK}x-pad: `),
  '/dripping-body': (write) => drip(write, `${OK}content-length: 100000\r\n\r\n`),
  '/bomb': (write) => {
    write(`${OK}content-encoding: gzip\r\ncontent-length: ${BOMB.length}\r\n\r\n${BOMB}`)
  },
  '/not-gzip': `${OK}content-encoding: gzip\r\ncontent-length: 5\r\n\r\nplain`,
  '/cut-gzip': (write) => {
    const whole = gzipSync('a text that is long enough to be cut').toString('latin1').slice(0, -10)
    write(`${OK}content-encoding: gzip\r\ncontent-length: ${whole.length}\r\n\r\n${whole}`)
  },
  '/encoded-often': `${OK}content-encoding: gzip, gzip, gzip, gzip\r\ncontent-length: 1\r\n\r\nx`,
}

/** Always a little more, never an end: until the connection is gone. */
function drip(write: (text: string) => boolean, first: string): void {
  write(first)
  const timer = setInterval(() => write('a') || clearInterval(timer), DRIP_MS)
  dripping.add(timer)
}
const dripping = new Set<Timer>()

beforeAll(async () => {
  hostile = await socketUpstream((socket, request) => {
    const path = request.split(' ')[1] ?? ''
    const answer = ANSWERS[path]
    const write = (text: string) => socket.write(text, 'latin1')
    if (typeof answer === 'function') answer(write, () => socket.end())
    else write(answer ?? `${OK}content-length: 2\r\n\r\nok`)
  })
  plain = await httpUpstream(answerPlainly)
  egress = makeEgress({
    allowPrivate: [hostile.address, plain.address],
    headTimeoutMs: 1_500,
    bodyTimeoutMs: 1_500,
  })
})

const ENCODERS: Record<string, (body: Buffer) => Buffer> = {
  gzip: (body) => gzipSync(body),
  'x-gzip': (body) => gzipSync(body),
  deflate: (body) => deflateSync(body),
  raw: (body) => deflateRawSync(body),
  br: (body) => brotliCompressSync(body),
  zstd: (body) => zstdCompressSync(body),
}

const answerPlainly: Parameters<typeof httpUpstream>[0] = (request, response) => {
  const url = new URL(request.url ?? '', 'http://upstream')
  if (url.pathname === '/loop') {
    response.writeHead(302, { location: '/loop' }).end('again')
  } else if (url.pathname === '/encoded') {
    const coding = url.searchParams.get('coding') ?? ''
    const encode = ENCODERS[coding] as (body: Buffer) => Buffer
    const name = coding === 'raw' ? 'deflate' : coding
    response
      .writeHead(200, { 'content-encoding': name })
      .end(encode(Buffer.from('a'.repeat(100_000))))
  } else if (url.pathname === '/endless') {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65536)));
      if (!response.destroyed) response.once('drain', more)
    }
    more()
  } else {
    response.end('fine')
  }
}

afterAll(() => {
  for (const timer of dripping) clearInterval(timer)
  egress.close()
  hostile.close()
  plain.close()
})

const at = (path: string) => `http://127.0.0.1:${hostile.port}${path}`
const atPlain = (path: string) => `http://127.0.0.1:${plain.port}${path}`

describe('an invalid response fails its fetch', () => {
  const cases: [path: string, why: string][] = [
    ['/garbage', 'sent an invalid HTTP response'],
    ['/version', 'sent an invalid HTTP response'],
    ['/status', 'sent an invalid HTTP response'],
    ['/short', 'was closed before the response was complete'],
    ['/two-lengths', 'does not have the length'],
    ['/length-and-chunks', 'does not have the length'],
    ['/bad-chunk', 'sent an invalid HTTP response'],
    ['/cut-chunk', '127.0.0.1'],
    ['/bare-newline', 'sent an invalid HTTP response'],
    ['/header-with-nul', 'sent an invalid HTTP response'],
    ['/upgrade', 'sent an invalid HTTP response'],
    ['/silent', 'did not send a response in time'],
    ['/stalls', 'stopped sending in the middle'],
    ['/dripping-head', 'did not send a response in time'],
    ['/headers', 'egress.max_headers'],
    ['/informational', 'more than 16 informational'],
    ['/bomb', 'egress.max_body'],
    ['/not-gzip', 'does not match its Content-Encoding'],
    ['/cut-gzip', 'does not match its Content-Encoding'],
    ['/encoded-often', 'more than 3 content codings'],
  ]
  for (const [path, why] of cases) {
    test(path, async () => {
      const session = makeSession(egress)
      const { error } = await fetchOnce(session, at(path))
      expect(error?.message).toContain(why)
      const next = await fetchOnce(session, at('/'))
      expect(next.body.toString()).toBe('ok')
    })
  }

  test('bytes after a complete response are discarded', async () => {
    const session = makeSession(egress)
    const first = await fetchOnce(session, at('/long'))
    expect(first.body.toString()).toBe('mo')
    expect((await fetchOnce(session, at('/'))).body.toString()).toBe('ok')
  })

  test('a loop of redirects', async () => {
    const { error } = await fetchOnce(makeSession(egress), atPlain('/loop'))
    expect(error?.message).toBe('127.0.0.1 sent a redirect after 20 others, which is the limit.')
  })

  test('a loop of redirects is counted as subrequests too', async () => {
    const few = makeEgress({ allowPrivate: [plain.address], maxSubrequests: 5 })
    const { error } = await fetchOnce(makeSession(few), atPlain('/loop'))
    expect(error?.message).toContain('egress.max_subrequests')
    few.close()
  })

  test('a body without an end is read up to the limit', async () => {
    const { error, body } = await fetchOnce(makeSession(egress), atPlain('/endless'))
    expect(error?.message).toContain('egress.max_body')
    expect(body.length).toBeLessThanOrEqual(64 * MB)
  })
})

test('a slow body delays no other fetch, and ends with its session', async () => {
  const session = makeSession(egress)
  const slow = begin(session, at('/dripping-body'))
  await slow.head
  while (slow.received() < 3) await Bun.sleep(DRIP_MS)
  expect((await fetchOnce(session, at('/'))).body.toString()).toBe('ok')
  session.close()
  const received = slow.received()
  expect((await fetchOnce(makeSession(egress), at('/'))).body.toString()).toBe('ok')
  await Bun.sleep(5 * DRIP_MS)
  expect(slow.received()).toBe(received)
})

test('a decompression bomb that is not read does not use memory', async () => {
  const session = makeSession(egress)
  Bun.gc(true)
  const before = process.memoryUsage.rss()
  const bombs = [1, 2, 3, 4].map(() => begin(session, at('/bomb'), { pauseAfter: 1 }))
  await Promise.all(bombs.map((bomb) => bomb.head))
  await Bun.sleep(200)
  for (const bomb of bombs) expect(bomb.received()).toBeLessThan(MB)
  expect(process.memoryUsage.rss() - before).toBeLessThan(80 * MB)
  session.close()
})

describe('content codings are decoded', () => {
  for (const coding of Object.keys(ENCODERS)) {
    test(coding, async () => {
      const url = atPlain(`/encoded?coding=${coding}`)
      const { head, body, error } = await fetchOnce(makeSession(egress), url)
      expect(error?.message).toBeUndefined()
      expect(body.equals(Buffer.from('a'.repeat(100_000)))).toBe(true)
      expect(head?.headers.some(([name]) => name === 'content-encoding')).toBe(false)
    })
  }
})
