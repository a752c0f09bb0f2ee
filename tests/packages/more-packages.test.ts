/** The packages that functions use most: data, text, files, services. Each runs its core in a real worker. */

import { describe, expect, test } from 'bun:test'
import { usePackages } from './harness.ts'

const { json, send } = usePackages()
const post = (name: string, value: unknown, path = '/') =>
  json(name, path, { body: JSON.stringify(value) })
const posted = (name: string, value: unknown) => send(name, '/', { body: JSON.stringify(value) })

describe('data', () => {
  test('lodash', async () => {
    const orders = [
      { customer: 'a', total: 1, tags: ['x'] },
      { customer: 'b', total: 2, tags: ['x', 'y'] },
      { customer: 'a', total: 3, tags: [] },
    ]
    expect(await post('lodash', orders)).toEqual({
      totals: { a: 4, b: 2 },
      tags: ['x', 'y'],
      chunks: [[0, 1], [2, 3], [4]],
      slug: 'grosse-und-farbe',
      merged: { a: { b: 1, c: 2 } },
      unchanged: true,
    })
  })

  test('lodash-es', async () => {
    const people = [
      { name: 'B', age: 3 },
      { name: 'A', age: 3 },
      { name: 'C', age: 9 },
    ]
    expect(await post('lodash-es', people)).toEqual({
      sorted: [{ name: 'C' }, { name: 'A' }, { name: 'B' }],
      first: 'B',
      calls: 1,
      template: 'function',
    })
  })

  test('ramda', async () => {
    const items = [
      { price: 3, kind: 'a' },
      { price: 1, kind: 'a' },
      { price: 4, kind: 'b' },
      { price: 5, kind: 'a' },
    ]
    expect(await post('ramda', items)).toEqual({
      summary: { a: 8, b: 4 },
      lens: { a: [{ b: 2 }] },
      curried: 6,
    })
  })

  test('rxjs', async () => {
    expect(await json('rxjs')).toEqual({ squares: [4, 16, 36], rest: ['0,1', '2,3', 'a', 'b'] })
  })

  test('immer', async () => {
    expect(await post('immer', { list: [{ done: false }] })).toEqual({
      before: { list: [{ done: false }] },
      after: { list: [{ done: true }] },
      frozen: true,
      changes: [{ op: 'add', path: ['list', 1], value: { done: false } }],
      set: [1, 2],
    })
  })

  test('uuid', async () => {
    expect(await json('uuid')).toEqual({
      fourth: [true, 4],
      seventh: [true, 7, true],
      named: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-5/),
      again: true,
    })
  })

  test('ulid', async () => {
    expect(await json('ulid')).toEqual({
      id: expect.stringMatching(/^[\dA-HJKMNP-TV-Z]{26}$/),
      time: 1_700_000_000_000,
      ordered: true,
    })
  })

  test('dayjs', async () => {
    expect(await json('dayjs', '/?from=2026-01-31T10:00:00Z')).toEqual({
      end: '2026-02-28 23:59',
      weekday: 'Saturday',
      ago: '3 days ago',
      valid: false,
      duration: '1h 30m',
    })
  })

  test('ms', async () => {
    expect(await json('ms')).toEqual([172_800_000, 5_400_000, '1m', '2 minutes', null])
  })

  test('semver', async () => {
    expect(await json('semver', '/?v=1.2.0&v=1.10.0&v=2.0.0-rc.1&range=%5E1.2')).toEqual({
      sorted: ['1.2.0', '1.10.0', '2.0.0-rc.1'],
      best: '1.10.0',
      next: '1.2.1-rc.0',
      coerced: '3.4.0',
      invalid: null,
    })
  })

  test('decimal.js and bignumber.js', async () => {
    expect(await json('decimal')).toEqual({
      sum: '0.3',
      root: '1.414213562373095048801688724209698078570',
      power: (2n ** 200n).toString(),
      rounded: '1.01',
      formatted: '1,234,567.89',
    })
  })

  test('fuse.js and minisearch', async () => {
    expect(await json('fuse', '/?q=lok%20artist')).toEqual({ fuse: [2], index: [2] })
  })

  test('object-hash', async () => {
    expect(await json('object-hash')).toEqual({
      same: true,
      sha1: expect.stringMatching(/^[\da-f]{40}$/),
      md5: expect.stringMatching(/^[\da-f]{32}$/),
    })
  })

  test('eventemitter3', async () => {
    expect(await json('eventemitter3')).toEqual({
      first: true,
      second: true,
      none: false,
      seen: [
        ['once', 1],
        ['on', 1],
        ['on', 2],
      ],
    })
  })

  test('p-limit, p-queue and p-retry', async () => {
    expect(await json('p-queue')).toEqual({
      limited: [2, 4, 6, 8],
      queued: [2, 4, 6, 8, 10],
      most: 3,
      value: 3,
    })
  })
})

