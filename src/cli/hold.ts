/** Keeps a data directory's bundles, with a running service or without one, while a command reads them. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { holdDocumentSchema } from '../admin/documents.ts'
import { settingsOf } from '../config/keys.ts'
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import type { ApiClient } from './client.ts'
import { exclusively } from './offline.ts'

/** What is held: where it is, and the settings of the service that uses it. */
export interface Held {
  dataDir: string
  settings: Readonly<Record<string, unknown>>
}

/** How often a command begins because the service stopped or restarted. */
const ATTEMPTS = 20
/** Time between two attempts to reach a service that is being replaced, ms. */
const RETRY_MS = 250

/**
 * Runs `work` while no bundle can be deleted. If the service stops meanwhile, `work` is begun again: it
 * may leave nothing behind.
 *
 * @param repeatable whether `work` may be begun again
 * @throws {FunctionError} CONFLICT if another process keeps the lock
 */
export async function withBundlesHeld<T>(
  loaded: LoadedConfig,
  work: (held: Held) => Promise<T>,
  repeatable = true,
): Promise<T> {
  const { dataDir } = loaded.config.server
  if (!existsSync(join(dataDir, 'metadata.db'))) {
    const message = `The data directory ${dataDir} has no metadata.db: nothing was deployed there. Check --data-dir.`
    throw new FunctionError('STORAGE_UNUSABLE', message)
  }
  const offline = () => work({ dataDir, settings: settingsOf(loaded.config) })
  return await withHold(loaded, work, offline, repeatable)
}

/**
 * As `withBundlesHeld`, for a directory in any state.
 *
 * @param offline runs under the lock of the data directory, if no service runs
 */
export async function withHold<T>(
  loaded: LoadedConfig,
  online: (held: Held) => Promise<T>,
  offline: () => Promise<T>,
  repeatable = true,
): Promise<T> {
  let begun = false
  const begin = (held: Held) => {
    begun = true
    return online(held)
  }
  for (let attempt = 1; ; attempt++) {
    const result = await exclusively(
      loaded,
      (client) => whileServiceHolds(client, begin),
      async () => ({ done: await offline() }),
    )
    if (result !== undefined) return result.done
    if (attempt >= ATTEMPTS || (begun && !repeatable)) {
      const { dataDir } = loaded.config.server
      const message = `The service on the data directory ${dataDir} stopped or restarted during the command: try again.`
      throw new FunctionError('CONFLICT', message)
    }
  }
}

/** Undefined if the service ended the hold before `work` was done. */
async function whileServiceHolds<T>(
  client: ApiClient,
  work: (held: Held) => Promise<T>,
): Promise<{ done: T } | undefined> {
  const hold = await beginHold(client)
  if (hold === undefined) return undefined
  const { held, reader } = hold
  let lost = false
  const onEnd = () => {
    lost = true
  }
  reader.read().then(onEnd, onEnd)
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

/** Undefined if the service ends just now, or is being replaced. */
async function beginHold(client: ApiClient) {
  let response: Response
  try {
    response = await client.open('/v1/hold', { method: 'POST' })
    const reader = response.body?.getReader()
    if (response.ok && reader !== undefined) {
      const line = new TextDecoder().decode((await reader.read()).value)
      return { reader, held: holdDocumentSchema.parse(JSON.parse(line)) }
    }
  } catch (error) {
    if (error instanceof FunctionError && error.code !== 'NOT_RUNNING') throw error
    await Bun.sleep(RETRY_MS)
    return undefined
  }
  if (response.status === 503) {
    await Bun.sleep(RETRY_MS)
    return undefined
  }
  const message = `The service responded with HTTP status ${response.status}: check that it is of this release.`
  throw new FunctionError('NOT_RUNNING', message)
}
