import { z } from 'zod'
import {
  functionDetailsSchema,
  type WorkerDocument,
  workerDocumentSchema,
} from '../admin/documents.ts'
import { FunctionError } from '../errors.ts'
import type { ApiClient } from './client.ts'
import type { Command } from './command.ts'
import { printable } from './errors.ts'
import { limitLines } from './limits.ts'
import { readApi } from './offline.ts'
import { functionPath } from './paths.ts'
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
  async run({ io, loaded, project, print }, [name = ''], { sourceMap, version }) {
    const path = functionPath(project, name)
    if (sourceMap === true) {
      const query = version === undefined ? '' : `?version=${encodeURIComponent(String(version))}`
      await io.stdout(await readApi(loaded, (client) => client.bytes(`${path}/source-map${query}`)))
      return
    }
    if (version !== undefined) {
      const message = `'show' takes --version with --source-map only: 'functions versions ${printable(name)}' lists the versions.`
      throw new FunctionError('BAD_REQUEST', message)
    }
    const [details, workers] = await readApi(loaded, async (client) => [
      await client.request(functionDetailsSchema, path),
      await liveWorkers(client, project, name),
    ])
    await print({ ...details, workers }, () => {
      const fields: [string, unknown][] = [
        ['project', details.project],
        ['name', details.name],
        ['id', details.id],
        ['status', details.status],
        ['version', details.version],
        ['runtime', details.runtime],
        ['engine', details.engine],
        ['handler', details.handler],
        ['profile', details.profile],
        ['access', details.access],
        ['previews', details.previews ? 'on' : 'off'],
        ...Object.entries(details.capabilities ?? {}),
        ...Object.entries(details.config ?? {}).filter(([key]) => key !== 'profile'),
        ...limitLines(details.limitsInForce),
        ['created', shortTime(details.createdAt)],
        ['updated', shortTime(details.updatedAt)],
        ['versions', details.versions.map(({ version }) => version).join(' ')],
        ...workers.map(workerLine),
      ]
      return fields.map(([key, value]) => `${key.padEnd(20)} ${text(value)}\n`).join('')
    })
  },
}

/** The live workers; none if no service is running. */
async function liveWorkers(
  client: ApiClient,
  project: string,
  name: string,
): Promise<WorkerDocument[]> {
  const rows = await client.request(z.array(workerDocumentSchema), '/v1/workers')
  return rows.filter((row) => row.function === name && row.project === project)
}

function workerLine({ pid, version, state, layers }: WorkerDocument): [string, string] {
  return [`worker ${pid ?? '-'}`, `${version} ${state}; layers: ${layers.join(' ')}`]
}

function text(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value ?? '-'))
}
