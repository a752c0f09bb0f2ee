/** Work on a data directory that no service runs on. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { PreparedVersion, RunnableVersion, ServiceControl } from '../admin/control.ts'
import { Operations } from '../admin/operations.ts'
import { BundleStore } from '../bundles/bundle-store.ts'
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { type DataDirLock, tryLockDataDir } from '../metadata/lock.ts'
import { MetadataStore } from '../metadata/store.ts'
import { startLauncher } from '../service/launcher.ts'
import { ServiceLog } from '../telemetry/service-log.ts'
import type { WorkerLauncher } from '../worker/worker.ts'
import { findService, type ServiceClient } from './client.ts'
import { engineReader } from './engine.ts'

/** Another command may have the lock so long, or a service that starts or stops. */
const LOCK_TIMEOUT_MS = 40_000
const LOCK_RETRY_MS = 50

/** Settings that name programs to run. */
const PROGRAM_KEYS = ['worker.quickjs_path', 'worker.launcher_path']

/** A metadata store to read from; undefined where nothing was ever deployed. */
export function readStore<T>(
  loaded: LoadedConfig,
  read: (store: MetadataStore) => T,
): T | undefined {
  const { dataDir } = loaded.config.server
  if (!existsSync(join(dataDir, 'metadata.db'))) {
    return undefined
  }
  const store = MetadataStore.open(dataDir)
  try {
    return read(store)
  } finally {
    store.close()
  }
}

/**
 * Makes a change by the running service, or in the data directory itself, which then nobody else
 * changes meanwhile.
 *
 * @throws {FunctionError} CONFLICT when another process keeps the data directory
 */
export async function change<T>(
  loaded: LoadedConfig,
  online: (client: ServiceClient) => Promise<T>,
  offline: (operations: Operations) => Promise<T>,
): Promise<T> {
  const { dataDir } = loaded.config.server
  const end = performance.now() + LOCK_TIMEOUT_MS
  for (;;) {
    const client = await findService(loaded)
    if (client !== undefined) {
      return await online(client)
    }
    const lock = tryLockDataDir(dataDir)
    if (lock !== undefined) {
      return await changeOffline(loaded, lock, offline)
    }
    if (performance.now() > end) {
      throw new FunctionError('CONFLICT', `Another process holds the data directory ${dataDir}.`)
    }
    await Bun.sleep(LOCK_RETRY_MS)
  }
}

async function changeOffline<T>(
  loaded: LoadedConfig,
  lock: DataDirLock,
  offline: (operations: Operations) => Promise<T>,
): Promise<T> {
  const { config } = loaded
  const trial = new Trial(loaded)
  let store: MetadataStore | undefined
  try {
    store = MetadataStore.open(config.server.dataDir)
    const bundles = new BundleStore(config.server.dataDir)
    await bundles.sweep(store.bundlePaths())
    const operations = new Operations({
      store,
      bundles,
      control: trial,
      serving: false,
      defaultRuntime: config.worker.runtime,
      engine: engineReader(config),
    })
    return await offline(operations)
  } finally {
    await trial.close()
    store?.close()
    lock.release()
  }
}

/** Tries bundles in workers of its own; there is nothing to switch. */
class Trial implements ServiceControl {
  readonly #loaded: LoadedConfig
  #launcher: WorkerLauncher | undefined

  constructor(loaded: LoadedConfig) {
    this.#loaded = loaded
  }

  async prepare({ spec }: RunnableVersion): Promise<PreparedVersion> {
    refuseFoundPrograms(this.#loaded)
    const log = new ServiceLog(() => {})
    this.#launcher ??= await startLauncher(this.#loaded.config, log)
    const launcher = this.#launcher
    await new Promise<void>((resolve, reject) => {
      const gone = new FunctionError('WORKER_START_FAILED', 'The worker ended before it was ready.')
      launcher.start(spec, {
        ready: () => resolve(),
        exit: (error) => reject(error ?? gone),
        log() {},
        silent() {},
        retire() {},
      })
    })
    return { activate() {}, discard() {} }
  }

  forget(): void {}

  workers(): [] {
    return []
  }

  async close(): Promise<void> {
    await this.#launcher?.close()
  }
}

/**
 * A command may be run in a tenant's folder. A functions.toml that merely lies there must not choose
 * a program that is then run with the rights of who deploys.
 */
function refuseFoundPrograms({ sources, file }: LoadedConfig): void {
  const key = PROGRAM_KEYS.find((name) => sources.get(name)?.kind === 'file')
  if (key !== undefined && file?.named === false) {
    throw new FunctionError(
      'CONFIG_INVALID',
      `${sources.get(key)?.label}: ${key} names a program to run; give --config ${file.path} if that is meant.`,
    )
  }
}
