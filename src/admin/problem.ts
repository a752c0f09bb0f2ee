import { z } from '@hono/zod-openapi'
import { ERRORS, type ErrorCode, FunctionError } from '../errors.ts'

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

/** Whoever may use the socket owns the service: nothing of a FunctionError is kept from them. */
export function problemOf(cause: unknown): Response {
  const error =
    cause instanceof FunctionError ? cause : new FunctionError('INTERNAL', 'Something went wrong.')
  const { status, title } = ERRORS[error.code]
  const document: z.infer<typeof problemSchema> = {
    type: `urn:functions:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    ...(error.position !== undefined && { position: error.position }),
  }
  const headers = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' }
  return new Response(JSON.stringify(document), { status, headers })
}

/**
 * The error that a problem document tells of; undefined where the text is none.
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
