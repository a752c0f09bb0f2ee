/** Turns failures of requests to functions into responses. */
import type { ErrorCode } from '../errors.ts'
import { asFunctionError, problemResponse } from '../lib/problem.ts'

/** Errors whose message comes from the tenant's code: clients get this text, the log the message. */
const TENANT_ERRORS: Partial<Record<ErrorCode, string>> = {
  HANDLER_ERROR: 'The function failed while it handled the request.',
  INVALID_RESPONSE: 'The function did not return a valid response.',
  BUNDLE_LOAD_ERROR: 'The function could not be loaded.',
}

export interface ProblemOptions {
  requestId: string
  /** The function was deployed with --expose-errors. */
  expose?: boolean
  serverTiming?: string
  /** Headers that let a browser's page read it. */
  cors?: Record<string, string>
}

/** The response for a failure of a request to a function. */
export function clientProblem(cause: unknown, options: ProblemOptions): Response {
  const { requestId, serverTiming } = options
  const error = asFunctionError(cause)
  const exposed = options.expose === true
  const details = {
    detail: exposed ? error.message : (TENANT_ERRORS[error.code] ?? error.message),
    requestId,
    ...(error.limit !== undefined && { limit: error.limit.name, level: error.limit.level }),
    ...(exposed && error.position !== undefined && { position: error.position }),
    ...(exposed && error.tenantStack !== undefined && { stack: error.tenantStack }),
  }
  return problemResponse(error, details, {
    'x-request-id': requestId,
    ...options.cors,
    ...(serverTiming !== undefined && { 'server-timing': serverTiming }),
    ...(error.retryAfter !== undefined && { 'retry-after': String(error.retryAfter) }),
    ...(error.limit !== undefined && {
      'ratelimit-policy': error.limit.policy,
      ratelimit: error.limit.remaining,
    }),
    // Clients with a kept connection would send their next request to a service that is gone.
    ...(error.code === 'SHUTTING_DOWN' && { connection: 'close' }),
  })
}
