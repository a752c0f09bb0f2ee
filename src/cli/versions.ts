import type { Command } from './command.ts'
import { readVersions } from './details.ts'
import { shortTime, table } from './table.ts'

export const versions: Command = {
  name: 'versions',
  args: '<name>',
  summary: 'List the versions of a function, newest first',
  examples: ['versions hello-world', 'versions hello-world --json'],
  async run({ loaded, print }, [name = '']) {
    const rows = await readVersions(loaded, name)
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
