/** The directory of bundles: each version's bundle and source map, written once and atomically. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FunctionError } from '../errors.ts'
import type { BundleRecord } from '../metadata/records.ts'

const BUNDLES = 'bundles'
const BUNDLE_FILE = 'bundle.js'
const MAP_FILE = 'bundle.js.map'
/** Files up to this size are read synchronously: a cold start would wait longer for a thread. */
const READ_AT_ONCE_BYTES = 256 * 1024
/** No function id starts with a dot. */
const STAGED_PREFIX = '.new-'

/** A bundle as it is built and stored. */
export interface Bundle {
  code: Uint8Array
  /** Source map, version 3, JSON. */
  map: Uint8Array
}

/** A bundle that is on the disk under a temporary name. */
export interface StagedBundle {
  readonly record: BundleRecord
  /** Renames it to its version. After that it is never written again. */
  commit(): Promise<void>
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
      return readFile(path).then(
        (code) => checked(record, code),
        (cause) => {
          throw unreadable(record, cause)
        },
      )
    }
    let code: Uint8Array
    try {
      code = readFileSync(path)
    } catch (cause) {
      throw unreadable(record, cause)
    }
    return checked(record, code)
  }

  /** The path of a bundle's source map. */
  mapPath(record: BundleRecord): string {
    return join(this.#dataDir, dirname(record.path), MAP_FILE)
  }

  /** Writes a bundle under a temporary name and syncs it to the disk. */
  async stage(functionId: string, version: string, bundle: Bundle): Promise<StagedBundle> {
    const root = join(this.#dataDir, BUNDLES)
    const staged = join(root, `${STAGED_PREFIX}${crypto.randomUUID()}`)
    const record = {
      path: join(BUNDLES, functionId, version, BUNDLE_FILE),
      sha256: sha256(bundle.code),
      size: bundle.code.byteLength,
    }
    const discard = () => rm(staged, { recursive: true, force: true })
    try {
      await mkdir(staged, { recursive: true })
      await writeSynced(join(staged, BUNDLE_FILE), bundle.code)
      await writeSynced(join(staged, MAP_FILE), bundle.map)
      await syncDirectory(staged)
    } catch (cause) {
      // If the directory cannot be written, deleting from it may fail too.
      await discard().catch(() => {})
      throw unwritable(staged, cause)
    }
    const directory = join(this.#dataDir, dirname(record.path))
    return { record, discard, commit: () => this.#commit(staged, directory) }
  }

  /** Deletes a version's directory, and the function's directory with its last version. */
  async removeVersion(record: BundleRecord): Promise<void> {
    const directory = join(this.#dataDir, dirname(record.path))
    await rm(directory, { recursive: true, force: true })
    await rmdir(dirname(directory)).catch(ignoreNotEmpty)
  }

  /**
   * Deletes files that no version refers to: leftovers of interrupted deployments. The caller must hold
   * the lock of the data directory and must not have begun a deployment.
   *
   * @param known bundle paths of all versions
   */
  async sweep(known: ReadonlySet<string>): Promise<void> {
    const root = join(this.#dataDir, BUNDLES)
    if (!existsSync(root)) {
      return
    }
    for (const name of await readdir(root)) {
      const directory = join(root, name)
      if (name.startsWith(STAGED_PREFIX)) {
        await rm(directory, { recursive: true, force: true })
      } else if (name.startsWith('func-')) {
        await this.#sweepFunction(name, known)
      }
    }
  }

  async #sweepFunction(functionId: string, known: ReadonlySet<string>): Promise<void> {
    const directory = join(this.#dataDir, BUNDLES, functionId)
    for (const version of readdirSync(directory)) {
      if (!known.has(join(BUNDLES, functionId, version, BUNDLE_FILE))) {
        await rm(join(directory, version), { recursive: true, force: true })
      }
    }
    await rmdir(directory).catch(ignoreNotEmpty)
  }

  async #commit(staged: string, directory: string): Promise<void> {
    const parent = dirname(directory)
    try {
      await mkdir(parent, { recursive: true })
      // An interrupted deployment may have left a directory that no version refers to.
      await rm(directory, { recursive: true, force: true })
      await rename(staged, directory)
      await syncDirectory(parent)
      await syncDirectory(dirname(parent))
    } catch (cause) {
      throw unwritable(directory, cause)
    }
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A rename survives a power cut only if the directory is synced too. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function ignoreNotEmpty(cause: NodeJS.ErrnoException): void {
  if (cause.code !== 'ENOTEMPTY' && cause.code !== 'ENOENT') {
    throw cause
  }
}

function checked(record: BundleRecord, code: Uint8Array): Uint8Array {
  if (sha256(code) === record.sha256) return code
  throw damaged(
    `${record.path} was changed after it was deployed: its SHA-256 differs. Restore it from a backup, or deploy again.`,
  )
}

function unreadable(record: BundleRecord, cause: unknown): FunctionError {
  const why = (cause as NodeJS.ErrnoException).code
  return damaged(
    `${record.path} cannot be read (${why}). Restore it from a backup, or deploy again.`,
    cause,
  )
}

/** Not the tenant's fault: the cause directs the error to the operator. */
function damaged(message: string, cause?: unknown): FunctionError {
  const storage = new FunctionError('STORAGE_UNUSABLE', message, { cause })
  return new FunctionError('BUNDLE_LOAD_ERROR', message, { cause: storage })
}

function unwritable(path: string, cause: unknown): FunctionError {
  const why = (cause as NodeJS.ErrnoException).code ?? String(cause)
  return new FunctionError(
    'STORAGE_UNUSABLE',
    `${path} cannot be written (${why}): check the permissions of the data directory and the free space.`,
    {
      cause,
    },
  )
}
