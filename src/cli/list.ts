import { existsSync } from 'node:fs'
import { functionDocumentSchema } from '../admin/documents.ts'
import { findService } from './client.ts'
import type { Command } from './command.ts'
import { noDataDir, readApi } from './offline.ts'
import { projectPath } from './paths.ts'
import { shortTime, table } from './table.ts'

export const list: Command = {
  name: 'list',
  summary: 'List the functions of a project',
  examples: ['list', 'list --project shop', 'list --json'],
  async run({ io, loaded, project, print }) {
    const path = `${projectPath(project)}/functions`
    const rows = await readApi(loaded, (client) => client.pages(functionDocumentSchema, path))
    const { dataDir } = loaded.config.server
    if (!existsSync(dataDir) && (await findService(loaded)) === undefined) {
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
