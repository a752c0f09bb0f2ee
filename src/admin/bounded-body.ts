/** Bounds the body of a request that comes from afar, in size and in time. */
import { FunctionError } from '../errors.ts'

export interface BodyLimits {
  maxBytes: number
  /** From the head of the request to the last byte of its body, ms. */
  maxMs: number
}

export interface BoundedRequest {
  request: Request
  /** The limit that the body has passed: it says more than the error that its reader saw. */
  exceeded(): FunctionError | undefined
  /** The body was read to its end, or there is none. */
  complete(): boolean
  /** The response is there: no limit holds any more. */
  end(): void
}

/** @param read the body was read to its end */
export function boundedRequest(
  original: Request,
  limits: BodyLimits,
  read: () => void,
): BoundedRequest {
  const { body } = original
  if (body === null) {
    return { request: original, exceeded: () => undefined, complete: () => true, end() {} }
  }
  const declared = Number(original.headers.get('content-length') ?? 0)
  let error = declared > limits.maxBytes ? tooLarge(limits) : undefined
  let complete = false
  let bytes = 0
  let abort = (_error: FunctionError) => {}
  const fail = (reason: FunctionError) => {
    error ??= reason
    abort(error)
  }
  const timer = setTimeout(() => fail(tooSlow(limits)), limits.maxMs)
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    start(controller) {
      abort = (reason) => controller.error(reason)
    },
    transform(chunk, controller) {
      bytes += chunk.length
      if (bytes > limits.maxBytes) fail(tooLarge(limits))
      else controller.enqueue(chunk)
    },
    flush() {
      complete = true
      clearTimeout(timer)
      read()
    },
  })
  const request = new Request(original, { body: body.pipeThrough(counted) })
  return {
    request,
    exceeded: () => error,
    complete: () => complete,
    end: () => clearTimeout(timer),
  }
}

function tooLarge({ maxBytes }: BodyLimits): FunctionError {
  const message = `The body of a request has at most ${maxBytes} bytes here.`
  return new FunctionError('PAYLOAD_TOO_LARGE', message)
}

function tooSlow({ maxMs }: BodyLimits): FunctionError {
  const message = `The body of the request was not complete within ${maxMs / 1000} s.`
  return new FunctionError('CLIENT_TIMEOUT', message)
}
