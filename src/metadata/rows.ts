/** Converts table rows to records. JSON columns are parsed only here. */

import { z } from 'zod'
import { RUNTIMES } from '../capabilities/runtime.ts'
import { capabilitiesSchema } from '../capabilities/schema.ts'
import { FunctionError } from '../errors.ts'
import {
  ACCESS,
  type FunctionRules,
  type FunctionSummary,
  functionConfigSchema,
  type VersionRecord,
} from './records.ts'
import type { functions, functionVersions } from './schema.ts'

export type FunctionRow = typeof functions.$inferSelect
export type VersionRow = typeof functionVersions.$inferSelect

const runtimeSchema = z.enum(RUNTIMES)
const statusSchema = z.enum(['registered', 'deployed'])
const accessSchema = z.enum(ACCESS)

export function toVersion(row: VersionRow): VersionRecord {
  const where = `version '${row.version}' of ${row.functionId}`
  const config = parse(functionConfigSchema, row.configJson, where, 'config_json')
  return {
    id: row.id,
    functionId: row.functionId,
    version: row.version,
    runtime: check(runtimeSchema, row.runtime, where, 'runtime'),
    handler: row.handler,
    capabilities: parse(capabilitiesSchema, row.capabilitiesJson, where, 'capabilities_json'),
    config: row.retry === 0 ? { ...config, retry: false } : config,
    engine: row.engine,
    bundle: { path: row.bundlePath, sha256: row.bundleSha256, size: row.size },
    createdAt: row.createdAt,
  }
}

export function toSummary(row: FunctionRow, version: string | null): FunctionSummary {
  return {
    id: row.id,
    project: row.project,
    name: row.name,
    runtime: check(runtimeSchema, row.runtime, row.id, 'runtime'),
    version: version ?? undefined,
    status: version === null ? 'registered' : check(statusSchema, row.status, row.id, 'status'),
    profile: parse(functionConfigSchema, row.configJson, row.id, 'config_json').profile,
    rules: toRules(row),
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  }
}

export function toRules(
  row: Pick<FunctionRow, 'id' | 'access' | 'previews' | 'limitsJson'>,
): FunctionRules {
  return {
    access: check(accessSchema, row.access, row.id, 'access'),
    previews: row.previews !== 0,
    limits: parseLimits(row.limitsJson, row.id),
  }
}

const limitsSchema = z.record(z.string(), z.number())

/** The column `limits_json`. */
export function parseLimits(json: string, where: string): Readonly<Record<string, number>> {
  return parse(limitsSchema, json, where, 'limits_json')
}

/**
 * A cache of parsed JSON columns, by schema: a cold start waits for the parser, and most functions
 * share their settings.
 */
const parsedTexts = new Map<z.ZodType, Map<string, unknown>>()
const MAX_PARSED_TEXTS = 1000

/** Parses a JSON column. The value is frozen because many rows may share it. */
export function parse<T>(schema: z.ZodType<T>, json: string, where: string, column: string): T {
  const known = parsedTexts.get(schema) ?? new Map<string, unknown>()
  if (known.has(json)) {
    return known.get(json) as T
  }
  if (known.size >= MAX_PARSED_TEXTS) {
    known.clear()
  }
  const value = deepFreeze(parseJson(schema, json, where, column))
  parsedTexts.set(schema, known.set(json, value))
  return value
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze)
    Object.freeze(value)
  }
  return value
}

/** A row that another program has damaged fails its own function and no other. */
function parseJson<T>(schema: z.ZodType<T>, json: string, where: string, column: string): T {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new FunctionError(
      'INTERNAL',
      `metadata.db is damaged: ${column} of ${where} is not valid JSON. Restore it from a backup, or deploy the function again.`,
      { cause },
    )
  }
  return check(schema, value, where, column)
}

export function check<T>(schema: z.ZodType<T>, value: unknown, where: string, column: string): T {
  const parsed = schema.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const key = [column, ...(issue?.path ?? [])].join('.')
    throw new FunctionError(
      'INTERNAL',
      `metadata.db is damaged: ${key} of ${where} is invalid (${issue?.message}). Restore it from a backup, or deploy the function again.`,
    )
  }
  return parsed.data
}
