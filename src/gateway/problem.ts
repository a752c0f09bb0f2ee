/** RFC 9457 problem documents: the one form in which a failure reaches a client. */
import { ERRORS, type ErrorCode, FunctionError } from '../errors.ts'

/** Errors whose message is the tenant's and says nothing to strangers. */
const TENANTS: Partial<Record<ErrorCode, string>> = {
  HANDLER_ERROR: 'The function failed while it handled the request.',
  INVALID_RESPONSE: 'The function did not return a valid response.',
  BUNDLE_LOAD_ERROR: 'The function could not be loaded.',
}

export interface ProblemOptions {
  requestId: string
  /** The function was deployed with --expose-errors. */
  expose?: boolean
  serverTiming?: string
}

/** The response for a failure. What is not a FunctionError is our own bug and tells nothing. */
export function problemResponse(cause: unknown, options: ProblemOptions): Response {
  const error =
    cause instanceof FunctionError ? cause : new FunctionError('INTERNAL', 'Something went wrong.')
  const { status, title } = ERRORS[error.code]
  const exposed = options.expose === true
  const document = {
    type: `urn:functions:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    detail: exposed ? error.message : (TENANTS[error.code] ?? error.message),
    code: error.code,
    requestId: options.requestId,
    ...(exposed && error.position !== undefined ? { position: error.position } : {}),
    ...(exposed && error.tenantStack !== undefined ? { stack: error.tenantStack } : {}),
  }
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'x-request-id': options.requestId,
  }
  if (options.serverTiming !== undefined) headers['server-timing'] = options.serverTiming
  if (error.retryAfter !== undefined) headers['retry-after'] = String(error.retryAfter)
  return new Response(JSON.stringify(document), { status, headers })
}
