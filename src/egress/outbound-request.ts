/** One fetch: the rules, the redirects, and the response to its last byte. */

import { NULL_BODY_STATUSES } from '../lib/null-body-status.ts'
import { Attempt, type AttemptHead, type AttemptReader } from './attempt.ts'
import type { Connection } from './connection.ts'
import type { EgressContext, EgressOutcome, EgressSubject } from './context.ts'
import { type BodyCheck, type CredentialUse, withoutPlaceholders } from './credentials.ts'
import { codingsOf, Decoder, decodedHeaders } from './decode.ts'
import { aborted, EgressError, failed, refused } from './errors.ts'
import type { EgressQuota } from './quota.ts'
import { type AttemptPlan, locationOf, MAX_REDIRECTS, redirected } from './redirect.ts'
import { declaredLength, type HeaderLines, requestHeaders } from './request-headers.ts'
import { resolveTarget } from './resolve.ts'
import { checkTarget, type Target } from './target.ts'
import { Upload } from './upload.ts'

export type RedirectMode = 'follow' | 'error' | 'manual'

export interface EgressRequest {
  method: string
  url: string
  /** Names and values; a value's code points are bytes. */
  headers: HeaderLines
  redirect: RedirectMode
  /** The whole body or its first part; undefined together with `end` means no body. */
  body: Uint8Array | undefined
  /** No more of the body follows. */
  end: boolean
}

export interface EgressResponse {
  status: number
  statusText: string
  /** The URL of the last request, without its fragment. */
  url: string
  redirected: boolean
  headers: HeaderLines
  /** The response has no body: neither `chunk` nor `end` follows. */
  end: boolean
}

/** Receives the result of a fetch: `response`, `chunk`s, `end`; or `fail` once, at any point before. */
export interface EgressSink {
  response(head: EgressResponse): void
  /** The sink owns the bytes. Returns false to pause until `resume`. */
  chunk(bytes: Buffer): boolean
  end(): void
  fail(error: EgressError): void
  /** This many bytes of the request's body were sent. */
  taken(bytes: number): void
  /** The rest of the request's body is not needed. */
  bodyUnwanted(): void
}

/** The handle of a running fetch. */
export interface EgressCall {
  write(bytes: Uint8Array): void
  end(): void
  resume(): void
  /** Ends the fetch; no method of the sink is called after this. */
  abort(): void
}

/** Requests that may be sent again when a kept connection turns out to be closed: RFC 9110, 9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** Addresses of one answer to a lookup. Further ones are left out. */
const MAX_ADDRESSES = 64

export class OutboundRequest implements EgressCall {
  readonly #subject: EgressSubject
  readonly #context: EgressContext
  readonly #quota: EgressQuota
  readonly #request: EgressRequest
  readonly #sink: EgressSink
  readonly #controller = new AbortController()
  readonly #upload: Upload
  readonly #length: number | undefined
  /** Of a function that has placeholders of secrets. */
  readonly #bodyCheck: BodyCheck | undefined
  /** Why the first part of the body is refused. */
  readonly #refusal: EgressError | undefined
  readonly #finished = Promise.withResolvers<EgressOutcome>()
  #attempt: Attempt | undefined
  #decoder: Decoder | undefined
  #sentBytes = 0
  #receivedBytes = 0
  #over = false