describe('validation', () => {
  test('valibot', async () => {
    expect(await post('valibot', { name: 'Ann', email: 'ann@example.com' })).toEqual({
      name: 'Ann',
      email: 'ann@example.com',
      age: 18,
    })
    const { status, text } = await posted('valibot', { name: 'A', email: 'x' })
    expect([status, Object.keys(JSON.parse(text))]).toEqual([422, ['name', 'email']])
  })

  test('yup', async () => {
    const id = '3f0b1c52-7d53-4d4e-8f6b-3c1f7c5d2a10'
    expect(await post('yup', { id, lines: [{ count: 2 }] })).toEqual({ id, lines: [{ count: 2 }] })
    const { status, text } = await posted('yup', { id: 'x', lines: [{ count: -1 }] })
    expect([status, JSON.parse(text).length]).toEqual([422, 2])
  })

  test('joi', async () => {
    expect(await post('joi', { user: 'ann' })).toEqual({ user: 'ann', kind: 'a' })
    const { status, text } = await posted('joi', {
      user: 'a!',
      from: '2026-02-01',
      to: '2026-01-01',
    })
    expect([status, JSON.parse(text).length]).toEqual([422, 3])
  })

  test('superstruct', async () => {
    expect(await post('superstruct', { id: 'a' })).toEqual({ id: 'a', counts: [] })
    const { status, text } = await posted('superstruct', { id: 'a', counts: [2, 3] })
    expect([status, JSON.parse(text).path]).toEqual([422, ['counts', 1]])
  })

  test('validator', async () => {
    expect(
      await post('validator', [
        'a@example.com',
        'https://a.example',
        'DE89370400440532013000',
        '<b>',
      ]),
    ).toEqual([
      [true, true, false, false, 'a@example.com'],
      [false, true, false, false, 'https:&#x2F;&#x2F;a.example'],
      [false, false, true, false, 'DE89370400440532013000'],
      [false, false, false, false, '&lt;b&gt;'],
    ])
  })
})

