/** One fetch, from the rules over its redirects to the last byte of its response. */

import { NULL_BODY_STATUSES } from '../lib/null-body-status.ts'
import { Hop, type HopHead, type HopReader } from './attempt.ts'
import type { Connection } from './connection.ts'
import type { EgressOutcome } from './context.ts'
import { codingsOf, Decoder, decodedHeaders } from './decode.ts'
import { EgressError, failed, refused } from './errors.ts'
import { type HopPlan, locationOf, MAX_REDIRECTS, redirected } from './redirect.ts'
import { declaredLength, type HeaderLines, requestHeaders } from './request-headers.ts'
import { resolveTarget } from './resolve.ts'
import type { EgressSession } from './session.ts'
import { checkTarget, type Target } from './target.ts'
import { Upload } from './upload.ts'

export type RedirectMode = 'follow' | 'error' | 'manual'

export interface EgressRequest {
  method: string
  url: string
  /** Names and values; a value's code points are bytes. */
  headers: HeaderLines
  redirect: RedirectMode
  /** The whole body, or its first part; undefined with `end` = none. */
  body: Uint8Array | undefined
  /** Nothing of the body follows. */
  end: boolean
}

export interface EgressResponse {
  status: number
  statusText: string
  /** Of the last request, without a fragment. */
  url: string
  redirected: boolean
  headers: HeaderLines
  /** There is no body: neither `chunk` nor `end` follows. */
  end: boolean
}

/** Takes what comes of a fetch: `response`, `chunk`s, `end`; or `fail` once, at any point before. */
export interface EgressSink {
  response(head: EgressResponse): void
  /** Owned by the sink. False: no more, until `resume`. */
  chunk(bytes: Buffer): boolean
  end(): void
  fail(error: EgressError): void
  /** So many bytes of the request's body went out. */
  taken(bytes: number): void
  /** What is left of the request's body goes nowhere. */
  bodyUnwanted(): void
}

/** The hold on a fetch that runs. */
export interface EgressCall {
  write(bytes: Uint8Array): void
  end(): void
  resume(): void
  /** Ends it; the sink hears nothing more. */
  abort(): void
}

