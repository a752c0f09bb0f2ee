/** The JSON documents of variables and secrets. */
import { z } from '@hono/zod-openapi'
import type { VariableRecord } from '../metadata/env-store.ts'

export const variableDocumentSchema = z
  .object({
    name: z.string(),
    kind: z.enum(['plain', 'secret']),
    /** Of all variables of the function: the current one. */
    revision: z.int(),
    updatedAt: z.iso.datetime(),
    /** Of a plain variable. Secrets are never shown. */
    value: z.string().optional(),
    /** Of a secret that only requests to these hosts get. */
    hosts: z.array(z.string()).optional(),
  })
  .openapi('Variable')

export const envChangeDocumentSchema = z
  .object({
    project: z.string(),
    function: z.string(),
    /** The current one. */
    revision: z.int(),
    /** Names of the variables that were set, changed or unset. */
    changed: z.array(z.string()),
    /** A running service serves it now. */
    live: z.boolean(),
  })
  .openapi('EnvChange')

export const envRequestSchema = z
  .strictObject({
    set: z.record(z.string(), z.string()).optional(),
    unset: z.array(z.string()).optional(),
  })
  .openapi('EnvRequest')

export const secretRequestSchema = z
  .strictObject({
    value: z.string(),
    /** The secret never enters a worker: the service puts it into headers of HTTPS requests to these hosts. */
    hosts: z.array(z.string()).optional(),
  })
  .openapi('SecretRequest')

export const rotateRequestSchema = z
  .strictObject({
    /** Make a new key although the current one is lost, with all that it encrypted. */
    discardLost: z.boolean().default(false),
  })
  .openapi('RotateRequest')

export const rotationDocumentSchema = z
  .object({
    /** Fingerprint of the new key. */
    keyId: z.string(),
    /** Secrets that were encrypted again, in all revisions. */
    secrets: z.int(),
    /** Secrets that no key here can decrypt. */
    unreadable: z.int(),
  })
  .openapi('Rotation')

export type VariableDocument = z.infer<typeof variableDocumentSchema>
export type EnvChangeDocument = z.infer<typeof envChangeDocumentSchema>

export function variableDocument(record: VariableRecord, revision: number): VariableDocument {
  const { name, kind, value, hosts, updatedAt } = record
  return {
    name,
    kind,
    revision,
    updatedAt,
    ...(value !== undefined && { value }),
    ...(hosts !== undefined && { hosts: [...hosts] }),
  }
}