describe('formats', () => {
  test('qs', async () => {
    expect(await json('qs', '/?a[b][]=1&a[b][]=2&c=d%20e')).toEqual({
      parsed: { a: { b: ['1', '2'] }, c: 'd e' },
      again: 'a[b][0]=1&a[b][1]=2&c=d%20e',
    })
  })

  test('query-string', async () => {
    expect(await json('query-string', '/p?x[]=1&x[]=2&y=z')).toEqual({
      path: '/p',
      query: { x: [1, 2], y: 'z' },
      again: 'a&b=1,2',
    })
  })

  test('yaml', async () => {
    const text = 'service:\n  name: web # the front\n  ports: [80, 443]\n'
    const { value, changed, made } = await json('yaml', '/', { body: text })
    expect(value).toEqual({ service: { name: 'web', ports: [80, 443] } })
    expect(changed).toContain('# the front')
    expect(changed).toContain('replicas: 3')
    expect(made).toBe('a:\n  - 1\n  - b: null\n')
    const { status, text: error } = await send('yaml', '/', { body: 'a: [1' })
    expect([status, JSON.parse(error).error]).toEqual([400, expect.stringContaining('line 1')])
  })

  test('js-yaml', async () => {
    expect(await json('js-yaml', '/', { body: 'a: &x {b: 1}\nc: *x\n' })).toEqual({
      value: { a: { b: 1 }, c: { b: 1 } },
      again: expect.stringContaining('a:'),
    })
    const { status, text } = await send('js-yaml', '/', { body: 'a: 1\n  b: 2' })
    expect([status, JSON.parse(text)]).toEqual([
      400,
      { name: 'YAMLException', reason: expect.any(String), line: 1, documents: 2 },
    ])
  })

  test('smol-toml', async () => {
    expect(
      await json('smol-toml', '/', { body: '[server]\nport = 8080\nhosts = ["a"]\n' }),
    ).toEqual({
      value: { server: { port: 8080, hosts: ['a'] } },
      again: expect.stringContaining('port = 8080'),
    })
    const { status, text } = await send('smol-toml', '/', { body: 'a = 1\nb = ?' })
    expect([status, JSON.parse(text).line]).toEqual([400, 2])
  })

  test('fast-xml-parser', async () => {
    const body = '<a x="1"><b>t &amp; u</b><b>2</b></a>'
    expect(await json('fast-xml-parser', '/', { body })).toEqual({
      value: { a: { '@_x': '1', b: ['t & u', 2] } },
      again: body,
    })
    const { status, text } = await send('fast-xml-parser', '/', { body: '<a><b></a>' })
    expect([status, JSON.parse(text).code]).toEqual([400, 'InvalidTag'])
  })

  test('xml2js', async () => {
    expect(await json('xml2js', '/', { body: '<a><b id="1">x</b></a>' })).toEqual({
      value: { a: { b: { _: 'x', $: { id: '1' } } } },
      again: '<a><b id="1">x</b></a>',
    })
    expect((await send('xml2js', '/', { body: '<a' })).status).toBe(400)
  })

  test('papaparse', async () => {
    expect(await json('papaparse', '/', { body: 'name,age\n"Ann, B",4\nBob,5\n' })).toEqual({
      data: [
        { name: 'Ann, B', age: 4 },
        { name: 'Bob', age: 5 },
      ],
      errors: [],
      fields: ['name', 'age'],
      again: 'name,age\r\n"Ann, B",4\r\nBob,5',
    })
  })

  test('csv-parse and csv-stringify', async () => {
    expect(await json('csv-parse', '/', { body: 'a;b\n1;"x;y"\n2;z\n' })).toEqual({
      rows: [
        { a: '1', b: 'x;y' },
        { a: '2', b: 'z' },
      ],
      same: true,
      again: 'a,b\n1,x;y\n2,z\n',
    })
    const { status, text } = await send('csv-parse', '/', { body: 'a;b\n1\n' })
    expect([status, JSON.parse(text).code]).toEqual([400, 'CSV_RECORD_INCONSISTENT_COLUMNS'])
  })

  test('mime-types', async () => {
    expect(await json('mime-types')).toEqual([
      'application/json',
      'text/html; charset=utf-8',
      'svg',
      false,
    ])
  })

  test('cookie', async () => {
    const headers: [string, string][] = [['cookie', 'a=1; b=x%20y; __proto__=z']]
    const value = await json('cookie', '/', { headers })
    expect(value).toMatchObject({ a: '1', b: 'x y', made: 'a=b%20c; HttpOnly' })
  })

  test('ipaddr.js', async () => {
    expect(await json('ipaddr', '/?ip=::ffff:10.1.2.3')).toEqual({
      kind: 'ipv4',
      range: 'private',
      text: '10.1.2.3',
      inside: true,
    })
  })

  test('path-to-regexp and minimatch', async () => {
    expect(await json('path-to-regexp', '/users/7/books/b%20c')).toEqual({
      params: { id: '7', book: 'b c' },
      made: '/users/%C3%A4%20b',
      globs: ['src/a.ts', 'src/deep/b.ts'],
    })
  })
})

