import { z } from 'zod'
import { workerDocumentSchema } from '../admin/documents.ts'
import { formatSize } from '../units.ts'
import { needService } from './client.ts'
import type { Command } from './command.ts'
import { shortTime, table } from './table.ts'

const KB = 1024

export const workers: Command = {
  name: 'workers',
  summary: 'List the live workers of the running service',
  examples: ['workers', 'workers --json'],
  async run({ loaded, print }) {
    const client = await needService(loaded)
    const rows = await client.request(z.array(workerDocumentSchema), '/v1/workers')
    await print(rows, () =>
      table(
        [
          'PID',
          'PROJECT',
          'FUNCTION',
          'VERSION',
          'RUNTIME',
          'STATE',
          'REQUESTS',
          'STARTED',
          'RESIDENT',
          'LAYERS',
        ],
        rows.map((row) => [
          String(row.pid ?? '-'),
          row.project,
          row.function,
          row.version,
          row.runtime,
          row.state,
          String(row.invocations),
          shortTime(row.startedAt),
          formatSize(Math.round(row.residentBytes / KB) * KB),
          row.layers.join(' '),
        ]),
      ),
    )
  },
}
