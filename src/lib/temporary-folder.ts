/** Folders in the temporary folder that go with the work that they are for, however it ends. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { type FileLock, tryLockFile } from './file-lock.ts'
import { isFull, unusable } from './storage.ts'

/** Signals that end a command. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const LOCK = 'lock'
const WORK = 'work'
/** A folder without a lock is left over if it is older than this, ms. Its maker takes the lock at once. */
const UNLOCKED_MS = 60_000

/**
 * Makes a folder below the temporary folder for `use`, and deletes it afterwards, also when a signal
 * ends the process. What a process that was killed left behind is deleted by the next call.
 *
 * @param prefix of the folder's name; begins with `functions-`
 * @param neededBytes named if the temporary folder is full
 * @throws {FunctionError} STORAGE_UNUSABLE if the temporary folder cannot be used
 * @example
 * await withTemporaryFolder('functions-bundle-', 2 ** 20, (folder) => build(folder))
 */
export async function withTemporaryFolder<T>(
  prefix: string,
  neededBytes: number,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  sweep(prefix)
  const { folder, lock } = make(prefix, neededBytes)
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const onSignal = (signal: NodeJS.Signals) => {
    for (const name of SIGNALS) process.off(name, onSignal)
    remove()
    // Without this listener the signal has its usual effect, unless the command has one of its own.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
  }
  for (const name of SIGNALS) process.on(name, onSignal)
  try {
    return await use(join(folder, WORK))
  } catch (cause) {
    throw isFull(cause) ? cannotUse(folder, cause, neededBytes) : cause
  } finally {
    for (const name of SIGNALS) process.off(name, onSignal)
    remove()
    lock.release()
  }
}

/** @throws {FunctionError} STORAGE_UNUSABLE */
function make(prefix: string, neededBytes: number): { folder: string; lock: FileLock } {
  const parent = tmpdir()
  let folder: string | undefined
  try {
    for (;;) {
      folder = realpathSync(mkdtempSync(join(parent, prefix)))
      mkdirSync(join(folder, WORK))
      // Another command may just have taken the lock, and deletes the folder as left over.
      const lock = tryLockFile(join(folder, LOCK))
      // It may also have deleted it, and released the lock of a file that is not there any more.
      if (lock !== undefined && existsSync(join(folder, WORK))) return { folder, lock }
      lock?.release()
    }
  } catch (cause) {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    throw cannotUse(join(parent, prefix), cause, neededBytes)
  }
}

function cannotUse(folder: string, cause: unknown, neededBytes: number): FunctionError {
  const parent = dirname(folder)
  const { code } = cause as NodeJS.ErrnoException
  const missing = code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES' || code === 'EROFS'
  const path = missing ? parent : folder
  if (code === 'ENOENT' && existsSync(parent)) {
    const message = `${parent} cannot be used (no folder can be made in it): set TMPDIR to a folder that can be written.`
    return new FunctionError('STORAGE_UNUSABLE', message, { cause })
  }
  return unusable(path, cause, {
    neededBytes,
    remedy: 'set TMPDIR to a folder that can be written',
  })
}

/** Deletes the folders of this user whose process was killed. */
function sweep(prefix: string): void {
  for (const folder of foldersOf(prefix)) {
    try {
      const { uid, mtimeMs } = lstatSync(folder)
      if (uid !== process.getuid?.()) continue
      if (!existsSync(join(folder, LOCK))) {
        if (mtimeMs < Date.now() - UNLOCKED_MS) rmSync(folder, { recursive: true, force: true })
        continue
      }
      const lock = tryLockFile(join(folder, LOCK))
      if (lock === undefined) continue
      rmSync(folder, { recursive: true, force: true })
      lock.release()
    } catch {
      // It is gone already, or this user may not delete it: nothing depends on it.
    }
  }
}

function foldersOf(prefix: string): string[] {
  try {
    return readdirSync(tmpdir(), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name.startsWith(prefix))
      .map(({ name }) => join(tmpdir(), name))
  } catch {
    return []
  }
}
