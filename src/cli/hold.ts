/** Keeps a data directory's bundles, with a running service or without one, while a command reads them. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { holdDocumentSchema } from '../admin/documents.ts'
import { settingsOf } from '../config/keys.ts'
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import type { ServiceClient } from './client.ts'
import { exclusively } from './offline.ts'

/** What is held: where it is, and the settings of the service that uses it. */
export interface Held {
  dataDir: string
  settings: Readonly<Record<string, unknown>>
}

/** How often a command begins again because the service stopped or restarted. */
const ATTEMPTS = 3

/**
 * Runs `work` while no bundle can be deleted. If the service stops meanwhile, `work` is begun again: it
 * must be repeatable.
 *
 * @param attempts 1 for work that cannot be begun again
 * @throws {FunctionError} CONFLICT if another process keeps the lock
 */
export async function withBundlesHeld<T>(
  loaded: LoadedConfig,
  work: (held: Held) => Promise<T>,
  attempts = ATTEMPTS,
): Promise<T> {
  const { dataDir } = loaded.config.server
  if (!existsSync(join(dataDir, 'metadata.db'))) {
    const message = `The data directory ${dataDir} has no metadata.db: nothing was deployed there. Check --data-dir.`
    throw new FunctionError('STORAGE_UNUSABLE', message)
  }
  for (let attempt = 1; ; attempt++) {
    const result = await exclusively(
      loaded,
      (client) => whileServiceHolds(client, work),
      async () => ({ done: await work({ dataDir, settings: settingsOf(loaded.config) }) }),
    )
    if (result !== undefined) return result.done
    if (attempt >= attempts) {
      const message = `The service on the data directory ${dataDir} stopped or restarted during the command: try again.`
      throw new FunctionError('CONFLICT', message)
    }
  }
}

/** Undefined if the service ended the hold before `work` was done. */
async function whileServiceHolds<T>(
  client: ServiceClient,
  work: (held: Held) => Promise<T>,
): Promise<{ done: T } | undefined> {
  const response = await client.open('/v1/hold', { method: 'POST' })
  const reader = response.body?.getReader()
  if (!response.ok || reader === undefined) {
    const message = `The service responded with HTTP status ${response.status}: check that it is of this release.`
    throw new FunctionError('NOT_RUNNING', message)
  }
  const first = await reader.read()
  const held = holdDocumentSchema.parse(JSON.parse(new TextDecoder().decode(first.value)))
  let lost = false
  reader.read().then(
    () => {
      lost = true
    },
    () => {
      lost = true
    },
  )
  try {
    const done = await work(held)
    return lost ? undefined : { done }
  } catch (error) {
    if (lost) return undefined
    throw error
  } finally {
    await reader.cancel().catch(() => {})
  }
}