/** Requests that may be sent again when a kept connection turns out to be dead: RFC 9110, 9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

export class Fetching implements EgressCall {
  readonly #session: EgressSession
  readonly #request: EgressRequest
  readonly #sink: EgressSink
  readonly #controller = new AbortController()
  readonly #upload: Upload
  readonly #length: number | undefined
  readonly #finished = Promise.withResolvers<EgressOutcome>()
  #hop: Hop | undefined
  #decoder: Decoder | undefined
  #sentBytes = 0
  #receivedBytes = 0
  #over = false

  constructor(session: EgressSession, request: EgressRequest, sink: EgressSink) {
    this.#session = session
    this.#request = request
    this.#sink = sink
    this.#length = declaredLength(request.headers)
    this.#upload = new Upload(request.body, request.end, (bytes) => {
      if (!this.#over) sink.taken(bytes)
    })
  }

  /** Resolves when it is over, however it ended. */
  async run(): Promise<void> {
    const { parts, subject } = this.#session
    let entered = false
    try {
      const url = this.#parse()
      checkTarget(url, subject.capabilities, parts.allowance)
      await this.#session.enter(this.#controller.signal)
      entered = true
      await this.#follow(url)
    } catch (error) {
      this.fail(asEgressError(error))
    }
    parts.counted(subject, await this.#finished.promise)
    if (entered) this.#session.leave()
  }

  write(bytes: Uint8Array): void {
    this.#sentBytes += bytes.length
    const { maxBodyBytes } = this.#session.parts.limits
    if (maxBodyBytes > 0 && this.#sentBytes > maxBodyBytes) this.fail(tooLarge(maxBodyBytes))
    else this.#upload.write(bytes)
  }

  end(): void {
    this.#upload.end()
  }

  resume(): void {
    if (this.#decoder !== undefined) this.#decoder.resume()
    else this.#hop?.resume()
  }

  abort(): void {
    this.#stop(new EgressError('ABORTED', 'the fetch was aborted'))
  }

  fail(error: EgressError): void {
    if (this.#stop(error)) this.#sink.fail(error)
  }

  #receive(bytes: Buffer): boolean {
    if (this.#over) return true
    this.#receivedBytes += bytes.length
    const { maxBodyBytes } = this.#session.parts.limits
    if (maxBodyBytes > 0 && this.#receivedBytes > maxBodyBytes) {
      this.fail(tooLarge(maxBodyBytes))
      return true
    }
    return this.#sink.chunk(bytes)
  }

  #parse(): URL {
    const { url } = this.#request
    if (!URL.canParse(url)) throw refused('the URL cannot be parsed')
    return new URL(url)
  }

  async #follow(from: URL): Promise<void> {
    const { redirect, method, headers } = this.#request
    const { userAgent } = this.#session.parts
    let plan: HopPlan = {
      ...{ url: from, method, body: this.#upload.present },
      headers: requestHeaders(headers, userAgent),
    }
    for (let redirects = 0; ; redirects++) {
      const { hop, head } = await this.#send(plan)
      const to = redirect === 'manual' ? undefined : locationOf(head, plan.url)
      if (to === undefined) {
        this.#deliver(hop, head, plan, redirects > 0)
        return
      }
      hop.discard()
      if (redirect === 'error') throw failed('the upstream redirects, and redirect is "error"')
      if (redirects === MAX_REDIRECTS) throw failed(`more than ${MAX_REDIRECTS} redirects`)
      plan = redirected(plan, head.status, to, this.#upload.whole !== undefined)
      if (!plan.body) this.#dropUpload()
    }
  }

  /** One request to its head; once more where only a kept connection was to blame. */
  async #send(plan: HopPlan): Promise<{ hop: Hop; head: HopHead }> {
    const { parts, subject } = this.#session
    const target = checkTarget(plan.url, subject.capabilities, parts.allowance)
    this.#session.spend()
    const { signal } = this.#controller
    const addresses = await resolveTarget(target, parts.lookup, parts.allowance)
    signal.throwIfAborted()
    const owner = subject.functionId
    for (let fresh = false; ; fresh = true) {
      const connection = await parts.connections.take(owner, target, addresses, signal, fresh)
      const kept = connection.used > 0
      const hop = this.#dispatch(target, connection, plan)
      try {
        return { hop, head: await hop.head }
      } catch (error) {
        const again = kept && !hop.started && IDEMPOTENT.has(plan.method) && this.#repeatable(plan)
        if (!again || signal.aborted) throw error
      }
    }
  }

  #repeatable({ body }: HopPlan): boolean {
    return !body || this.#upload.whole !== undefined
  }

  #dispatch(target: Target, connection: Connection, plan: HopPlan): Hop {
    const { connections } = this.#session.parts
    const owner = this.#session.subject.functionId
    const hop = new Hop(target.host, () => connections.release(owner, target, connection))
    this.#hop = hop
    // Nobody else would see it where the fetch ends before its head.
    hop.head.catch(() => {})
    if (this.#controller.signal.aborted) hop.abort(asEgressError(this.#controller.signal.reason))
    const body = plan.body ? this.#upload.body() : null
    const streams = body !== null && this.#upload.whole === undefined
    const length = streams ? this.#length : undefined
    const lines = length === undefined ? plan.headers : withLength(plan.headers, length)
    const path = `${plan.url.pathname}${plan.url.search}`
    const options = { path, method: plan.method, headers: lines.flat(), body: body as never }
    connection.send(options, hop)
    return hop
  }

  #deliver(hop: Hop, head: HopHead, plan: HopPlan, wasRedirected: boolean): void {
    const bodyless = plan.method === 'HEAD' || NULL_BODY_STATUSES.has(head.status)
    const codings = bodyless ? [] : codingsOf(head.headers)
    const reader: HopReader = {
      data: (bytes) => this.#receive(bytes),
      end: () => this.#complete(bodyless),
      fail: (error) => this.fail(error),
    }
    if (codings.length > 0) this.#decoder = new Decoder(codings, reader, () => hop.resume())
    this.#sink.response({
      status: head.status,
      statusText: head.statusText,
      url: withoutFragment(plan.url),
      redirected: wasRedirected,
      headers: codings.length > 0 ? decodedHeaders(head.headers) : head.headers,
      end: bodyless,
    })
    hop.read(this.#decoder ?? reader)
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

  /** False where it was over already. */
  #stop(error: EgressError): boolean {
    if (this.#over) return false
    this.#over = true
    this.#controller.abort(error)
    this.#upload.close()
    this.#decoder?.stop()
    this.#hop?.abort(error)
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

function withLength(headers: HeaderLines, bytes: number): HeaderLines {
  return [...headers, ['content-length', String(bytes)]]
}

function withoutFragment(url: URL): string {
  const bare = new URL(url)
  bare.hash = ''
  return bare.href
}

function tooLarge(limitBytes: number): EgressError {
  return failed(`the body is over ${limitBytes} bytes (egress.max_body)`)
}

/** What is no error of the broker's own is a fault of it, and told as such. */
function asEgressError(error: unknown): EgressError {
  return error instanceof EgressError
    ? error
    : failed('the request could not be made, by a fault of the broker', error)
}
