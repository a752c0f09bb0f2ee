/** The folder of bundles: each version's bundle and source map, written once, whole or not at all. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FunctionError } from '../errors.ts'
import type { BundleRecord } from '../metadata/records.ts'

const BUNDLES = 'bundles'
const BUNDLE_FILE = 'bundle.js'
const MAP_FILE = 'bundle.js.map'
/** Up to this size a file is read at once: a cold start would wait longer for a thread to do it. */
const READ_AT_ONCE_BYTES = 256 * 1024
/** No function id starts with a dot. */
const STAGED_PREFIX = '.new-'

/** A bundle as it is built and kept. */
export interface Bundle {
  code: Uint8Array
  /** Source map, version 3, JSON. */
  map: Uint8Array
}

/** A bundle that is on the disk but under no version's name yet. */
export interface StagedBundle {
  readonly record: BundleRecord
  /** Gives it its name; after that it is never written again. */
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
   * The bundle of a version, as it was deployed: a small one at once.
   *
   * @throws {FunctionError} BUNDLE_LOAD_ERROR when it is gone or its content changed
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

  /** Where the source map of a bundle lies. */
  mapPath(record: BundleRecord): string {
    return join(this.#dataDir, dirname(record.path), MAP_FILE)
  }

  /** Writes a bundle under a temporary name and waits until the disk has it. */
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
      await syncFolder(staged)
    } catch (cause) {
      // Where a folder cannot be written, taking back what was written may fail too.
      await discard().catch(() => {})
      throw unwritable(staged, cause)
    }
    const folder = join(this.#dataDir, dirname(record.path))
    return { record, discard, commit: () => this.#commit(staged, folder) }
  }

  /** Deletes a version's folder, and the function's with the last one. */
  async removeVersion(record: BundleRecord): Promise<void> {
    const folder = join(this.#dataDir, dirname(record.path))
    await rm(folder, { recursive: true, force: true })
    await rmdir(dirname(folder)).catch(ignoreNotEmpty)
  }

  /**
   * Deletes what no version names: the rest of deployments that were cut off. Only who holds the
   * data directory's lock may call it, before any deployment of its own.
   *
   * @param known bundle paths of all versions
   */
  async sweep(known: ReadonlySet<string>): Promise<void> {
    const root = join(this.#dataDir, BUNDLES)
    if (!existsSync(root)) {
      return
    }
    for (const name of await readdir(root)) {
      const folder = join(root, name)
      if (name.startsWith(STAGED_PREFIX)) {
        await rm(folder, { recursive: true, force: true })
      } else if (name.startsWith('func-')) {
        await this.#sweepFunction(name, known)
      }
    }
  }

  async #sweepFunction(functionId: string, known: ReadonlySet<string>): Promise<void> {
    const folder = join(this.#dataDir, BUNDLES, functionId)
    for (const version of readdirSync(folder)) {
      if (!known.has(join(BUNDLES, functionId, version, BUNDLE_FILE))) {
        await rm(join(folder, version), { recursive: true, force: true })
      }
    }
    await rmdir(folder).catch(ignoreNotEmpty)
  }

  async #commit(staged: string, folder: string): Promise<void> {
    const parent = dirname(folder)
    try {
      await mkdir(parent, { recursive: true })
      // A deployment that was cut off after this step left a folder that no version names.
      await rm(folder, { recursive: true, force: true })
      await rename(staged, folder)
      await syncFolder(parent)
      await syncFolder(dirname(parent))
    } catch (cause) {
      throw unwritable(folder, cause)
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

/** A new name lasts only when its folder is on the disk too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
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

/** No fault of the tenant's: the cause says that it is for the operator. */
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
