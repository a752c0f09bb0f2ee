/** Packages that import modules of Node which a worker lacks, and whose other parts work without them. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { usePackages } from './harness.ts'

// A large bundle takes long on a machine with other tests on it.
setDefaultTimeout(120_000)

const { json, send } = usePackages()

const FORM_BODY = [
  ...['--X', 'Content-Disposition: form-data; name="a"', '', '1 ä'],
  ...['--X', 'Content-Disposition: form-data; name="photo"; filename="p.png"'],
  ...['Content-Type: image/png', '', 'png bytes', '--X--', ''],
].join('\r\n')

describe('HTTP and mail', () => {
  test('node-fetch', async () => {
    expect(await json('node-fetch')).toEqual({
      method: 'POST',
      url: 'https://example.test/x?y=1',
      type: 'multipart/form-data',
      body: true,
      headers: [
        ['a', '1'],
        ['b', '2'],
      ],
      answer: [201, true, { ok: true }, '1'],
      data: 'hello',
    })
  })

  test('nodemailer writes a message', async () => {
    const { envelope, text } = await json('nodemailer')
    expect(envelope).toEqual({
      from: 'shop@example.test',
      to: ['a@example.test', 'b@example.test'],
    })
    for (const part of [
      'To: a@example.test, =?UTF-8?B?w5xuw68=?= <b@example.test>\n',
      'Subject: =?UTF-8?Q?Best=C3=A4tigung?=\n',
      'Hello =C3=84nn\n',
      '<p>Hello</p>\n',
      'Content-Disposition: attachment; filename=a.txt\n',
    ]) {
      expect(text).toContain(part)
    }
  })

  test('web-push signs and encrypts', async () => {
    expect(await json('web-push')).toEqual({
      claims: {
        aud: 'https://push.test',
        exp: expect.any(Number),
        sub: 'mailto:a@example.test',
      },
      key: true,
      details: ['POST', 60, 'aes128gcm', 108],
    })
  })

  test('express answers without a server', async () => {
    const { status, text } = await send('express', '/items/7?page=2')
    expect([status, JSON.parse(text)]).toEqual([200, { id: '7', page: '2' }])
  })

  test('koa answers without a server', async () => {
    const headers: [string, string][] = [['content-type', 'application/json']]
    const { text, headers: sent } = await send('koa', '/items?page=2', { body: '{"a":1}', headers })
    expect(JSON.parse(text)).toEqual({
      path: '/items',
      page: '2',
      body: '{"a":1}',
      type: 'json',
      accepts: 'html',
    })
    expect(sent).toContainEqual(['set-cookie', 'seen=1; path=/; httponly'])
    const failed = await send('koa', '/fail')
    expect([failed.status, failed.text]).toEqual([418, 'short and stout'])
  })

  const form = {
    body: FORM_BODY,
    headers: [['content-type', 'multipart/form-data; boundary=X']] as [string, string][],
  }

  test('multer reads a form with a file', async () => {
    expect(await json('multer', '/', form)).toEqual({
      body: { a: '1 ä' },
      file: {
        fieldname: 'photo',
        originalname: 'p.png',
        encoding: '7bit',
        mimetype: 'image/png',
        size: 9,
      },
      text: 'png bytes',
    })
    const large = form.body.replace('png bytes', 'x'.repeat(2000))
    expect(await json('multer', '/', { ...form, body: large })).toEqual({ code: 'LIMIT_FILE_SIZE' })
  })

  test('formidable reads a form with a file', async () => {
    expect(await json('formidable', '/', form)).toEqual({
      fields: { a: ['1 ä'] },
      file: ['p.png', 'image/png', 9],
      text: 'png bytes',
    })
  })

  test('form-data writes a form', async () => {
    const { text, ...rest } = await json('form-data')
    expect(rest).toEqual({ type: 'multipart/form-data; boundary=B', length: true, piped: true })
    expect(text).toContain(
      'name="photo"; filename="a.png"\r\nContent-Type: image/png\r\n\r\nbytes\r\n--B--',
    )
  })

  test('@slack/web-api posts a message', async () => {
    expect(await json('slack')).toEqual({
      ok: true,
      ts: '1.2',
      sent: [
        ['https://slack.com/api/chat.postMessage', 'POST', 'channel=C1&text=Hello%20%C3%84nn'],
      ],
    })
  })

  test('google-auth-library', async () => {
    expect(await json('google-auth')).toEqual({
      host: 'accounts.google.com',
      query: {
        access_type: 'offline',
        scope: 'email',
        state: 'x',
        response_type: 'code',
        client_id: 'id',
        redirect_uri: 'https://shop.test/back',
      },
      lengths: [128, 43],
      auth: 'Bearer token',
      kinds: ['function', 'function'],
    })
  })

  test('@sendgrid/mail', async () => {
    expect(await json('sendgrid')).toEqual({
      from: { email: 'shop@example.test' },
      subject: 'Hi',
      personalizations: [
        { to: [{ email: 'a@example.test', name: 'Ann' }, { email: 'b@example.test' }] },
      ],
      content: [{ type: 'text/plain', value: 'Hello' }],
    })
  })

  test('twilio checks webhooks and writes TwiML', async () => {
    const text = 'https://shop.test/hookBodyHelloFrom+15550001'
    const signature = createHmac('sha1', 'token').update(text).digest('base64')
    const result = await send('twilio', '/', { headers: [['x-twilio-signature', signature]] })
    const twiml =
      '<?xml version="1.0" encoding="UTF-8"?><Response><Say voice="alice">Hello &amp; welcome</Say><Dial>+15550002</Dial></Response>'
    const expected = { valid: true, expected: signature, twiml, sid: true }
    expect(JSON.parse(result.text)).toEqual(expected)
    expect((await json('twilio')).valid).toBe(false)
  })
})

describe('databases without a connection', () => {
  test('knex', async () => {
    expect(await json('knex')).toEqual({
      select: {
        sql: 'select "users"."id", count(*) as "n" from "users" inner join "orders" on "users"."id" = "orders"."user_id" where "users"."name" = $1 and "orders"."state" in ($2, $3) order by "users"."id" desc limit $4',
        bindings: ['Ann', 'new', 'paid', 5],
      },
      text: `select * from "t" where "a" = 'it''s'`,
      insert: {
        sql: 'insert into "users" ("name", "tags") values ($1, $2) returning "id"',
        bindings: ['Bob', ['a']],
      },
      table: 'create table "t" ("id" serial primary key, "name" varchar(40) not null)',
    })
  })

  test('sequelize: models, validation and SQL', async () => {
    expect(await json('sequelize')).toEqual({
      type: 'VARCHAR(10)',
      values: { age: 18, id: null, name: 'A' },
      invalid: ['SequelizeValidationError', ['name']],
      sql: `SELECT "id" FROM "Users" AS "User" WHERE "User"."age" >= 18 AND "User"."name" LIKE 'O''%' LIMIT 5;`,
      failure: 'net.Socket is not available in quickjs-ng functions',
    })
  })

  test('pg', async () => {
    expect(await json('pg')).toEqual({
      literal: " E'it''s \\\\ done'",
      name: '"a""b"',
      options: ['postgres://ann:secret@db.test:5433/shop'],
      text: 'select $1::int',
      int: 42,
      date: '2026-01-02T03:04:05.000Z',
      array: [1, 2, null],
      json: { a: [1] },
      failure: [
        'ERR_METHOD_NOT_IMPLEMENTED',
        'net.Socket is not available in quickjs-ng functions',
      ],
    })
  })

  test('mysql2', async () => {
    expect(await json('mysql2')).toEqual({
      format: "select `id` from `db`.`table` where a = 'it\\'s' and b in (1, 2) and c = NULL",
      set: "update t set `name` = 'Änn', `at` = '1970-01-01 00:00:00.000', `raw` = now()",
      escape: `'a\\n\\"b\\"\\\\'`,
      id: '`a``b`.`c`',
    })
  })

  test('mongodb', async () => {
    expect(await json('bson')).toEqual({
      size: 136,
      id: '65f0c0ffee65f0c0ffee65f0',
      time: '2024-03-12T20:54:23.000Z',
      name: 'Änn',
      at: '1970-01-01T00:00:00.000Z',
      big: '9007199254740993',
      price: '1.50',
      list: [1, 2.5, null, 1],
      text: '{"id":{"$oid":"65f0c0ffee65f0c0ffee65f0"},"at":{"$date":"1970-01-01T00:00:00Z"}}',
      fresh: true,
      hosts: ['db.test:27018'],
      db: 'shop',
    })
  })

  test('ioredis', async () => {
    expect(await json('ioredis')).toEqual({
      set: '*5\r\n$3\r\nset\r\n$3\r\nkey\r\n$4\r\nÄnn\r\n$2\r\nEX\r\n$2\r\n10\r\n',
      hash: '*6\r\n$4\r\nhset\r\n$1\r\nh\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n',
      length: 2,
      options: ['cache.test', 6380, 2],
      failure: 'net.createConnection is not available in quickjs-ng functions',
    })
  })
})

describe('operation', () => {
  test('winston', async () => {
    expect(await json('winston')).toEqual([
      { level: 'info', message: 'paid 5', service: 'shop', id: 1 },
      { level: 'warn', message: 'slow', service: 'shop', request: 7 },
      { level: 'error', message: 'broken', service: 'shop' },
    ])
  })

  test('prom-client', async () => {
    const { text } = await send('prom-client', '/x')
    expect(text).toContain('requests_total{path="/x"} 1\n')
    expect(text).toContain('seconds_bucket{le="1"} 1\n')
  })
})
