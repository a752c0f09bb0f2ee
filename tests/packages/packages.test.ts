/** Packages as people publish them, each in a separate function. */

import { describe, expect, test } from 'bun:test'
import { createHash, createHmac } from 'node:crypto'
import { usePackages } from './harness.ts'

const { json, send } = usePackages()

test('bcryptjs', async () => {
  const { hash } = await json('bcryptjs', '/', { body: '{"password":"correct horse"}' })
  expect(hash).toMatch(/^\$2b\$06\$/)
  const check = (password: string, of = hash) =>
    json('bcryptjs', '/', { body: JSON.stringify({ password, hash: of }) })
  expect(await check('correct horse')).toEqual({ matches: true })
  expect(await check('battery staple')).toEqual({ matches: false })
  // Made by another implementation.
  const other = await Bun.password.hash('hello', { algorithm: 'bcrypt', cost: 8 })
  expect(await check('hello', other)).toEqual({ matches: true })
})

test('date-fns', async () => {
  expect(await json('date-fns', '/?from=2026-11-26T00:00:00Z')).toEqual({
    due: '2026-12-10',
    waits: { days: 14 },
  })
})

test('eventsource-parser', async () => {
  const body = ': hi\n\nid: 1\nevent: add\ndata: a\ndata: b\n\ndata: {"c":1}\n\ndata: cut off'
  expect(await json('eventsource-parser', '/', { body })).toEqual([
    { id: '1', event: 'add', data: 'a\nb' },
    { data: '{"c":1}' },
  ])
})

test('graphql', async () => {
  const query = 'query Q($n: Int) { books(first: $n) { title pages(atLeast: 150) } }'
  const body = JSON.stringify({ query, variables: { n: 2 } })
  expect(await json('graphql', '/', { body })).toEqual({
    data: {
      books: [
        { title: 'One', pages: 150 },
        { title: 'Two', pages: 200 },
      ],
    },
  })
  const { errors } = await json('graphql', '/', { body: '{"query":"{ nothing }"}' })
  expect(errors[0].message).toContain('Cannot query field "nothing"')
})

describe('hono', () => {
  test('routes, with middleware and headers', async () => {
    const { status, text, headers } = await send('hono', '/users/7?q=x', {
      headers: [['origin', 'https://example.com']],
    })
    expect([status, JSON.parse(text)]).toEqual([200, { id: '7', q: 'x' }])
    expect(headers).toContainEqual(['access-control-allow-origin', 'https://example.com'])
    expect((await send('hono', '/nothing')).status).toBe(404)
  })

  test('validates, streams, and catches', async () => {
    const headers: [string, string][] = [['content-type', 'application/json']]
    const made = await send('hono', '/users', { body: '{"name":"Ann"}', headers })
    expect([made.status, made.text]).toEqual([201, '{"name":"Ann"}'])
    const bad = await send('hono', '/users', { body: '{"name":1}', headers })
    expect([bad.status, bad.text]).toEqual([422, 'name?'])
    expect((await send('hono', '/events')).text).toBe(
      'data: event 0\nid: 0\n\ndata: event 1\nid: 1\n\n',
    )
    expect((await send('hono', '/fail')).text).toBe('caught no luck')
  })
})

test('itty-router', async () => {
  expect(await json('itty-router', '/items/5')).toEqual({ id: '5' })
  expect(await json('itty-router', '/items', { body: '{"a":1}' })).toEqual({ made: { a: 1 } })
  const { status, text } = await send('itty-router', '/teapot')
  expect([status, JSON.parse(text)]).toEqual([418, { status: 418, error: 'short and stout' }])
  expect((await send('itty-router', '/nothing')).status).toBe(404)
})

