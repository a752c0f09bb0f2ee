/** What a function sends and receives is counted, and stopped where its limits say so. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { gzipSync } from 'node:zlib'
import type { EgressMeter } from '../../src/egress/context.ts'
import type { Egress } from '../../src/egress/egress.ts'
import { FunctionError } from '../../src/errors.ts'
import { fetchOnce, makeEgress, makeSubject } from './harness.ts'
import { httpUpstream, type Upstream } from './upstream.ts'

const PACKED = gzipSync('x'.repeat(100_000))

let upstream: Upstream
let egress: Egress
let requests: number
let bytes: number
let maxRequests: number
let maxBytes: number

const meter: EgressMeter = {
  admitEgress() {
    if (requests >= maxRequests) return new FunctionError('QUOTA_EXCEEDED', 'no more requests')
    requests++
    return undefined
  },
  egressBytes(more) {
    bytes += more
    return bytes > maxBytes ? new FunctionError('QUOTA_EXCEEDED', 'no more bytes') : undefined
  },
}

beforeAll(async () => {
  upstream = await httpUpstream(async (request, response) => {
    const { url = '' } = request
    for await (const _ of request);
    if (url.startsWith('/redirect')) response.writeHead(302, { location: '/' }).end()
    else if (url === '/gzip') response.writeHead(200, { 'content-encoding': 'gzip' }).end(PACKED)
    else if (url === '/large') response.end('y'.repeat(2_000_000))
    else response.end('0123456789')
  })
  egress = makeEgress({ allowPrivate: [upstream.address] })
})

afterAll(() => {
  egress.close()
  upstream.close()
})

beforeEach(() => {
  requests = 0
  bytes = 0
  maxRequests = 100
  maxBytes = 1e9
})

const get = (path: string, options = {}) =>
  fetchOnce(
    egress.session({ ...makeSubject(), meter }),
    `http://${upstream.address}${path}`,
    options,
  )

test('a redirect is a request of its own', async () => {
  expect((await get('/redirect')).body.toString()).toBe('0123456789')
  expect([requests, bytes]).toEqual([2, 10])
})

test('bytes are those that came, not those that they unpack to', async () => {
  expect((await get('/gzip')).body).toHaveLength(100_000)
  expect(bytes).toBe(PACKED.length)
})

test('the body of a request counts', async () => {
  await get('/', { method: 'POST', body: Buffer.from('0123456789'), end: true })
  expect(bytes).toBe(20)
})

test('a request above the limit is refused before it is sent', async () => {
  maxRequests = 1
  const { error, head } = await get('/redirect')
  expect(head).toBeUndefined()
  expect([error?.code, error?.reason, error?.message]).toEqual([
    'REFUSED',
    'ERR_LIMIT',
    'no more requests',
  ])
})

test('a response is broken off where the bytes are used up', async () => {
  maxBytes = 300_000
  const { error, body } = await get('/large')
  expect([error?.code, error?.reason]).toEqual(['REFUSED', 'ERR_LIMIT'])
  expect(body.length).toBeLessThanOrEqual(300_000)
  expect(bytes).toBeLessThan(2_000_000)
})
