/** RFC 9457 problem documents, the form of every error response. */
import { ERRORS, FunctionError, type SourcePosition } from '../errors.ts'

export const PROBLEM_TYPE = 'application/problem+json'

export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: string
  requestId?: string
  position?: SourcePosition
  stack?: string
  /** The limit that refused the request, and where it is set. */
  limit?: string
  level?: string
}

/** The members of a problem document that do not follow from its error code. */
type ProblemDetails = Omit<Problem, 'type' | 'title' | 'status' | 'code'>

/** An error that is not a FunctionError is internal. Its message is not shown to clients. */
export function asFunctionError(cause: unknown): FunctionError {
  if (cause instanceof FunctionError) return cause
  return new FunctionError('INTERNAL', 'Internal error. The log of the service has the details.')
}

export function problemResponse(
  error: FunctionError,
  details: ProblemDetails,
  headers: Record<string, string> = {},
): Response {
  const { code } = error
  const { status, title } = ERRORS[code]
  const type = `urn:functions:error:${code.toLowerCase().replaceAll('_', '-')}`
  const { detail, ...rest } = details
  const problem: Problem = { type, title, status, detail, code, ...rest }
  return new Response(JSON.stringify(problem), {
    status,
    headers: {
      'content-type': PROBLEM_TYPE,
      'cache-control': 'no-store',
      ...headers,
    },
  })
}
