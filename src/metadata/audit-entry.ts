/** One entry of the audit, and its row. */
import type { audit } from './schema.ts'

/** What changed, or why it was refused; never the value of a secret. */
export type AuditDetails = Record<string, string | number | boolean | null | string[]>

export interface AuditEntry {
  /** ISO 8601, UTC. */
  time: string
  /** Null: the whole service. */
  project: string | null
  /** The token's name, `socket`, or `nobody`. */
  actor: string
  address: string | null
  /** Such as `function.deploy`. */
  action: string
  /** Such as the function's name. */
  object: string | null
  outcome: 'done' | 'refused' | 'failed'
  details: AuditDetails
  /** How many equal ones it stands for. */
  count: number
}

export function rowOf(entry: AuditEntry): typeof audit.$inferInsert {
  const { details, ...rest } = entry
  return { ...rest, id: Bun.randomUUIDv7(), detailsJson: JSON.stringify(details) }
}
