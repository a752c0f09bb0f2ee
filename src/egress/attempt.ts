/** One request and its response on one connection. */
import type { Dispatcher } from 'undici'
import { EgressError, failed } from './errors.ts'
import type { HeaderLines } from './request-headers.ts'

/** Heads of status 1xx before the response's own: each of them sets the clock back. */
const MAX_INFORMATIONAL = 16
/** Of a body that nobody wants: more is not worth a connection that could be used again. */
const MAX_DISCARDED_BYTES = 64 * 1024

export interface HopHead {
  status: number
  statusText: string
  headers: HeaderLines
}

/** Takes the body; `data` returns false when no more should come until `resume`. */
export interface HopReader {
  data(bytes: Buffer): boolean
  end(): void
  fail(error: EgressError): void
}

export class Hop implements Dispatcher.DispatchHandler {
  readonly head: Promise<HopHead>
  /** The upstream has begun to answer. */
  started = false
  readonly #host: string
  readonly #resolve: (head: HopHead) => void
  readonly #reject: (error: EgressError) => void
  readonly #whenOver: () => void
  #controller: Dispatcher.DispatchController | undefined
  #reader: HopReader | undefined
  #aborted: EgressError | undefined
  #informational = 0
  #over = false

  /** @param whenOver the connection is free, or gone */
  constructor(host: string, whenOver: () => void) {
    this.#host = host
    this.#whenOver = whenOver
    const head = Promise.withResolvers<HopHead>()
    this.head = head.promise
    this.#resolve = head.resolve
    this.#reject = head.reject
  }

  /** The body goes to `reader`. Called once, after the head. */
  read(reader: HopReader): void {
    this.#reader = reader
    if (this.#aborted !== undefined) reader.fail(this.#aborted)
    else this.resume()
  }

  resume(): void {
    this.#controller?.resume()
  }

  /** Reads what is left for the connection's sake, unless that is too much. */
  discard(): void {
    let left = MAX_DISCARDED_BYTES
    this.read({
      data: (bytes) => {
        left -= bytes.length
        if (left < 0) this.abort(failed('the rest of the body is not wanted'))
        return true
      },
      end: () => {},
      fail: () => {},
    })
  }

  abort(error: EgressError): void {
    if (this.#over || this.#aborted !== undefined) return
    this.#aborted = error
    this.#controller?.abort(error)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#aborted !== undefined) controller.abort(this.#aborted)
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText?: string,
  ): void {
    this.started = true
    if (status < 200) {
      this.#informational++
      if (this.#informational > MAX_INFORMATIONAL) {
        this.abort(failed(`${this.#host} answers with status ${status} again and again`))
      }
      return
    }
    // Whether anybody reads the body is not known before the head was looked at.
    controller.pause()
    this.#resolve({
      status,
      statusText: statusText ?? '',
      headers: toLines(controller.rawHeaders as (Buffer | string)[]),
    })
  }

  onResponseData(controller: Dispatcher.DispatchController, bytes: Buffer): void {
    // After a pause the parser may go on with a piece of no bytes, which is none.
    if (bytes.length === 0) return
    if (this.#reader?.data(bytes) === false) controller.pause()
  }

  onResponseEnd(): void {
    this.#finish()
    this.#reader?.end()
  }

  onResponseError(_controller: unknown, cause: Error): void {
    const error = cause instanceof EgressError ? cause : explain(this.#host, cause)
    this.#aborted ??= error
    this.#finish()
    this.#reject(this.#aborted)
    this.#reader?.fail(this.#aborted)
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#whenOver()
  }
}

/** Header bytes are code points, one each. */
function toLines(raw: readonly (Buffer | string)[]): HeaderLines {
  const lines: HeaderLines = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    lines.push([asText(raw[i]).toLowerCase(), asText(raw[i + 1])])
  }
  return lines
}

const asText = (value: unknown): string =>
  Buffer.isBuffer(value) ? value.toString('latin1') : String(value)

function explain(host: string, cause: Error & { code?: string }): EgressError {
  switch (cause.code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
      return new EgressError('TIMEOUT', `${host} did not answer in time`, cause)
    case 'UND_ERR_BODY_TIMEOUT':
      return new EgressError('TIMEOUT', `${host} stopped in the middle of its answer`, cause)
    case 'UND_ERR_HEADERS_OVERFLOW':
      return failed(`the headers of ${host} are too large (egress.max_headers)`, cause)
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return failed(`the answer of ${host} is not as long as it says`, cause)
    case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
      return failed('the body is not as long as it was said to be', cause)
    case 'UND_ERR_INVALID_ARG':
      return failed(`the request cannot be sent: ${cause.message}`, cause)
    default:
      return cause.name === 'HTTPParserError'
        ? failed(`the answer of ${host} is no HTTP`, cause)
        : failed(`the connection to ${host} broke`, cause)
  }
}