describe('text', () => {
  test('cheerio', async () => {
    const body =
      '<title>T</title><ul><li><a href="/1">1</a></li><li><a href="/2">2</a></li><li><a href="/3">3</a></li></ul>'
    expect(await json('cheerio', '/', { body })).toEqual({
      title: 'T',
      links: ['/1', '/3'],
      html: expect.stringContaining('<a href="/1" rel="noopener">1</a>'),
    })
  })

  test('node-html-parser', async () => {
    const body = '<p class="item" data-id="a"> x </p><script>alert(1)</script><p class="item">y</p>'
    expect(await json('node-html-parser', '/', { body })).toEqual({
      items: [['a', 'x']],
      html: '<p class="item" data-id="a"> x </p><p class="item">y</p>',
    })
  })

  test('mustache', async () => {
    const people = [{ name: '<Ann>', admin: true, raw: '<b>' }, { name: 'Bob' }]
    const { text } = await posted('mustache', { people, count: 2 })
    expect(text).toBe('<li>&lt;Ann&gt; <b></li><li>Bob (guest) </li><p>2</p>')
  })

  test('liquidjs', async () => {
    const products = [
      { name: 'tea', price: 2 },
      { name: 'cake', price: 3 },
    ]
    expect((await posted('liquidjs', { products })).text).toBe('1. TEA! 4, 2. CAKE! 6')
  })

  test('slugify', async () => {
    expect((await send('slugify', '/', { body: 'Größe & Farbe, neu!' })).text).toBe(
      'grosse-and-farbe-neu',
    )
  })

  test('he and entities', async () => {
    expect(await json('he', '/', { body: '&lt;&uuml;&#x1f600;&amp;amp;' })).toEqual({
      he: '<ü😀&amp;',
      entities: '<ü😀&amp;',
      encoded: ['&#xFC;&#x3C;', '&#252;&lt;'],
    })
  })

  test('sanitize-html', async () => {
    const body =
      '<p onclick="x">Hi <b>you</b><script>alert(1)</script> <a href="javascript:x">a</a><a href="https://b.example">b</a></p>'
    expect((await send('sanitize-html', '/', { body })).text).toBe(
      '<p>Hi <b>you</b> <a>a</a><a href="https://b.example">b</a></p>',
    )
  })

  test('showdown, which reads RegExp.$1', async () => {
    const body = '# Hi\n\n[l](http://a.test "t")\n\n| x |\n| --- |\n| ~~1~~ |\n'
    const { text } = await send('showdown', '/', { body })
    expect(text).toContain('<h1 id="hi">Hi</h1>')
    expect(text).toContain('<a href="http://a.test" title="t">l</a>')
    expect(text).toContain('<td><del>1</del></td>')
  })

  test('markdown-it and highlight.js', async () => {
    const body = '# A\n\n```js\nconst a = 1\n```\n\nSee https://example.com <b>'
    const { text } = await send('markdown-it', '/', { body })
    expect(text).toContain('<span class="hljs-keyword">const</span>')
    expect(text).toContain('<a href="https://example.com">')
    expect(text).toContain('&lt;b&gt;')
  })

  test('diff', async () => {
    expect(await post('diff', { before: 'one two\nx\n', after: 'one three\nx\n' })).toEqual({
      patch: expect.stringContaining('-one two\n+one three'),
      applied: true,
      words: ['two', 'three'],
    })
  })

  test('i18next', async () => {
    expect(await json('i18next', '/?lng=de')).toEqual([
      'Hallo &lt;Ann&gt;',
      'missing.key',
      'the default',
    ])
  })

  test('iconv-lite', async () => {
    const latin = '/?charset=win1252'
    const { known, again } = await json('iconv-lite', latin, { body: 'abc' })
    expect([known, again]).toEqual([true, true])
    expect(await json('iconv-lite', '/?charset=shift_jis', { body: 'abc' })).toEqual({
      known: true,
      text: 'abc',
      again: true,
    })
  })
})

describe('files', () => {
  test('pako and fflate', async () => {
    expect(await json('pako', '/', { body: 'hello '.repeat(500) })).toEqual({
      smaller: true,
      same: true,
      file: true,
      broken: expect.stringMatching(/\w/),
    })
  })

  test('jszip', async () => {
    expect(await json('jszip')).toEqual({
      names: ['hello.txt', 'nested/', 'nested/ä.json'],
      text: '{"n":1}',
    })
    expect((await send('jszip', '/', { body: 'no archive' })).status).toBe(400)
  })

  test('exceljs, three times in one worker', async () => {
    for (let i = 0; i < 3; i++) {
      expect(await json('exceljs')).toEqual({
        rows: [
          ['Item', 'Price'],
          ['Tea', 3.5],
          ['Cake', 7],
        ],
      })
    }
  })

  test('pdf-lib', async () => {
    expect(await json('pdf-lib', '/', { body: 'Hello' })).toEqual({
      pages: 1,
      title: 'Invoice',
      head: '%PDF-1.7',
      width: 41,
    })
  })

  test('qrcode', async () => {
    expect(await json('qrcode', '/', { body: 'https://example.com/a?b=c' })).toEqual({
      size: 25,
      svg: true,
    })
  })
})

describe('cryptography', () => {
  test('tweetnacl', async () => {
    expect(await json('tweetnacl', '/', { body: 'secret' })).toEqual({
      opened: 'secret',
      verified: true,
      broken: null,
      publicKey: 'ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c',
    })
  })

  test('jsonwebtoken', async () => {
    const { text: token } = await send('jsonwebtoken')
    const check = async (value: string) => {
      const { status, text } = await send('jsonwebtoken', '/', {
        headers: [['authorization', value]],
      })
      return [status, JSON.parse(text)]
    }
    expect(await check(token)).toEqual([
      200,
      { role: 'admin', sub: 'ann', iat: expect.any(Number), exp: expect.any(Number) },
    ])
    expect(await check(`${token.slice(0, -2)}xx`)).toEqual([
      401,
      { error: 'JsonWebTokenError', message: 'invalid signature' },
    ])
  })

  test('svix', async () => {
    const body = '{"event":"paid"}'
    const { date, signature } = await json('svix', '/', { body })
    const headers = (value: string): [string, string][] => [
      ['svix-id', 'msg_1'],
      ['svix-timestamp', String(date)],
      ['svix-signature', value],
    ]
    expect(await json('svix', '/', { body, headers: headers(signature) })).toEqual({
      event: 'paid',
    })
    expect((await send('svix', '/', { body, headers: headers('v1,AAAA') })).status).toBe(401)
  })
})

