/** The directory of bundles: each version's bundle and source map, written once and atomically. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { unusable } from '../lib/storage.ts'
import { NotStored, readStored, readStoredSync } from '../lib/stored-file.ts'
import { type BundleRecord, functionId, type NewVersion } from '../metadata/records.ts'
import {
  ACTIVE_FILE,
  BUNDLE_FILE,
  BUNDLES,
  bundlePathOf,
  MANIFEST_FILE,
  MAP_FILE,
  makeDirectory,
  replaceFile,
  STAGING,
  syncDirectory,
  writeSynced,
} from './files.ts'
import { INTENT_FILE, intentText } from './intents.ts'
import { manifestText } from './version-manifest.ts'

/** What the files and folders of a bundle need besides their content. */
const FILES_BYTES = 64 * 1024
/** Files up to this size are read synchronously: a cold start would wait longer for a thread. */
const READ_AT_ONCE_BYTES = 256 * 1024
/** The bundle in the directory of its intent. */
const PAYLOAD = 'bundle'

/** A bundle as it is built and stored. */
export interface Bundle {
  code: Uint8Array
  /** Source map, version 3, JSON. */
  map: Uint8Array
}

/** A version before its bundle is stored. */
export type UnstoredVersion = Omit<NewVersion, 'bundle' | 'createdAt'>

/** A bundle that is on the disk under a temporary name. */
export interface StagedBundle {
  /** The version with its bundle, for the database. */
  readonly version: NewVersion
  /** Renames it to its version. After that it is never written again. */
  commit(): Promise<void>
  /** The database has the version: the bundle is not deleted after a crash any more. */
  settle(): Promise<void>
  /** Deletes the bundle, committed or not. The database must not have the version. */
  discard(): Promise<void>
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export class BundleStore {
  readonly #dataDir: string

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  /**
   * Reads the bundle of a version, a small one synchronously.
   *
   * @throws {FunctionError} BUNDLE_LOAD_ERROR if it is missing or was changed
   */
  load(record: BundleRecord): Uint8Array | Promise<Uint8Array> {
    const path = join(this.#dataDir, record.path)
    if (record.size > READ_AT_ONCE_BYTES) {
      return readStored(path, record.size).then(
        (code) => checked(record, code),
        (cause) => {
          throw unreadable(record, cause)
        },
      )
    }
    let code: Uint8Array
    try {
      code = readStoredSync(path, record.size)
    } catch (cause) {
      throw unreadable(record, cause)
    }
    return checked(record, code)
  }

  /** The path of a bundle's source map. */
  mapPath(record: BundleRecord): string {
    return join(this.#dataDir, dirname(record.path), MAP_FILE)
  }

  /** Writes a bundle under a temporary name, with an intent that names its directory, and syncs both. */
  async stage(version: UnstoredVersion, bundle: Bundle): Promise<StagedBundle> {
    const id = functionId(version.name, version.project)
    const intent = join(this.#dataDir, STAGING, crypto.randomUUID())
    // A directory of this name is left over, or a backup still reads it: it must not be replaced.
    const taken = existsSync(join(this.#dataDir, BUNDLES, id, version.version))
    const path = bundlePathOf(id, version.version, taken)
    const record = { path, sha256: sha256(bundle.code), size: bundle.code.byteLength }
    const next = { ...version, bundle: record, createdAt: new Date().toISOString() }
    const directory = join(this.#dataDir, dirname(path))
    const remove = (what: string) => rm(what, { recursive: true, force: true })
    const payload = join(intent, PAYLOAD)
    try {
      await makeDirectory(payload)
      await writeSynced(join(intent, INTENT_FILE), intentText([dirname(path)]))
      await writeSynced(join(payload, BUNDLE_FILE), bundle.code)
      await writeSynced(join(payload, MAP_FILE), bundle.map)
      await writeSynced(join(payload, MANIFEST_FILE), manifestText(next))
      await syncDirectory(payload)
      await syncDirectory(intent)
    } catch (cause) {
      // If the directory cannot be written, deleting from it may fail too.
      await remove(intent).catch(() => {})
      const neededBytes = bundle.code.length + bundle.map.length + FILES_BYTES
      throw unusable(payload, cause, { neededBytes })
    }
    return {
      version: next,
      commit: () => commit(payload, directory),
      settle: () => remove(intent),
      async discard() {
        await remove(directory)
        await remove(intent)
      },
    }
  }

  /**
   * Notes a function's active version beside its bundles. The database decides; this is for a rebuild
   * without it, so a failure is not an error of the change that it follows.
   */
  async noteActive(id: string, version: string): Promise<void> {
    const path = join(this.#dataDir, BUNDLES, id, ACTIVE_FILE)
    await replaceFile(path, version).catch(() => {})
  }
}

async function commit(payload: string, directory: string): Promise<void> {
  try {
    await makeDirectory(dirname(directory))
    await rename(payload, directory)
    await syncDirectory(dirname(directory))
  } catch (cause) {
    throw unusable(directory, cause)
  }
}

function checked(record: BundleRecord, code: Uint8Array): Uint8Array {
  if (sha256(code) === record.sha256) return code
  throw changed(record)
}

function changed(record: BundleRecord, cause?: unknown): FunctionError {
  return damaged(
    `${record.path} was changed after it was deployed: its SHA-256 differs. 'functions check --repair' looks for an intact copy; else restore it from a backup, or deploy again.`,
    cause,
  )
}

function unreadable(record: BundleRecord, cause: unknown): FunctionError {
  if (cause instanceof NotStored && cause.code === 'EFBIG') return changed(record, cause)
  const why = cause instanceof NotStored ? cause.message : (cause as NodeJS.ErrnoException).code
  return damaged(
    `${record.path} cannot be read (${why}). 'functions check --repair' looks for an intact copy; else restore it from a backup, or deploy again.`,
    cause,
  )
}

/** Not the tenant's fault: the cause directs the error to the operator. */
function damaged(message: string, cause?: unknown): FunctionError {
  const storage = new FunctionError('STORAGE_UNUSABLE', message, { cause })
  return new FunctionError('BUNDLE_LOAD_ERROR', message, { cause: storage })
}
