/**
 * `Idempotency-Key`: a change that a client repeats, because it got no answer, has the first answer and is not made
 * again. The key is the client's secret: only its hash is stored, and it keys the hash of the request, which may have
 * the value of a secret in it.
 */
import { createHash, createHmac, type Hmac } from 'node:crypto'
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { FunctionError } from '../errors.ts'
import { PROBLEM_TYPE } from '../lib/problem.ts'
import { isFull } from '../lib/storage.ts'
import { noteChange } from '../metadata/audit-context.ts'
import type { IdempotencyStore, StoredAnswer } from '../metadata/idempotency-store.ts'
import { callerOf } from './access.ts'

const HEADER = 'idempotency-key'
const KEY = /^[\x21-\x7e]{1,255}$/
const CHANGES = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])
/** Answers that say nothing of the change: the client should send it again. */
const NOT_FINAL = new Set([401, 403, 408, 429])
/** Characters of an answer; a longer one is not stored. */
const MAX_ANSWER = 65_536
const JSON_TYPES = /^application\/(?:json|problem\+json)\b/

/** Comes after the control of access: a repetition needs the rights of the request. */
export function addIdempotency(app: OpenAPIHono, store: IdempotencyStore): void {
  /** The running requests. A repetition waits for its first one. */
  const running = new Map<string, Promise<void>>()
  app.use('*', async (c, next) => {
    const given = c.req.header(HEADER)
    if (given === undefined || !CHANGES.has(c.req.method)) return await next()
    if (!KEY.test(given)) {
      const message = 'Idempotency-Key must be 1 to 255 printable characters without spaces.'
      throw new FunctionError('BAD_REQUEST', message)
    }
    const { token } = callerOf(c)
    const key = createHash('sha256').update(given).digest('hex')
    const id = { actor: token?.id ?? 'socket', key }
    const requestSha256 = await hashOf(c, given)
    const name = `${id.actor} ${key}`
    while (running.has(name)) await running.get(name)
    const { promise, resolve } = Promise.withResolvers<void>()
    running.set(name, promise)
    try {
      const stored = store.find(id)
      if (stored !== undefined) return repeated(stored, requestSha256)
      await next()
      const answer = await finalAnswer(c.res)
      if (answer !== undefined) keep(() => store.add(id, { requestSha256, ...answer }))
    } finally {
      running.delete(name)
      resolve()
    }
  })
}

/** The change is made: on a full disk its answer is lost, and a repetition makes it again. */
function keep(add: () => void): void {
  try {
    add()
  } catch (error) {
    if (!isFull(error instanceof Error ? (error.cause ?? error) : error)) throw error
  }
}

/** @throws {FunctionError} IDEMPOTENCY_KEY_REUSED */
function repeated({ requestSha256, status, body }: StoredAnswer, own: string): Response {
  if (requestSha256 !== own) {
    const message =
      'This Idempotency-Key was sent with another request before: use a new key for each change.'
    throw new FunctionError('IDEMPOTENCY_KEY_REUSED', message)
  }
  noteChange({ repeated: true })
  if (body === '') return new Response(null, { status })
  const type = status < 400 ? 'application/json' : PROBLEM_TYPE
  return new Response(body, { status, headers: { 'content-type': type } })
}

/** Undefined for one that must not, or need not, be given again. */
async function finalAnswer(response: Response) {
  const { status, headers } = response
  if (status >= 500 || NOT_FINAL.has(status)) return undefined
  const type = headers.get('content-type')
  if (type === null) return { status, body: '' }
  // A problem document is not for caches either; a token's text is in no database.
  const secret = status < 400 && headers.get('cache-control') === 'no-store'
  if (secret || !JSON_TYPES.test(type)) return undefined
  const body = await response.clone().text()
  return body.length > MAX_ANSWER ? undefined : { status, body }
}

/** The hash of method, path and body. The parts of a form count, as its boundary differs each time. */
async function hashOf(c: Context, key: string): Promise<string> {
  const { raw } = c.req
  const { pathname, search } = new URL(raw.url)
  const hmac = createHmac('sha256', key)
  addPart(hmac, raw.method)
  addPart(hmac, `${pathname}${search}`)
  if (raw.body !== null) {
    const bytes = await raw.arrayBuffer()
    const type = raw.headers.get('content-type') ?? ''
    if (type.startsWith('multipart/form-data')) await addForm(hmac, bytes, type)
    else addPart(hmac, new Uint8Array(bytes))
    // The handler reads it again.
    c.req.raw = new Request(raw, { body: bytes })
  }
  return hmac.digest('hex')
}

async function addForm(hmac: Hmac, bytes: ArrayBuffer, type: string): Promise<void> {
  let form: Awaited<ReturnType<Response['formData']>>
  try {
    form = await new Response(bytes, { headers: { 'content-type': type } }).formData()
  } catch (cause) {
    throw new FunctionError('BAD_REQUEST', 'The form is malformed.', { cause })
  }
  for (const [name, value] of form.entries()) {
    addPart(hmac, name)
    addPart(hmac, typeof value === 'string' ? value : new Uint8Array(await value.arrayBuffer()))
  }
}

/** With its length, so that no two requests have the same bytes. */
function addPart(hmac: Hmac, part: string | Uint8Array): void {
  hmac.update(`${Buffer.byteLength(part)}:`)
  hmac.update(part)
}