  constructor(
    subject: EgressSubject,
    context: EgressContext,
    quota: EgressQuota,
    request: EgressRequest,
    sink: EgressSink,
  ) {
    this.#subject = subject
    this.#context = context
    this.#quota = quota
    this.#request = request
    this.#sink = sink
    this.#length = declaredLength(request.headers)
    const host = URL.parse(request.url)?.host ?? ''
    this.#bodyCheck = subject.credentials?.bodyCheck(host, this.#reportCredential)
    if (request.body !== undefined) this.#refusal = this.#bodyCheck?.(request.body)
    this.#upload = new Upload(request.body, request.end, (bytes) => {
      this.#count(bytes)
      if (!this.#over) sink.taken(bytes)
    })
  }

  /** Resolves when the fetch is over, with or without success. */
  async run(): Promise<void> {
    let entered = false
    try {
      const url = this.#parse()
      const name = nameToLookUp(url)
      checkTarget(name ?? url, this.#subject.capabilities, this.#context.allowance)
      if (this.#refusal !== undefined) throw this.#refusal
      await this.#quota.enter(this.#controller.signal)
      entered = true
      if (name === undefined) await this.#follow(url)
      else await this.#lookUp(name)
    } catch (error) {
      this.fail(asEgressError(error))
    }
    this.#context.onFinished(this.#subject, await this.#finished.promise)
    if (entered) this.#quota.leave()
  }

  write(bytes: Uint8Array): void {
    this.#sentBytes += bytes.length
    const { maxBodyBytes } = this.#context.limits
    if (maxBodyBytes > 0 && this.#sentBytes > maxBodyBytes) {
      this.fail(tooLarge(maxBodyBytes))
      return
    }
    const refusal = this.#bodyCheck?.(bytes)
    if (refusal !== undefined) this.fail(refusal)
    else this.#upload.write(bytes)
  }

  end(): void {
    this.#upload.end()
  }

  resume(): void {
    if (this.#decoder !== undefined) this.#decoder.resume()
    else this.#attempt?.resume()
  }

  abort(): void {
    this.#stop(aborted())
  }

  fail(error: EgressError): void {
    if (this.#stop(error)) this.#sink.fail(error)
  }

  #receive(bytes: Buffer): boolean {
    if (this.#over) return true
    this.#receivedBytes += bytes.length
    const { maxBodyBytes } = this.#context.limits
    if (maxBodyBytes > 0 && this.#receivedBytes > maxBodyBytes) {
      this.fail(tooLarge(maxBodyBytes))
      return true
    }
    return this.#sink.chunk(bytes)
  }

  /** Counts one request to an upstream. @throws {EgressError} REFUSED */
  #spend(): void {
    this.#quota.spend()
    const limit = this.#subject.meter?.admitEgress()
    if (limit !== undefined) throw refused(limit.message, 'ERR_LIMIT')
  }

  /** Counts bytes of a body as they are sent and received, before a response is decoded. */
  #count(bytes: number): void {
    const limit = this.#subject.meter?.egressBytes(bytes)
    if (limit !== undefined) this.fail(refused(limit.message, 'ERR_LIMIT'))
  }

  #parse(): URL {
    const { url } = this.#request
    if (!URL.canParse(url)) throw refused('The URL is not valid.', 'ERR_INVALID_URL')
    return new URL(url)
  }

  /** Answers with the addresses of a name, by the rules and at the price of a request to it. */
  async #lookUp(url: URL): Promise<void> {
    const { allowance, lookup } = this.#context
    const target = checkTarget(url, this.#subject.capabilities, allowance)
    this.#spend()
    const addresses = await resolveTarget(target, lookup, allowance)
    if (this.#over) return
    const headers = addresses
      .slice(0, MAX_ADDRESSES)
      .map((address): [string, string] => ['address', address])
    const head = { status: 200, statusText: 'OK', url: this.#request.url, redirected: false }
    this.#sink.response({ ...head, headers, end: true })
    this.#complete(true)
  }

  async #follow(from: URL): Promise<void> {
    const { redirect, method, headers } = this.#request
    const { userAgent } = this.#context
    let plan: AttemptPlan = {
      url: from,
      method,
      body: this.#upload.present,
      headers: requestHeaders(headers, userAgent),
    }
    for (let redirects = 0; ; redirects++) {
      const { attempt, head } = await this.#send(plan)
      const to = redirect === 'manual' ? undefined : locationOf(head, plan.url)
      if (to === undefined) {
        this.#deliver(attempt, head, plan, redirects > 0)
        return
      }
      attempt.discard()
      const { hostname } = plan.url
      if (redirect === 'error') {
        throw failed(
          'ERR_REDIRECT',
          `${hostname} sent a redirect, and the request's redirect mode is "error".`,
        )
      }
      if (redirects === MAX_REDIRECTS) {
        throw failed(
          'ERR_REDIRECT',
          `${hostname} sent a redirect after ${MAX_REDIRECTS} others, which is the limit.`,
        )
      }
      const { origin } = plan.url
      plan = redirected(plan, head.status, to, this.#upload.whole !== undefined)
      if (this.#subject.credentials !== undefined && to.origin !== origin)
        plan.headers = withoutPlaceholders(plan.headers)
      if (!plan.body) this.#dropUpload()
    }
  }

  /** Sends one request and awaits its head. Sends it again if a kept connection had been closed. */
  async #send(plan: AttemptPlan): Promise<{ attempt: Attempt; head: AttemptHead }> {
    const { allowance, connections, lookup } = this.#context
    const { capabilities, credentials } = this.#subject
    const target = checkTarget(plan.url, capabilities, allowance)
    const headers = credentials?.fill(target, plan.headers, this.#reportCredential) ?? plan.headers
    this.#spend()
    const { signal } = this.#controller
    const addresses = await resolveTarget(target, lookup, allowance)
    signal.throwIfAborted()
    const owner = this.#subject.functionId
    for (let fresh = false; ; fresh = true) {
      const connection = await connections.take(owner, target, addresses, signal, fresh)
      const kept = connection.used > 0
      const attempt = this.#dispatch(target, connection, { ...plan, headers })
      try {
        return { attempt, head: await attempt.head }
      } catch (error) {
        const again =
          kept && !attempt.started && IDEMPOTENT.has(plan.method) && this.#repeatable(plan)
        if (!again || signal.aborted) throw error
      }
    }
  }

  readonly #reportCredential = (use: CredentialUse): void =>
    this.#context.onCredential(this.#subject, use)

  #repeatable({ body }: AttemptPlan): boolean {
    return !body || this.#upload.whole !== undefined
  }

  #dispatch(target: Target, connection: Connection, plan: AttemptPlan): Attempt {
    const { connections } = this.#context
    const owner = this.#subject.functionId
    const attempt = new Attempt(target.host, () => connections.release(owner, target, connection))
    this.#attempt = attempt
    // No caller awaits the head if the fetch ends before it; avoid an unhandled rejection.
    attempt.head.catch(() => {})
    if (this.#controller.signal.aborted)
      attempt.abort(asEgressError(this.#controller.signal.reason))
    const body = plan.body ? this.#upload.body() : null
    const streams = body !== null && this.#upload.whole === undefined
    const length = streams ? this.#length : undefined
    const lines = length === undefined ? plan.headers : withLength(plan.headers, length)
    const path = `${plan.url.pathname}${plan.url.search}`
    const options = { path, method: plan.method, headers: lines.flat(), body: body as never }
    connection.send(options, attempt)
    if (body !== null && !streams) this.#count((body as Uint8Array).length)
    return attempt
  }

  #deliver(attempt: Attempt, head: AttemptHead, plan: AttemptPlan, wasRedirected: boolean): void {
    const bodyless = plan.method === 'HEAD' || NULL_BODY_STATUSES.has(head.status)
    const codings = bodyless ? [] : codingsOf(head.headers)
    const reader: AttemptReader = {
      data: (bytes) => this.#receive(bytes),
      end: () => this.#complete(bodyless),
      fail: (error) => this.fail(error),
    }
    if (codings.length > 0) this.#decoder = new Decoder(codings, reader, () => attempt.resume())
    this.#sink.response({
      status: head.status,
      statusText: head.statusText,
      url: withoutFragment(plan.url),
      redirected: wasRedirected,
      headers: codings.length > 0 ? decodedHeaders(head.headers) : head.headers,
      end: bodyless,
    })
    const body = this.#decoder ?? reader
    attempt.read({
      data: (bytes) => {
        this.#count(bytes.length)
        return this.#over || body.data(bytes)
      },
      end: () => body.end(),
      fail: (error) => body.fail(error),
    })
  }

  #complete(bodyless: boolean): void {
    if (this.#over) return
    this.#dropUpload()
    this.#over = true
    if (!bodyless) this.#sink.end()
    this.#finished.resolve('ok')
  }

  #dropUpload(): void {
    if (!this.#upload.open) return
    this.#upload.close()
    this.#sink.bodyUnwanted()
  }

  /** Returns false if it was already over. */
  #stop(error: EgressError): boolean {
    if (this.#over) return false
    this.#over = true
    if (error.reason === 'ERR_PROXY') this.#context.onProxyFailure(error)
    this.#controller.abort(error)
    this.#upload.close()
    this.#decoder?.stop()
    this.#attempt?.abort(error)
    this.#finished.resolve(OUTCOMES[error.code])
    return true
  }
}

const OUTCOMES = {
  REFUSED: 'refused',
  FAILED: 'failed',
  TIMEOUT: 'failed',
  ABORTED: 'aborted',
} as const satisfies Record<EgressError['code'], EgressOutcome>

/**
 * For a lookup, which is a fetch of `dns:<name>`: the URL by which the rules judge the name. Undefined
 * for other fetches.
 */
function nameToLookUp({ protocol, pathname }: URL): URL | undefined {
  if (protocol !== 'dns:') return undefined
  const url = URL.parse(`https://${pathname}/`)
  // Nothing but a name: what has a port, credentials or a path would be judged as something else.
  if (url === null || !/^[^/\\?#@:[\]\s]+$/.test(pathname)) {
    throw failed('ENOTFOUND', `${JSON.stringify(pathname)} is not a valid host name.`)
  }
  return url
}

function withLength(headers: HeaderLines, bytes: number): HeaderLines {
  return [...headers, ['content-length', String(bytes)]]
}

function withoutFragment(url: URL): string {
  const bare = new URL(url)
  bare.hash = ''
  return bare.href
}

function tooLarge(limitBytes: number): EgressError {
  return failed('ERR_LIMIT', `The body is larger than ${limitBytes} bytes (egress.max_body).`)
}

/** Any other error is a bug of the broker; the tenant's code gets no details of it. */
function asEgressError(error: unknown): EgressError {
  return error instanceof EgressError
    ? error
    : failed(
        'ERR_INTERNAL',
        'The request failed because of an internal error of the service.',
        error,
      )
}
