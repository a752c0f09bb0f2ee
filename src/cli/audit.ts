import { type AuditDocument, auditDocumentSchema } from '../admin/audit-routes.ts'
import { FunctionError } from '../errors.ts'
import { parseDuration } from '../units.ts'
import type { Command } from './command.ts'
import { printable } from './errors.ts'
import { readApi } from './offline.ts'
import { projectPath } from './paths.ts'
import { shortTime, table } from './table.ts'

const DEFAULT_SINCE = '24h'
const DEFAULT_LIMIT = '100'
const MAX_LIMIT = 1000

export const audit: Command = {
  name: 'audit',
  summary: 'Show who changed what, and what was refused, newest first',
  examples: ['audit', 'audit --since 7d --project shop', 'audit --limit 1000 --json'],
  options: [
    { flags: '--since <duration>', help: `not older than this (default: ${DEFAULT_SINCE})` },
    { flags: '--limit <number>', help: `at most this many (default: ${DEFAULT_LIMIT})` },
  ],
  async run({ loaded, givenProject, print }, _args, options) {
    const query = new URLSearchParams({
      since: readSince(String(options.since ?? DEFAULT_SINCE)),
      limit: readLimit(String(options.limit ?? DEFAULT_LIMIT)),
    })
    const path = givenProject === undefined ? '/v1/audit' : `${projectPath(givenProject)}/audit`
    const rows = await readApi(loaded, (client) =>
      client.request(auditDocumentSchema.array(), `${path}?${query}`),
    )
    await print(rows, () =>
      table(
        ['TIME', 'WHO', 'FROM', 'ACTION', 'PROJECT', 'OBJECT', 'OUTCOME', 'DETAILS'],
        rows.map((row) =>
          [
            shortTime(row.time),
            row.actor,
            row.address ?? '-',
            row.action,
            row.project ?? '-',
            row.object ?? '-',
            row.count > 1 ? `${row.outcome} (${row.count} times)` : row.outcome,
            detailsOf(row),
          ].map(printable),
        ),
      ),
    )
  },
}

function detailsOf({ details }: AuditDocument): string {
  return Object.entries(details)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}

function readSince(text: string): string {
  const ms = parseDuration(text)
  if (ms !== undefined) return new Date(Math.max(0, Date.now() - ms)).toISOString()
  const message = `--since: must be a duration such as "24h" or "7d" (got '${text}').`
  throw new FunctionError('BAD_REQUEST', message)
}

function readLimit(text: string): string {
  if (/^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_LIMIT) return text
  const message = `--limit: must be a whole number from 1 to ${MAX_LIMIT} (got '${text}').`
  throw new FunctionError('BAD_REQUEST', message)
}
