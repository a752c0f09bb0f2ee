/**
 * The file of the key for secrets. A rotation writes the next key beside it, so that a crash between
 * the change of the database and that of the file loses neither key.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { FunctionError } from '../errors.ts'
import { unusable } from '../lib/storage.ts'
import { NotStored, readStoredSync } from '../lib/stored-file.ts'
import { SecretKey } from './secret-key.ts'

/** Its name in the data directory, unless `secrets.key_file` names another file. */
export const KEY_FILE = 'secret.key'
/** A key file is 45 bytes; what is larger is something else. */
const MAX_KEY_FILE_BYTES = 1024
/** What a file system without hard links answers. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

export class KeyFile {
  readonly path: string
  readonly #nextPath: string

  constructor(path: string) {
    this.path = path
    this.#nextPath = `${path}.next`
  }

  /**
   * Undefined if there is no file.
   *
   * @throws {FunctionError} STORAGE_UNUSABLE for a file that others may read, or that has no key
   */
  read(): SecretKey | undefined {
    return readKey(this.path)
  }

  /** The key of a rotation that was not completed. @throws as `read` */
  readNext(): SecretKey | undefined {
    return readKey(this.#nextPath)
  }

  /** Creates the file, which must not exist. @throws {FunctionError} STORAGE_UNUSABLE */
  create(key: SecretKey): void {
    this.stage(key)
    try {
      placeNew(this.#nextPath, this.path)
      syncFolder(this.path)
    } catch (cause) {
      throw unusable(this.path, cause)
    } finally {
      this.discardNext()
    }
  }

  /** Writes the next key beside the current one. @throws {FunctionError} STORAGE_UNUSABLE */
  stage(key: SecretKey): void {
    try {
      rmSync(this.#nextPath, { force: true })
      const file = openSync(this.#nextPath, 'wx', 0o600)
      try {
        writeFileSync(file, `${key.text}\n`)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      syncFolder(this.path)
    } catch (cause) {
      throw unusable(this.#nextPath, cause)
    }
  }

  /** Makes the next key the current one. @throws {FunctionError} STORAGE_UNUSABLE */
  promoteNext(): void {
    try {
      renameSync(this.#nextPath, this.path)
      syncFolder(this.path)
    } catch (cause) {
      throw unusable(this.path, cause)
    }
  }

  /** Keeps a file with another key, which may belong to another data directory. */
  setAside(): void {
    if (!existsSync(this.path)) return
    const time = new Date().toISOString().replace(/[-:.]/g, '')
    renameSync(this.path, `${this.path}.set-aside-${time}`)
  }

  discardNext(): void {
    rmSync(this.#nextPath, { force: true })
  }
}

function readKey(path: string): SecretKey | undefined {
  let key: SecretKey | undefined
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found === undefined) return undefined
    refuseOpenToOthers(path, found.mode)
    const bytes = readStoredSync(path, MAX_KEY_FILE_BYTES)
    key = SecretKey.parse(Buffer.from(bytes).toString('latin1'))
  } catch (cause) {
    if (cause instanceof FunctionError) throw cause
    if (!(cause instanceof NotStored)) throw unusable(path, cause)
  }
  if (key === undefined) {
    const message = `${path} has no key for secrets: it must be a file with the base64 of 32 bytes. Put the right one there.`
    throw new FunctionError('STORAGE_UNUSABLE', message)
  }
  return key
}

function refuseOpenToOthers(path: string, mode: number): void {
  if ((mode & 0o077) === 0) return
  const octal = (mode & 0o777).toString(8).padStart(4, '0')
  const message = `${path} has the key for secrets, and others may read or change it (mode ${octal}): run 'chmod 600 ${path}'.`
  throw new FunctionError('STORAGE_UNUSABLE', message)
}

/** Fails if the file exists, and so never replaces a key. */
function placeNew(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (cause) {
    // Some network file systems have no hard links. The caller has the lock of the data directory.
    const { code = '' } = cause as NodeJS.ErrnoException
    if (!NO_LINKS.has(code) || existsSync(to)) throw cause
    renameSync(from, to)
  }
}

function syncFolder(path: string): void {
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
