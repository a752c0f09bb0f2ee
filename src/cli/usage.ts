import { type UsageDocument, usageDocumentSchema } from '../admin/usage-routes.ts'
import { FunctionError } from '../errors.ts'
import { formatSize, parseDuration } from '../units.ts'
import type { Command } from './command.ts'
import { readApi } from './offline.ts'
import { projectPath } from './paths.ts'
import { shortTime, table } from './table.ts'

/** The columns of CSV, in their order. A column is only ever added at the end. */
const COLUMNS = [
  'project',
  'function',
  'hour',
  'invocations',
  'failed',
  'cpuMs',
  'wallMs',
  'byteSeconds',
  'egressRequests',
  'egressBytes',
  'coldStarts',
  'responseBytes',
  'logBytes',
] as const satisfies (keyof UsageDocument)[]

export const usage: Command = {
  name: 'usage',
  summary: 'Show what functions used: of all projects, or of one',
  examples: [
    'usage',
    'usage --project shop --from 7d --by day',
    'usage --from 2026-11-01 --to 2026-12-01 --by day --csv >usage.csv',
  ],
  options: [
    {
      flags: '--from <time>',
      help: 'a date, a time, or a duration back from now (default: 24h, or 30d by day)',
    },
    { flags: '--to <time>', help: 'until before this time (default: now)' },
    { flags: '--by <hour|day>', help: 'one row for each hour or day (default: hour)' },
    { flags: '--csv', help: 'print comma-separated values' },
  ],
  async run({ io, loaded, givenProject, print }, _, { from, to, by = 'hour', csv }) {
    if (by !== 'hour' && by !== 'day')
      throw new FunctionError('BAD_REQUEST', '--by must be hour or day.')
    const query = new URLSearchParams({ by })
    if (from !== undefined) query.set('from', timeOf(String(from)))
    if (to !== undefined) query.set('to', timeOf(String(to)))
    const path = givenProject === undefined ? '/v1/usage' : `${projectPath(givenProject)}/usage`
    const rows = await readApi(loaded, (client) =>
      client.pages(usageDocumentSchema, `${path}?${query}`),
    )
    if (csv === true) await io.stdout(csvOf(rows))
    else await print(rows, () => tableOf(rows))
  },
}

/** A duration such as `7d` is that long ago; the service checks everything else. */
function timeOf(given: string): string {
  const ago = parseDuration(given)
  return ago === undefined ? given : new Date(Date.now() - ago).toISOString()
}

/** RFC 4180. Names and numbers need no quotes. */
function csvOf(rows: readonly UsageDocument[]): string {
  const lines = rows.map((row) => COLUMNS.map((column) => row[column] ?? '').join(','))
  return `${[COLUMNS.join(','), ...lines].join('\r\n')}\r\n`
}

function tableOf(rows: readonly UsageDocument[]): string {
  return table(
    [
      'HOUR',
      'PROJECT',
      'FUNCTION',
      'INVOCATIONS',
      'FAILED',
      'CPU MS',
      'WALL MS',
      'GB-S',
      'EGRESS',
      'EGRESS BYTES',
      'COLD',
    ],
    rows.map((row) => [
      shortTime(row.hour),
      row.project,
      row.function ?? '-',
      String(row.invocations),
      String(row.failed),
      row.cpuMs.toFixed(0),
      row.wallMs.toFixed(0),
      (row.byteSeconds / 2 ** 30).toFixed(3),
      String(row.egressRequests),
      formatSize(row.egressBytes),
      String(row.coldStarts),
    ]),
  )
}