describe('services', () => {
  test('stripe', async () => {
    expect(await json('stripe', '/?amount=500')).toMatchObject({
      id: 'pi_1',
      amount: 500,
      path: '/v1/payment_intents',
      auth: 'Bearer sk_test_x',
    })
    const { status, text } = await send('stripe', '/?amount=0')
    expect([status, JSON.parse(text)]).toEqual([402, { code: 'amount_too_small' }])
    const now = Math.floor(Date.now() / 1000)
    const body = '{"type":"payment_intent.succeeded","object":"event"}'
    const { createHmac } = await import('node:crypto')
    const v1 = createHmac('sha256', 'whsec_test').update(`${now}.${body}`).digest('hex')
    const signed = (value: string): [string, string][] => [
      ['stripe-signature', `t=${now},v1=${value}`],
    ]
    expect(await json('stripe', '/', { body, headers: signed(v1) })).toEqual({
      type: 'payment_intent.succeeded',
    })
    const forged = await send('stripe', '/', { body, headers: signed('0'.repeat(64)) })
    expect([forged.status, JSON.parse(forged.text).type]).toEqual([
      400,
      'StripeSignatureVerificationError',
    ])
  })

  test('openai', async () => {
    expect(await json('openai')).toEqual({ whole: 'Hello!', parts: ['Hel', 'lo', '!'] })
    const { status, text } = await send('openai', '/?model=none')
    expect([status, JSON.parse(text)]).toEqual([502, { status: 404, code: 'model_not_found' }])
  })

  test('@anthropic-ai/sdk', async () => {
    expect(await json('anthropic')).toEqual({
      parts: ['Good ', 'day'],
      text: 'Good day',
      stop_reason: 'end_turn',
    })
  })

  test('ai', async () => {
    expect(await json('ai')).toEqual({ text: 'Hello', parts: ['a ', 'stream'] })
  })

  test('@supabase/supabase-js', async () => {
    expect(await json('supabase')).toEqual({
      found: [{ id: 1, filter: 'gt.0', select: 'id,text' }],
      made: [{ id: 3, text: 'new' }],
      code: '42P01',
    })
  })

  test('@modelcontextprotocol/sdk', async () => {
    const headers: [string, string][] = [
      ['content-type', 'application/json'],
      ['accept', 'application/json, text/event-stream'],
    ]
    const call = (method: string, params: object) =>
      json('mcp', '/', { body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }), headers })
    const added = await call('tools/call', { name: 'add', arguments: { a: 2, b: 3 } })
    expect(added.result.content).toEqual([{ type: 'text', text: '5' }])
    const listed = await call('tools/list', {})
    expect(listed.result.tools[0].name).toBe('add')
  })

  test('@trpc/server', async () => {
    const input = encodeURIComponent('{"name":"Ann"}')
    expect(await json('trpc', `/trpc/greet?input=${input}`)).toEqual({
      result: { data: 'Hello Ann' },
    })
    const { status, text } = await send('trpc', '/trpc/fail', {
      body: '{}',
      headers: [['content-type', 'application/json']],
    })
    expect([status, JSON.parse(text).error.message]).toEqual([403, 'not you'])
  })

  test('graphql-yoga', async () => {
    const headers: [string, string][] = [['content-type', 'application/json']]
    const body = JSON.stringify({ query: '{ add(a: 2, b: 3) fail }' })
    const { data, errors } = await json('graphql-yoga', '/graphql', { body, headers })
    expect([data, errors[0].message]).toEqual([{ add: 5, fail: null }, 'Unexpected error.'])
  })

  test('@octokit/core', async () => {
    expect(await json('octokit')).toEqual({
      data: {
        url: 'https://api.github.com/repos/a/b%20c',
        method: 'GET',
        accept: 'application/vnd.github.v3+json',
      },
      status: 200,
      failed: 404,
    })
  })
})

describe('databases', () => {
  test('drizzle-orm', async () => {
    const { rows, seen } = await json('drizzle-orm')
    expect(rows).toEqual([{ id: 1, name: 'Ann', age: 40 }])
    expect(seen[1]).toEqual([
      'update "users" set "age" = "users"."age" + 1 where "users"."id" = $1',
      [1],
    ])
  })

  test('kysely', async () => {
    expect(await json('kysely')).toEqual({
      sql: 'select "pet"."name", "first_name" from "pet" inner join "person" on "person"."id" = "pet"."owner_id" where "pet"."name" like $1 order by "pet"."id"',
      parameters: ['R%'],
    })
  })
})
