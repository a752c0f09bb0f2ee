/** Reads files that people write by hand, and that are therefore small. */
import { closeSync, openSync, readSync } from 'node:fs'

export const MAX_SMALL_FILE_BYTES = 2 ** 20

/** The file is larger than it may be, or has no end, such as /dev/zero. */
export class TooLarge extends Error {
  readonly code = 'EFBIG'
}

/**
 * Reads a file of at most 1 MiB, also from a pipe. It waits for the writer of a pipe.
 *
 * @throws {TooLarge}
 */
export function readSmallFile(path: string): string {
  const bytes = Buffer.allocUnsafe(MAX_SMALL_FILE_BYTES + 1)
  const file = openSync(path, 'r')
  let length = 0
  try {
    for (let got = -1; got !== 0 && length < bytes.length; length += got) {
      got = readSync(file, bytes, length, bytes.length - length, null)
    }
  } finally {
    closeSync(file)
  }
  if (length > MAX_SMALL_FILE_BYTES) {
    throw new TooLarge(`it is larger than ${MAX_SMALL_FILE_BYTES} bytes`)
  }
  return bytes.toString('utf8', 0, length)
}
