/**
 * Reads files of the data directory in a process that serves requests. Whatever lies there under the
 * name, a pipe, a device or a file without end, it neither blocks the process nor fills its memory.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { open } from 'node:fs/promises'

/** The open of a pipe does not wait for its writer. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK

/** It is not a regular file, or larger than it may be. */
export class NotStored extends Error {
  readonly code: string

  constructor(code: 'EINVAL' | 'EFBIG', message: string) {
    super(message)
    this.code = code
  }
}

/** @throws {NotStored} */
export function readStoredSync(path: string, maxBytes: number): Uint8Array {
  const fd = openSync(path, FLAGS)
  try {
    checkKind(fstatSync(fd), maxBytes)
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** @throws {NotStored} */
export async function readStored(path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await open(path, FLAGS)
  try {
    checkKind(await file.stat(), maxBytes)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

function checkKind(found: Stats, maxBytes: number): void {
  if (!found.isFile()) throw new NotStored('EINVAL', 'it is not a regular file')
  if (found.size > maxBytes) throw new NotStored('EFBIG', `it is larger than ${maxBytes} bytes`)
}
