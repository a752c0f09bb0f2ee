import { existsSync } from 'node:fs'
import { functionDocument, functionDocumentSchema } from '../admin/documents.ts'
import { findService } from './client.ts'
import type { Command } from './command.ts'
import { noDataDir, readStore } from './offline.ts'
import { shortTime, table } from './table.ts'

export const list: Command = {
  name: 'list',
  summary: 'List the functions',
  examples: ['list', 'list --json'],
  async run({ io, loaded, print }) {
    const client = await findService(loaded)
    const rows =
      client === undefined
        ? (readStore(loaded, (store) => store.list().map(functionDocument)) ?? [])
        : await client.pages(functionDocumentSchema, '/v1/functions')
    const { dataDir } = loaded.config.server
    if (client === undefined && !existsSync(dataDir)) {
      await io.stderr(`note: ${noDataDir(dataDir)}\n`)
    }
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
