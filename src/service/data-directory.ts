/** Takes the data directory: its lock, then its database. */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { checkDatabase } from '../metadata/database.ts'
import { type DataDirLock, tryLockDataDir } from '../metadata/lock.ts'
import type { KeySource } from '../metadata/secret-key-store.ts'
import { MetadataStore } from '../metadata/store.ts'
import type { Predecessor } from './predecessor.ts'

/** How long a released lock may take to be free: a command may have taken it in between, ms. */
const LOCK_TIMEOUT_MS = 10_000
const LOCK_RETRY_MS = 20

/** Releases what was acquired, in the order of acquisition; a start that fails runs it backwards. */
export type Rollback = (() => unknown)[]

export interface DataDirectory {
  lock: DataDirLock
  store: MetadataStore
}

/** @throws {FunctionError} CONFLICT, STORAGE_UNUSABLE */
export function openData(dataDir: string, keySource: KeySource, rollback: Rollback): DataDirectory {
  const lock = tryLockDataDir(dataDir)
  if (lock === undefined) throw held(dataDir)
  removeSockets(join(dataDir, 'run'))
  return open(dataDir, keySource, lock, rollback)
}

/**
 * Takes the data directory over from a service. Nothing is changed before the service has released its lock.
 *
 * @param warm settled when workers can be started
 * @throws {FunctionError} CONFLICT, STORAGE_UNUSABLE, SHUTTING_DOWN
 */
export async function takeOverData(
  dataDir: string,
  keySource: KeySource,
  predecessor: Predecessor,
  warm: Promise<void>,
  rollback: Rollback,
): Promise<DataDirectory> {
  checkDatabase(dataDir)
  await warm
  await predecessor.prepared()
  return open(dataDir, keySource, await lockSoon(dataDir), rollback)
}

/**
 * Waits a short time for a lock that was just released.
 *
 * @throws {FunctionError} CONFLICT
 */
export async function lockSoon(dataDir: string): Promise<DataDirLock> {
  const end = performance.now() + LOCK_TIMEOUT_MS
  for (;;) {
    const lock = tryLockDataDir(dataDir)
    if (lock !== undefined) return lock
    if (performance.now() > end) throw held(dataDir)
    await Bun.sleep(LOCK_RETRY_MS)
  }
}

function open(
  dataDir: string,
  keySource: KeySource,
  lock: DataDirLock,
  rollback: Rollback,
): DataDirectory {
  rollback.push(() => lock.release())
  const store = MetadataStore.open(dataDir, keySource)
  rollback.push(() => store.close())
  store.keys.repair()
  return { lock, store }
}

/** Zygotes that were killed leave their sockets. The name has a process id, so no other zygote replaces it. */
function removeSockets(runDir: string): void {
  for (const name of existsSync(runDir) ? readdirSync(runDir) : []) {
    if (name.endsWith('.sock')) rmSync(join(runDir, name), { force: true })
  }
}

function held(dataDir: string): FunctionError {
  const message = `Another process holds the lock of the data directory ${dataDir}: a service is already running on it, or a command is changing it.`
  return new FunctionError('CONFLICT', message)
}
