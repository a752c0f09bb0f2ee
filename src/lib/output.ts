/** Standard output and standard error. Everything that this program prints goes through here. */
import { fstatSync, write } from 'node:fs'
import { promisify } from 'node:util'
import { FunctionError } from '../errors.ts'

const writeTo = promisify(write)

/** Longest pause (ms) before the next try at a non-blocking pipe that is full. */
const MAX_PAUSE_MS = 20

/** Maximum bytes of log lines that wait for a reader; further lines are dropped. */
const MAX_LOG_BACKLOG = 1024 * 1024

const NEWLINE = Buffer.from('\n')

/**
 * One of the two output streams, by its descriptor.
 *
 * `Bun.write(Bun.stdout, text)` opens the file that the descriptor leads to and truncates it, also
 * with `>>`, and `process.stderr` is of no use after its first error. Here each write goes to the
 * descriptor as it is, on a thread of its own, so that a reader that does not read blocks nobody.
 * A reader that went away is no error: what it does not read is discarded.
 *
 * @example
 * await stdout.write('done\n')
 */
export class Output {
  readonly #fd: number
  /** Ends when everything so far is written or abandoned; never rejects. */
  #last: Promise<void> = Promise.resolve()
  #waitingBytes = 0
  #readerGone = false
  /** The last line was written only in part. */
  #cut = false

  constructor(fd: number) {
    this.#fd = fd
  }

  /**
   * Appends `data`, after everything that was written before.
   *
   * @returns when all of it is out, or the reader is gone
   * @throws {FunctionError} STORAGE_UNUSABLE if the rest cannot be written, such as on a full disk
   */
  write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    this.#waitingBytes += bytes.length
    const done = this.#last.then(() => this.#writeAll(bytes))
    this.#last = done
      .catch(() => {})
      .finally(() => {
        this.#waitingBytes -= bytes.length
      })
    return done
  }

  /** As `write`, but refuses the line if too much waits for a reader that does not read. */
  async writeLog(line: string): Promise<void> {
    if (this.#waitingBytes > MAX_LOG_BACKLOG) {
      throw new FunctionError('OVERLOADED', 'The reader of the log does not keep up.')
    }
    await this.write(line)
  }

  /** Waits until everything so far is written or abandoned. */
  async flushed(): Promise<void> {
    await this.#last
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let rest = this.#cut ? Buffer.concat([NEWLINE, bytes]) : bytes
    let pauseMs = 1
    while (rest.length > 0 && !this.#readerGone) {
      const written = await this.#writeSome(rest)
      if (written > 0) {
        rest = rest.subarray(written)
        this.#cut = rest.length > 0
        pauseMs = 1
      } else {
        await Bun.sleep(pauseMs)
        pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
      }
    }
  }

  /** @returns how many bytes were written; 0 if there is no room now */
  async #writeSome(bytes: Uint8Array): Promise<number> {
    try {
      return (await writeTo(this.#fd, bytes, 0, bytes.length)).bytesWritten
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      if (code === 'EAGAIN' || code === 'EINTR') return 0
      // EIO: the terminal was closed.
      if (code === 'EPIPE' || code === 'ECONNRESET' || (code === 'EIO' && !this.#isFile())) {
        this.#readerGone = true
        return 0
      }
      const name = this.#fd === 1 ? 'Standard output' : 'Standard error'
      const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
      const why = full ? `no space is left for the file that it leads to (${code})` : message
      throw new FunctionError('STORAGE_UNUSABLE', `${name} cannot be written: ${why}.`, { cause })
    }
  }

  #isFile(): boolean {
    return fstatSync(this.#fd).isFile()
  }
}

export const stdout = new Output(1)
export const stderr = new Output(2)
