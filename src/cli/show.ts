import { z } from 'zod'
import { type WorkerDocument, workerDocumentSchema } from '../admin/documents.ts'
import type { LoadedConfig } from '../config/load.ts'
import { findService } from './client.ts'
import type { Command } from './command.ts'
import { readDetails } from './details.ts'
import { printable } from './errors.ts'
import { shortTime } from './table.ts'

export const show: Command = {
  name: 'show',
  args: '<name>',
  summary: 'Show a function and what it runs with',
  examples: ['show hello-world', 'show hello-world --json'],
  async run({ loaded, print }, [name = '']) {
    const details = await readDetails(loaded, name)
    const workers = await liveWorkers(loaded, details.name)
    await print({ ...details, workers }, () => {
      const fields: [string, unknown][] = [
        ['name', details.name],
        ['id', details.id],
        ['status', details.status],
        ['version', details.version],
        ['runtime', details.runtime],
        ['engine', details.engine],
        ['handler', details.handler],
        ['profile', details.profile],
        ...Object.entries(details.capabilities ?? {}),
        ...Object.entries(details.config ?? {}).filter(([key]) => key !== 'profile'),
        ['created', shortTime(details.createdAt)],
        ['updated', shortTime(details.updatedAt)],
        ['versions', details.versions.map(({ version }) => version).join(' ')],
        ...workers.map(workerLine),
      ]
      return fields.map(([key, value]) => `${key.padEnd(20)} ${text(value)}\n`).join('')
    })
  },
}

/** The live workers; empty if no service is running. */
async function liveWorkers(loaded: LoadedConfig, name: string): Promise<WorkerDocument[]> {
  const client = await findService(loaded)
  if (client === undefined) return []
  const rows = await client.request(z.array(workerDocumentSchema), '/v1/workers')
  return rows.filter((row) => row.function === name)
}

function workerLine({ pid, version, state, layers }: WorkerDocument): [string, string] {
  return [`worker ${pid ?? '-'}`, `${version} ${state}; layers: ${layers.join(' ')}`]
}

function text(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value ?? '-'))
}
