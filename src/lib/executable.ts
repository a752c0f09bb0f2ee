import { readlinkSync } from 'node:fs'

const DELETED = ' (deleted)'

/**
 * The path of the file that this process runs, without symbolic links. It follows a file that is renamed. When
 * the file was replaced, it is the path that the process was started with, where the new one is.
 */
export function ownExecutable(): string {
  const path = readlinkSync('/proc/self/exe')
  return path.endsWith(DELETED) ? process.execPath : path
}
