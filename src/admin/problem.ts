import { z } from '@hono/zod-openapi'
import { ERRORS, type ErrorCode, FunctionError } from '../errors.ts'
import { asFunctionError, problemResponse } from '../lib/problem.ts'

/** RFC 9457, with our code and, for a bundle that was refused, the tenant's file and line. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    position: z.object({ file: z.string(), line: z.int(), column: z.int() }).optional(),
  })
  .openapi('Problem')

/** The user of the management API owns the service, so every message of a FunctionError is shown. */
export function adminProblem(cause: unknown): Response {
  const error = asFunctionError(cause)
  const { message: detail, position, retryAfter } = error
  const headers = {
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    ...(error.code === 'UNAUTHORIZED' && { 'www-authenticate': 'Bearer realm="functions"' }),
  }
  return problemResponse(error, { detail, ...(position !== undefined && { position }) }, headers)
}

/**
 * The error in a problem document; undefined if the text is not one.
 *
 * @param text body of a response with a status of 400 or more
 */
export function errorOf(text: string): FunctionError | undefined {
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch {
    return undefined
  }
  const parsed = problemSchema.safeParse(given)
  if (!parsed.success || !Object.hasOwn(ERRORS, parsed.data.code)) {
    return undefined
  }
  const { code, detail, position } = parsed.data
  return new FunctionError(code as ErrorCode, detail, position === undefined ? {} : { position })
}
