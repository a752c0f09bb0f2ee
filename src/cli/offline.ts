/** Reads and changes a data directory on which no service is running. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { OfflineControl } from '../admin/offline-control.ts'
import { Operations } from '../admin/operations.ts'
import { BundleRemover } from '../bundles/bundle-remover.ts'
import { BundleStore } from '../bundles/bundle-store.ts'
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { unusable } from '../lib/storage.ts'
import { refuseLost } from '../metadata/database.ts'
import { tryLockDataDir } from '../metadata/lock.ts'
import { MetadataStore } from '../metadata/store.ts'
import { engineReader, startLauncher } from '../service/native-programs.ts'
import { ServiceLog } from '../telemetry/service-log.ts'
import { findService, type ServiceClient } from './client.ts'
import { refuseFoundPrograms } from './programs.ts'

/** How long to wait for the lock of another command, or of a service that starts or stops, ms. */
const LOCK_TIMEOUT_MS = 40_000
const LOCK_RETRY_MS = 50

/**
 * Reads from the metadata store; undefined if nothing was ever deployed.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE
 */
export function readStore<T>(
  loaded: LoadedConfig,
  read: (store: MetadataStore) => T,
): T | undefined {
  const { dataDir } = loaded.config.server
  if (!isThere(join(dataDir, 'metadata.db'))) {
    if (isThere(dataDir)) refuseLost(dataDir)
    return undefined
  }
  const store = MetadataStore.open(dataDir)
  try {
    return read(store)
  } finally {
    store.close()
  }
}

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
 * Makes a change through the running service, or directly in the data directory under its lock.
 *
 * @param creates the data directory, if it does not exist
 * @throws {FunctionError} CONFLICT if another process keeps the lock; STORAGE_UNUSABLE without a directory
 */
export async function change<T>(
  loaded: LoadedConfig,
  online: (client: ServiceClient) => Promise<T>,
  offline: (operations: Operations) => Promise<T>,
  { creates = false } = {},
): Promise<T> {
  const { dataDir } = loaded.config.server
  if (!creates && !isThere(dataDir) && (await findService(loaded)) === undefined) {
    throw new FunctionError('STORAGE_UNUSABLE', noDataDir(dataDir))
  }
  return await exclusively(loaded, online, () => changeOffline(loaded, offline))
}

/**
 * Runs `online` with the service that runs on the data directory, or `locked` under its lock.
 *
 * @throws {FunctionError} CONFLICT if another process keeps the lock
 */
export async function exclusively<T>(
  loaded: LoadedConfig,
  online: (client: ServiceClient) => Promise<T>,
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

/** Makes a change under the lock of the data directory, which the caller holds. */
export async function changeOffline<T>(
  loaded: LoadedConfig,
  offline: (operations: Operations) => Promise<T>,
): Promise<T> {
  const { config } = loaded
  const control = new OfflineControl(() => startLauncher(config, new ServiceLog(() => {})))
  let store: MetadataStore | undefined
  try {
    refuseFoundPrograms(loaded)
    store = MetadataStore.open(config.server.dataDir)
    const bundles = new BundleStore(config.server.dataDir)
    const opened = store
    const refersTo = (...bundle: Parameters<MetadataStore['refersTo']>) =>
      opened.refersTo(...bundle)
    const remover = new BundleRemover(config.server.dataDir, refersTo)
    await remover.recover()
    const { keep, olderThan } = config.versions
    const operations = new Operations({
      store,
      bundles,
      remover,
      control,
      serving: false,
      defaultRuntime: config.worker.runtime,
      engine: engineReader(config),
      retention: () => ({ keep, olderThanMs: olderThan }),
    })
    const result = await offline(operations)
    await operations.settled()
    return result
  } finally {
    await control.close()
    store?.close()
  }
}
