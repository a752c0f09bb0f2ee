/** The installed executable of a service, and the files beside it during an upgrade. */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { upgradePath } from '../admin/lifecycle.ts'
import { FunctionError } from '../errors.ts'
import { libc } from '../lib/libc.ts'

const AT_FDCWD = -100
const RENAME_EXCHANGE = 2

export class Installation {
  readonly current: string
  /** The new executable, until it takes the place of the current one. */
  readonly next: string
  /** The executable before the last upgrade. */
  readonly previous: string

  constructor(current: string) {
    this.current = current
    this.next = upgradePath(current)
    this.previous = `${current}.previous`
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
    this.#orUnchanged(() => {
      // A running executable cannot be written, but a file of this name can be replaced.
      rmSync(this.next, { force: true })
      copyFileSync(file, this.next, constants.COPYFILE_EXCL)
      chmodSync(this.next, 0o755)
      sync(this.next)
    })
  }

  /**
   * Proves that the new executable can take the place of the current one: it exchanges the files and exchanges them
   * back. Each is one step, so neither name is ever without a file.
   *
   * @throws {FunctionError} STORAGE_UNUSABLE
   */
  rehearse(): void {
    this.#orUnchanged(() => {
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
   */
  exchange(): void {
    if (exchanged(this.next, this.current)) {
      renameSync(this.next, this.previous)
    } else {
      rmSync(this.previous, { force: true })
      linkSync(this.current, this.previous)
      renameSync(this.next, this.current)
    }
    sync(dirname(this.current))
  }

  /** Removes the new executable if it has not taken its place. */
  discard(): void {
    rmSync(this.next, { force: true })
  }

  #orUnchanged(step: () => void): void {
    try {
      step()
    } catch (cause) {
      this.discard()
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

function statOf(path: string) {
  return statSync(path, { throwIfNoEntry: false })
}

function sync(path: string): void {
  const fd = openSync(path, 'r')
  fsyncSync(fd)
  closeSync(fd)
}