test('jose', async () => {
  const { text: token } = await send('jose')
  const check = async (value: string) => {
    const headers: [string, string][] = [['authorization', `Bearer ${value}`]]
    const { status, text } = await send('jose', '/', { body: 'x', headers })
    return [status, JSON.parse(text)]
  }
  expect(await check(token)).toEqual([200, { sub: 'alice', role: 'admin' }])
  const [head, body] = token.split('.') as [string, string]
  const forged = createHmac('sha256', 'guess').update(`${head}.${body}`).digest('base64url')
  expect(await check(`${head}.${body}.${forged}`)).toEqual([
    401,
    { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' },
  ])
  const secret = 'a secret of thirty-two bytes, ok'
  const late = `${head}.${Buffer.from('{"exp":1}').toString('base64url')}`
  const signature = createHmac('sha256', secret).update(late).digest('base64url')
  expect(await check(`${late}.${signature}`)).toEqual([401, { code: 'ERR_JWT_EXPIRED' }])
})

test('marked', async () => {
  const body = '# Hi *there*\n\n| a | b |\n|---|---|\n| 1 | `2` |\n\n- [x] done'
  const { text } = await send('marked', '/', { body })
  expect(text).toContain('<h1>Hi <em>there</em></h1>')
  expect(text).toContain('<td><code>2</code></td>')
  expect(text).toContain('type="checkbox"')
})

test('micromark', async () => {
  const { text } = await send('micromark', '/', {
    body: '# a &copy; &CounterClockwiseContourIntegral;',
  })
  expect(text).toBe('<h1>a \u00a9 \u2233</h1>')
})

test('nanoid', async () => {
  const first = await json('nanoid')
  expect(first).toEqual({
    id: expect.stringMatching(/^[\w-]{21}$/),
    digits: expect.stringMatching(/^\d{12}$/),
  })
  expect((await json('nanoid')).id).not.toBe(first.id)
})

test('@noble/hashes', async () => {
  const hashes = await json('noble-hashes', '/', { body: 'abc' })
  expect(hashes.sha256).toBe(createHash('sha256').update('abc').digest('hex'))
  expect(hashes.hmac).toBe(createHmac('sha256', 'key').update('abc').digest('hex'))
  expect(hashes.keccak256).toBe('4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45')
  expect(hashes.blake3).toBe('6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85')
})

test('openapi-fetch', async () => {
  expect(await json('openapi-fetch', '/')).toEqual({
    name: 'Rex',
    asked: '/v1/pets/7?fields=name&fields=age',
  })
  expect(await json('openapi-fetch', '/', { body: '{"name":"Tom"}' })).toEqual({
    data: { made: 'Tom by secret, application/json' },
    status: 201,
  })
  expect(await json('openapi-fetch', '/', { body: '{"name":""}' })).toEqual({
    error: { error: 'no name' },
    status: 422,
  })
})

test('remark', async () => {
  const body = 'Title\n=====\n\n* one\n* two\n\nSub\n---\n&amp; end'
  expect(await json('remark', '/', { body })).toEqual({
    headings: [1, 2],
    text: '# Title\n\n* one\n* two\n\n## Sub\n\n& end\n',
  })
})

test('superjson', async () => {
  const text =
    '{"json":{"d":"2026-01-02T03:04:05.000Z","s":[1,2],"m":[["a",1]],"n":"12345678901234567890"},"meta":{"values":{"d":["Date"],"s":["set"],"m":["map"],"n":["bigint"]}}}'
  const { kinds, again } = await json('superjson', '/', { body: text })
  expect(kinds).toEqual({ d: 'Date', s: 'Set', m: 'Map', n: 'BigInt' })
  expect(again.json).toEqual(JSON.parse(text).json)
})

test('zod', async () => {
  const id = '3f0b1c52-7d53-4d4e-8f6b-3c1f7c5d2a10'
  const order = { id, lines: [{ sku: 'ABC-1', count: 2 }], due: '2026-05-06' }
  expect(await json('zod', '/', { body: JSON.stringify(order) })).toEqual({ year: 2026, lines: 1 })
  const { status, text } = await send('zod', '/', { body: '{"id":"x","lines":[],"due":1}' })
  expect([status, Object.keys(JSON.parse(text).fieldErrors).sort()]).toEqual([422, ['due', 'id']])
})
