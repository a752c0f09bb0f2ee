import { functionDocument, functionDocumentSchema } from '../admin/documents.ts'
import { findService } from './client.ts'
import type { Command } from './command.ts'
import { readStore } from './offline.ts'
import { shortTime, table } from './table.ts'

export const list: Command = {
  name: 'list',
  summary: 'List the functions',
  examples: ['list', 'list --json'],
  async run({ loaded, print }) {
    const client = await findService(loaded)
    const rows =
      client === undefined
        ? (readStore(loaded, (store) => store.list().map(functionDocument)) ?? [])
        : await client.pages(functionDocumentSchema, '/v1/functions')
    await print(rows, () =>
      table(
        ['NAME', 'RUNTIME', 'VERSION', 'STATUS', 'PROFILE', 'UPDATED'],
        rows.map((row) => [
          row.name,
          row.runtime,
          row.version ?? '-',
          row.status,
          row.profile,
          shortTime(row.updatedAt),
        ]),
      ),
    )
  },
}
