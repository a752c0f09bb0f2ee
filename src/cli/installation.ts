/** The installed executable of a service, and the files beside it during an upgrade. */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { upgradePath } from '../admin/lifecycle.ts'
import { FunctionError } from '../errors.ts'
import { type FileLock, tryLockFile } from '../lib/file-lock.ts'
import { libc } from '../lib/libc.ts'

const AT_FDCWD = -100
const RENAME_EXCHANGE = 2

export class Installation {
  readonly current: string
  /** The new executable, until it takes the place of the current one. */
  readonly next: string
  /** The executable before the last upgrade. */
  readonly previous: string
  /** The new executable lay there before this command: it is not deleted. */
  #given = false

  constructor(current: string) {
    this.current = current
    this.next = upgradePath(current)
    this.previous = `${current}.previous`
  }

  /**
   * Runs `work` while no other command can upgrade this executable.
   *
   * @throws {FunctionError} STORAGE_UNUSABLE; CONFLICT if another upgrade runs
   */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const path = `${this.current}.lock`
    const lock = this.#lock(path)
    try {
      return await work()
    } finally {
      // Before its release: who locks a file that is not there any more begins again.
      rmSync(path, { force: true })
      lock.release()
    }
  }

  /**
   * A new executable lies beside the current one, and no command is upgrading: an upgrade was killed. If it was killed
   * late, its service ran that executable until it ended.
   */
  get isLeftover(): boolean {
    const lock = `${this.current}.lock`
    try {
      if (statOf(this.next)?.isFile() !== true) return false
      if (statOf(lock) === undefined) return true
      const taken = tryLockFile(lock)
      taken?.release()
      return taken !== undefined
    } catch {
      // This user may not lock it. It may be another user's upgrade.
      return false
    }
  }

  #lock(path: string): FileLock {
    for (;;) {
      const lock = this.#orUnchanged(() => {
        closeSync(openSync(path, constants.O_CREAT | constants.O_WRONLY, 0o600))
        const before = statOf(path)?.ino
        const taken = tryLockFile(path)
        if (taken === undefined || (before !== undefined && statOf(path)?.ino === before)) {
          return taken
        }
        taken.release()
        return 'removed'
      })
      if (lock === 'removed') continue
      if (lock !== undefined) return lock
      const message = `Another command is upgrading ${this.current}: wait until it has ended.`
      throw new FunctionError('CONFLICT', message)
    }
  }

  /** An upgrade was killed after the service had moved to the new executable: `exchange` is still to be done. */
  unfinished(servicePid: number): boolean {
    try {
      const running = statSync(`/proc/${servicePid}/exe`)
      const next = statSync(this.next)
      return running.ino === next.ino && running.dev === next.dev
    } catch {
      return false
    }
  }

  /**
   * Copies an executable beside the current one.
   *
   * @throws {FunctionError} STORAGE_UNUSABLE, BAD_REQUEST
   */
  bring(file: string): void {
    if (!statOf(file)?.isFile()) {
      throw new FunctionError('BAD_REQUEST', `${file} is not a file: name the new executable.`)
    }
    this.#given = isSame(file, this.next)
    this.#orUnchanged(() => {
      // A running executable cannot be written, but a file of this name can be replaced.
      if (!this.#given) {
        rmSync(this.next, { force: true })
        copyFileSync(file, this.next, constants.COPYFILE_EXCL)
      }
      chmodSync(this.next, 0o755)
      sync(this.next)
    })
  }

  /**
   * Proves that the new executable can take the place of the current one: it exchanges the files and exchanges them
   * back. Each is one step, so neither name is ever without a file. No directory may have the name of the previous one.
   *
   * @throws {FunctionError} STORAGE_UNUSABLE
   */
  rehearse(): void {
    this.#orUnchanged(() => {
      if (lstatSync(this.previous, { throwIfNoEntry: false })?.isDirectory()) {
        throw new Error(`${this.previous} is a directory`)
      }
      if (exchanged(this.next, this.current)) {
        if (!exchanged(this.next, this.current)) throw new Error('the files could not be renamed')
        return
      }
      // Not every file system can exchange names. A second link is what `exchange` needs then.
      const link = `${this.current}.link`
      rmSync(link, { force: true })
      linkSync(this.current, link)
      rmSync(link)
    })
  }

  /**
   * The new executable takes the place of the current one, which is kept as `previous`. There is a whole executable
   * under the name at any time. The processes that run one of them follow it to its new name.
   *
   * @throws {FunctionError} STORAGE_UNUSABLE; no file was deleted, and the message says what remains to be renamed
   */
  exchange(): void {
    const { current, next, previous } = this
    let installed = false
    try {
      installed = exchanged(next, current)
      if (installed) renameSync(next, previous)
      else {
        rmSync(previous, { force: true })
        linkSync(current, previous)
        renameSync(next, current)
        installed = true
      }
      sync(dirname(current))
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      const remains = installed
        ? `${current} is the new executable. The one before is ${statOf(next) === undefined ? previous : next}: rename it to ${previous} to keep it.`
        : `${current} is still the one before. Rename it to ${previous} and ${next} to ${current}: the next start runs the release before otherwise.`
      throw new FunctionError(
        'STORAGE_UNUSABLE',
        `The service runs the new executable, but the files could not be renamed (${code ?? message}). ${remains}`,
        { cause },
      )
    }
  }

  /** Removes the new executable that this command brought, if it has not taken its place. */
  discard(): void {
    if (this.#given) return
    try {
      rmSync(this.next, { force: true })
    } catch {
      // The error that led here is the one to report.
    }
  }

  #orUnchanged<T>(step: () => T): T {
    try {
      return step()
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      throw new FunctionError(
        'STORAGE_UNUSABLE',
        `${this.current} cannot be replaced (${code ?? message}): nothing was changed. Check that ${dirname(this.current)} can be written by this user and has space for the new executable, and that the file is not mounted by itself.`,
        { cause },
      )
    }
  }
}

/** Exchanges two names; false where that is not possible. */
function exchanged(a: string, b: string): boolean {
  const [from, to] = [Buffer.from(`${a}\0`), Buffer.from(`${b}\0`)]
  return libc().renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) === 0
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [statOf(a), statOf(b)]
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev
}

function statOf(path: string) {
  return statSync(path, { throwIfNoEntry: false })
}

function sync(path: string): void {
  const fd = openSync(path, 'r')
  fsyncSync(fd)
  closeSync(fd)
}
