/** Reads and changes a data directory on which no service is running. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { createApi } from '../admin/api.ts'
import { OfflineControl } from '../admin/offline-control.ts'
import { Operations } from '../admin/operations.ts'
import { BundleRemover } from '../bundles/bundle-remover.ts'
import { BundleStore } from '../bundles/bundle-store.ts'
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { QueryThread } from '../lib/query-thread.ts'
import { unusable } from '../lib/storage.ts'
import { limitsOf } from '../limits/names.ts'
import { AuditReader } from '../metadata/audit-reader.ts'
import { refuseLost } from '../metadata/database.ts'
import { tryLockDataDir } from '../metadata/lock.ts'
import { MetadataStore } from '../metadata/store.ts'
import { domainPatterns, telemetryLimits } from '../service/limits.ts'
import { engineReader, startLauncher } from '../service/native-programs.ts'
import { ServiceLog } from '../telemetry/service-log.ts'
import { METRICS_FILE, Telemetry } from '../telemetry/telemetry.ts'
import { UsageReader } from '../telemetry/usage-reader.ts'
import { ApiClient, findService, notRunning, type Send } from './client.ts'
import { refuseFoundPrograms } from './programs.ts'

/** How long to wait for the lock of another command, or of a service that starts or stops, ms. */
const LOCK_TIMEOUT_MS = 40_000
const LOCK_RETRY_MS = 50

/** What a command says of a missing data directory. */
export function noDataDir(dataDir: string): string {
  return `There is no data directory at ${dataDir}: nothing was deployed there. Check --data-dir.`
}

/** @throws {FunctionError} STORAGE_UNUSABLE if this user may not look */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (cause) {
    throw unusable(path, cause)
  }
}

/**
 * Reads through the API: that of the running service, or, without one, the same API in this process.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE
 */
export async function readApi<T>(
  loaded: LoadedConfig,
  read: (client: ApiClient) => Promise<T>,
): Promise<T> {
  const client = await findService(loaded)
  if (client !== undefined) return await read(client)
  const { dataDir } = loaded.config.server
  if (isThere(join(dataDir, 'metadata.db'))) {
    return await withStore(loaded, openStore(loaded), (parts) => read(parts.client))
  }
  if (isThere(dataDir)) refuseLost(dataDir)
  return await withStore(loaded, MetadataStore.empty(), (parts) => read(parts.client))
}

/**
 * Makes a change through the API: that of the running service, or the same API in this process, under
 * the lock of the data directory.
 *
 * @param creates the data directory, if it does not exist
 * @throws {FunctionError} CONFLICT if another process keeps the lock; STORAGE_UNUSABLE without a directory
 */
export async function changeApi<T>(
  loaded: LoadedConfig,
  change: (client: ApiClient) => Promise<T>,
  { creates = false } = {},
): Promise<T> {
  const { dataDir } = loaded.config.server
  if (!creates && !isThere(dataDir) && (await findService(loaded)) === undefined) {
    throw new FunctionError('STORAGE_UNUSABLE', noDataDir(dataDir))
  }
  return await exclusively(loaded, change, () =>
    changeOffline(loaded, ({ client }) => change(client)),
  )
}

/**
 * Runs `online` with the service that runs on the data directory, or `locked` under its lock.
 *
 * @throws {FunctionError} CONFLICT if another process keeps the lock
 */
export async function exclusively<T>(
  loaded: LoadedConfig,
  online: (client: ApiClient) => Promise<T>,
  locked: () => Promise<T>,
): Promise<T> {
  const { dataDir } = loaded.config.server
  const end = performance.now() + LOCK_TIMEOUT_MS
  for (;;) {
    const client = await findService(loaded)
    if (client !== undefined) {
      try {
        return await online(client)
      } catch (error) {
        // Nothing was changed: another process takes over from the one that was found.
        const again = error instanceof FunctionError && error.code === 'SHUTTING_DOWN'
        if (!again || performance.now() > end) throw error
        await Bun.sleep(LOCK_RETRY_MS)
        continue
      }
    }
    const lock = tryLockDataDir(dataDir)
    if (lock !== undefined) {
      return await locked().finally(() => lock.release())
    }
    if (performance.now() > end) {
      const seconds = LOCK_TIMEOUT_MS / 1000
      const message = `Another process has held the lock of the data directory ${dataDir} for ${seconds} s: wait until that command or service has ended, then try again.`
      throw new FunctionError('CONFLICT', message)
    }
    await Bun.sleep(LOCK_RETRY_MS)
  }
}

/** The API in this process, and what it works with. */
interface Parts {
  client: ApiClient
  operations: Operations
}

/** Makes a change under the lock of the data directory, which the caller holds. */
export async function changeOffline<T>(
  loaded: LoadedConfig,
  change: (parts: Parts) => Promise<T>,
): Promise<T> {
  refuseFoundPrograms(loaded)
  return await withStore(loaded, openStore(loaded), async (parts) => {
    await parts.remover.recover()
    parts.store.keys.repair()
    const result = await change(parts)
    await parts.operations.settled()
    return result
  })
}

function openStore({ config, secretKey }: LoadedConfig): MetadataStore {
  const { server, secrets } = config
  return MetadataStore.open(server.dataDir, { file: secrets.keyFile, given: secretKey })
}

async function withStore<T>(
  loaded: LoadedConfig,
  store: MetadataStore,
  work: (parts: Parts & { remover: BundleRemover; store: MetadataStore }) => Promise<T>,
): Promise<T> {
  const { config } = loaded
  const { dataDir } = config.server
  const queries = new QueryThread()
  const log = new ServiceLog(() => {})
  const control = new OfflineControl(
    () => startLauncher(config, log),
    async (project) => {
      const telemetry = new Telemetry({ dataDir, limits: telemetryLimits(config), serviceLog: log })
      await telemetry.projectDeleted(project)
      telemetry.close()
    },
  )
  try {
    const bundles = new BundleStore(dataDir)
    const remover = new BundleRemover(dataDir, (...bundle) => store.refersTo(...bundle))
    const { keep, olderThan } = config.versions
    const retention = () => ({ keep, olderThanMs: olderThan })
    const operations = new Operations({
      store,
      bundles,
      remover,
      control,
      serving: false,
      defaultRuntime: config.worker.runtime,
      engine: engineReader(config),
      retention,
      installation: () => limitsOf(config.limits),
    })
    const needsService = () => {
      throw notRunning(loaded)
    }
    const bugs: unknown[] = []
    const answer = createApi({
      store,
      bundles,
      operations,
      control,
      usage: new UsageReader(queries, join(dataDir, METRICS_FILE)),
      audit: new AuditReader(queries, dataDir),
      installation: () => limitsOf(config.limits),
      retention,
      domains: () => domainPatterns(config),
      lifecycle: { describe: needsService, restart: needsService },
      hold: needsService,
      metrics: needsService,
      onBug: (error) => bugs.push(error),
    })
    const send: Send = async (path, init) => {
      const response = await answer(new Request(`http://functions${path}`, init))
      if (bugs.length > 0) throw bugs[0]
      return response
    }
    return await work({ client: new ApiClient(send, 'This command'), operations, remover, store })
  } finally {
    queries.close()
    await control.close()
    store.close()
  }
}
