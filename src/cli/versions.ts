import { versionDocumentSchema } from '../admin/documents.ts'
import type { Command } from './command.ts'
import { readApi } from './offline.ts'
import { functionPath } from './paths.ts'
import { shortTime, table } from './table.ts'

export const versions: Command = {
  name: 'versions',
  args: '<name>',
  summary: 'List the versions of a function, newest first',
  examples: ['versions hello-world', 'versions hello-world --json'],
  async run({ loaded, project, print }, [name = '']) {
    const path = `${functionPath(project, name)}/versions`
    const rows = await readApi(loaded, (client) => client.pages(versionDocumentSchema, path))
    await print(rows, () =>
      table(
        ['VERSION', 'ACTIVE', 'SHA256', 'SIZE', 'CREATED'],
        rows.map((row) => [
          row.version,
          row.active ? 'yes' : '',
          row.sha256.slice(0, 12),
          String(row.size),
          shortTime(row.createdAt),
        ]),
      ),
    )
  },
}
