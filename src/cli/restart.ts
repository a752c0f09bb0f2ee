import { MAX_RESTART_MS, restartDocumentSchema, serviceDocumentSchema } from '../admin/documents.ts'
import { FunctionError } from '../errors.ts'
import { formatDuration, parseDuration } from '../units.ts'
import { type ApiClient, needService } from './client.ts'
import type { Command, Io } from './command.ts'
import { Installation } from './installation.ts'

const DEFAULT_TIMEOUT_MS = 60_000

export const TIMEOUT_OPTION = {
  flags: '--timeout <duration>',
  help: 'maximum time until the new process is ready (default: 1min)',
}

export const restart: Command = {
  name: 'restart',
  localOnly: true,
  summary: 'Replace the process of the running service, without a refused connection',
  examples: ['restart', 'restart --data-dir /var/lib/functions', 'restart --timeout 2min'],
  options: [TIMEOUT_OPTION],
  async run({ loaded, print, io }, _args, options) {
    const timeoutMs = readTimeout(options.timeout)
    const client = await needService(loaded)
    const { pid, executable } = await describeService(client)
    const installation = new Installation(executable)
    if (installation.unfinished(pid)) {
      await installation.exclusively(() => finishUpgrade(installation, pid, io))
    }
    const next = await replaceProcess(client, { upgrade: false, timeoutMs })
    await print({ ...next, previousPid: pid }, () => {
      return `The service is process ${next.pid} now, release ${next.release}. Process ${pid} finishes its requests.\n`
    })
  },
}

/**
 * Installs the executable that the service runs, if an upgrade was killed before it did: the next start would run the
 * release before.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE
 */
export async function finishUpgrade(
  installation: Installation,
  pid: number,
  io: Io,
): Promise<void> {
  if (!installation.unfinished(pid)) return
  installation.exchange()
  const { current, previous } = installation
  await io.stderr(
    `note: the last upgrade was cut off and is completed now: ${current} is the executable that the service runs, ${previous} the one before.\n`,
  )
}

export function readTimeout(text: unknown): number {
  if (typeof text !== 'string') return DEFAULT_TIMEOUT_MS
  const timeoutMs = parseDuration(text)
  if (timeoutMs === undefined || timeoutMs === 0 || timeoutMs > MAX_RESTART_MS) {
    throw new FunctionError(
      'BAD_REQUEST',
      `--timeout must be a duration such as 2min, at most ${formatDuration(MAX_RESTART_MS)}, not '${text}'.`,
    )
  }
  return timeoutMs
}

/**
 * The running service's process.
 *
 * @throws {FunctionError} CONFLICT if the service is of a release that cannot hand over
 */
export async function describeService(client: ApiClient) {
  try {
    return await client.request(serviceDocumentSchema, '/v1/service')
  } catch (cause) {
    if (!(cause instanceof FunctionError) || cause.code !== 'BAD_REQUEST') throw cause
    const message =
      "The running service is of release 0.2.0 or earlier, which cannot hand over to another process. Replace its executable and restart it once, as 'Upgrade and downgrade' in docs/operations.md says."
    throw new FunctionError('CONFLICT', message, { cause })
  }
}

export function replaceProcess(
  client: ApiClient,
  request: { upgrade: boolean; timeoutMs: number },
) {
  return client.request(restartDocumentSchema, '/v1/service/restart', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  })
}
