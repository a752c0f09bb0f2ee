import { type GarbageDocument, garbageDocumentSchema } from '../admin/documents.ts'
import { checked, functionNameSchema } from '../admin/settings.ts'
import { FunctionError } from '../errors.ts'
import { counted } from '../lib/counted.ts'
import { parseDuration } from '../units.ts'
import type { Command } from './command.ts'
import { changeApi } from './offline.ts'
import { table } from './table.ts'

/** Rows that people are shown; `--json` has more. */
const SHOWN = 20

export const gc: Command = {
  name: 'gc',
  args: '[name]',
  summary: 'Delete old versions that are not kept, and bundles without a version',
  examples: ['gc --dry-run', 'gc --keep 10', 'gc --older-than 30d', 'gc hello-world --keep 3'],
  options: [
    { flags: '--keep <n>', help: 'keep the newest <n> versions of a function (versions.keep)' },
    {
      flags: '--older-than <duration>',
      help: 'delete only versions older than this, such as 30d (versions.older_than)',
    },
    { flags: '--dry-run', help: 'only say what would be deleted' },
  ],
  async run({ loaded, project, print }, [given], options) {
    const only = given === undefined ? undefined : checked(functionNameSchema, given, 'name')
    const keep = options.keep === undefined ? undefined : readKeep(String(options.keep))
    const age = options.olderThan
    const olderThanMs = age === undefined ? undefined : readAge(String(age))
    const dryRun = options.dryRun === true
    const request = { keep, olderThanMs, function: only, project, dryRun }
    const document = await changeApi(loaded, (client) =>
      client.send(garbageDocumentSchema, 'POST', '/v1/gc', request),
    )
    await print(document, () => describe(document))
  },
}

function describe({ dryRun, versions, bytes, orphans, unknown, removed }: GarbageDocument): string {
  const size = `${(bytes / 2 ** 20).toFixed(1)} MB`
  const parts = [
    ...(versions > 0 ? [`${counted(versions, 'version')} (${size})`] : []),
    ...(orphans > 0 ? [`${counted(orphans, 'bundle')} without a version`] : []),
  ]
  const what = parts.length > 0 ? parts.join(' and ') : 'nothing'
  const verb = dryRun ? 'Would delete' : 'Deleted'
  const kept =
    unknown > 0
      ? `Kept ${counted(unknown, 'bundle')} that metadata.db does not know: it may be old. Run 'functions check'.\n`
      : ''
  const total = `${verb} ${what}.\n${kept}`
  if (removed.length === 0) return total
  const shown = removed.slice(0, SHOWN)
  const rows = shown.map((row) => [row.function, row.version, String(row.size), row.createdAt])
  const more = versions > shown.length ? `and ${versions - shown.length} more\n` : ''
  return `${table(['FUNCTION', 'VERSION', 'SIZE', 'CREATED'], rows)}${more}${total}`
}

function readKeep(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new FunctionError('BAD_REQUEST', `--keep: must be a whole number (got '${text}').`)
}

function readAge(text: string): number {
  const age = parseDuration(text)
  if (age !== undefined) return age
  const message = `--older-than: must be a duration such as "30d" or "12h" (got '${text}').`
  throw new FunctionError('BAD_REQUEST', message)
}
