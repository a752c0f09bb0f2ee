import { z } from 'zod'
import { type WorkerDocument, workerDocumentSchema } from '../admin/documents.ts'
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { findService } from './client.ts'
import type { Command } from './command.ts'
import { readDetails } from './details.ts'
import { printable } from './errors.ts'
import { sourceMapOf } from './source-map.ts'
import { shortTime } from './table.ts'

export const show: Command = {
  name: 'show',
  args: '<name>',
  summary: 'Show a function and what it runs with',
  examples: [
    'show hello-world',
    'show hello-world --json',
    'show hello-world --source-map >bundle.js.map',
    'show hello-world --source-map --version v2 >bundle.js.map',
  ],
  options: [
    {
      flags: '--source-map',
      help: 'print the source map of the active version, for an error tracker',
    },
    { flags: '--version <version>', help: 'with --source-map: of this version' },
  ],
  async run({ io, loaded, print }, [name = ''], { sourceMap, version }) {
    if (sourceMap === true) {
      await io.stdout(await sourceMapOf(loaded, name, version as string | undefined))
      return
    }
    if (version !== undefined) {
      const message = `'show' takes --version with --source-map only: 'functions versions ${printable(name)}' lists the versions.`
      throw new FunctionError('BAD_REQUEST', message)
    }
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
