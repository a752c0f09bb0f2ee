/** What the descriptions of the API's routes share. */
import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { FunctionError } from '../errors.ts'
import { MAX_PAGE } from './documents.ts'
import type { FunctionRef } from './function-ref.ts'
import { problemSchema } from './problem.ts'
import { checked, functionNameSchema, projectNameSchema } from './settings.ts'

export const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})

/** A body that is one JSON document. */
export const jsonBody = <T extends z.ZodType>(schema: T) => ({
  required: true,
  content: { 'application/json': { schema } },
})

export const problem = {
  description: 'What went wrong.',
  content: { 'application/problem+json': { schema: problemSchema } },
}

/** The handlers check the names, so that the error is one sentence. */
export const projectParams = z.object({ project: z.string() })
export const functionParams = projectParams.extend({ name: z.string() })

/** Paging: `link: <...>; rel="next"` (RFC 8288) names the next page, if there is one. */
export const page = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(MAX_PAGE),
  cursor: z
    .string()
    .max(1000)
    .optional()
    .openapi({ description: 'from the link to the next page' }),
})

const nextPage = {
  link: { description: 'the next page: <path>; rel="next"', schema: { type: 'string' } },
} as const

/** The answers of a route that lists. */
export const listOf = <T extends z.ZodType>(schema: T, description: string) => ({
  200: { ...json(z.array(schema), description), headers: nextPage },
  default: problem,
})

/** Names the next page, unless the place of its beginning is undefined. */
export function addNext(c: Context, place: unknown): void {
  if (place === undefined) return
  const next = new URL(c.req.url)
  next.searchParams.set('cursor', Buffer.from(JSON.stringify(place)).toString('base64url'))
  c.header('link', `<${next.pathname}${next.search}>; rel="next"`)
}

/** @throws {FunctionError} BAD_REQUEST */
export function readCursor<T>(schema: z.ZodType<T>, cursor: string): T {
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
  } catch (cause) {
    const message = 'The cursor is not one of this list: take it from the link to the next page.'
    throw new FunctionError('BAD_REQUEST', message, { cause })
  }
}

export function projectOf({ project }: { project: string }): string {
  return checked(projectNameSchema, project, 'project')
}

export function functionOf({ name, project }: { name: string; project: string }): FunctionRef {
  return { name: checked(functionNameSchema, name, 'name'), project: projectOf({ project }) }
}
