/** One request and its response on one connection. */
import type { Dispatcher } from 'undici'
import { aborted, EgressError, failed } from './errors.ts'
import type { HeaderLines } from './request-headers.ts'

/** Limit of 1xx heads before the final one: each of them restarts the head timeout. */
const MAX_INFORMATIONAL = 16
/**
 * Bytes of an unwanted body that are read so that the connection can be reused. For a longer body,
 * closing the connection is cheaper.
 */
const MAX_DISCARDED_BYTES = 64 * 1024

export interface AttemptHead {
  status: number
  statusText: string
  headers: HeaderLines
}

/** Receives the body; `data` returns false to pause it until `resume`. */
export interface AttemptReader {
  data(bytes: Buffer): boolean
  end(): void
  fail(error: EgressError): void
}

export class Attempt implements Dispatcher.DispatchHandler {
  readonly head: Promise<AttemptHead>
  /** The upstream has started to respond. */
  started = false
  readonly #host: string
  readonly #resolve: (head: AttemptHead) => void
  readonly #reject: (error: EgressError) => void
  readonly #whenOver: () => void
  #controller: Dispatcher.DispatchController | undefined
  #reader: AttemptReader | undefined
  #aborted: EgressError | undefined
  #informational = 0
  #over = false

  /** @param whenOver called once, when the connection is free or closed */
  constructor(host: string, whenOver: () => void) {
    this.#host = host
    this.#whenOver = whenOver
    const head = Promise.withResolvers<AttemptHead>()
    this.head = head.promise
    this.#resolve = head.resolve
    this.#reject = head.reject
  }

  /** Passes the body to `reader`. Called once, after the head. */
  read(reader: AttemptReader): void {
    this.#reader = reader
    if (this.#aborted !== undefined) reader.fail(this.#aborted)
    else this.resume()
  }

  resume(): void {
    this.#controller?.resume()
  }

  /** Reads the rest of the body so that the connection can be reused, unless it is too long. */
  discard(): void {
    let left = MAX_DISCARDED_BYTES
    this.read({
      data: (bytes) => {
        left -= bytes.length
        if (left < 0) this.abort(aborted())
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
    if (status === 101) {
      this.abort(
        failed(
          'ERR_PROTOCOL',
          `${this.#host} switched to another protocol, which was not asked for.`,
        ),
      )
      return
    }
    if (status < 200) {
      this.#informational++
      if (this.#informational > MAX_INFORMATIONAL) {
        this.abort(
          failed(
            'ERR_PROTOCOL',
            `${this.#host} sent more than ${MAX_INFORMATIONAL} informational (1xx) responses.`,
          ),
        )
      }
      return
    }
    // The head decides whether the body is read, decoded or discarded: pause until then.
    controller.pause()
    this.#resolve({
      status,
      statusText: statusText ?? '',
      headers: toLines(controller.rawHeaders as (Buffer | string)[]),
    })
  }

  onResponseData(controller: Dispatcher.DispatchController, bytes: Buffer): void {
    // After a pause the parser may report a chunk of zero bytes, which carries no data.
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

/** Each byte of a header becomes one code point. */
function toLines(raw: readonly (Buffer | string)[]): HeaderLines {
  const lines: HeaderLines = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    lines.push([asText(raw[i]).toLowerCase(), asText(raw[i + 1])])
  }
  return lines
}

const asText = (value: unknown): string =>
  Buffer.isBuffer(value) ? value.toString('latin1') : String(value)

/** The parser refused the bytes, or the library what they say: a 101 that nobody asked for. */
function isInvalid({ name, message }: Error): boolean {
  return name === 'HTTPParserError' || message === 'bad upgrade' || message === 'bad response'
}

function explain(host: string, cause: Error & { code?: string }): EgressError {
  const { code } = cause
  switch (code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
      return new EgressError('TIMEOUT', code, `${host} did not send a response in time.`, cause)
    case 'UND_ERR_BODY_TIMEOUT':
      return new EgressError(
        'TIMEOUT',
        code,
        `${host} stopped sending in the middle of its response.`,
        cause,
      )
    case 'UND_ERR_HEADERS_OVERFLOW':
      return failed(
        code,
        `The response headers of ${host} are larger than egress.max_headers allows.`,
        cause,
      )
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return failed(
        code,
        `The response of ${host} does not have the length that its headers declare.`,
        cause,
      )
    case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
      return failed(
        code,
        `The request body for ${host} does not have the length that its Content-Length header declares.`,
        cause,
      )
    case 'UND_ERR_INVALID_ARG':
      return failed(code, `The request to ${host} is not valid: ${cause.message}.`, cause)
    default:
      return isInvalid(cause)
        ? failed('ERR_PROTOCOL', `${host} sent an invalid HTTP response.`, cause)
        : failed(
            'ECONNRESET',
            `The connection to ${host} was closed before the response was complete.`,
            cause,
          )
  }
}
