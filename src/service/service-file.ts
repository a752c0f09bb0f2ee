/** `<data-dir>/service.json`: how a command finds the service that runs on a data directory. */
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { readSmallFile } from '../lib/small-file.ts'
import { unusable } from '../lib/storage.ts'

const schema = z.object({
  pid: z.int().positive(),
  /** Path of the management socket. */
  socket: z.string(),
  /** URL of the public HTTP server. */
  url: z.string(),
  /** Device and inode of the data directory: those of a copy differ. */
  directory: z.string().optional(),
})

type ServiceFile = z.infer<typeof schema>

const pathIn = (dataDir: string) => join(dataDir, 'service.json')

const directoryOf = (dataDir: string) => {
  const { dev, ino } = statSync(dataDir)
  return `${dev}:${ino}`
}

/**
 * The caller must hold the lock of the data directory.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE; then there is no file of an earlier service, either
 */
export function writeServiceFile(dataDir: string, content: Omit<ServiceFile, 'directory'>): void {
  const path = pathIn(dataDir)
  const temporary = `${path}.new`
  const text = JSON.stringify({ ...content, directory: directoryOf(dataDir) })
  try {
    writeFileSync(temporary, `${text}\n`, { mode: 0o600 })
    renameSync(temporary, path)
  } catch (cause) {
    rmSync(temporary, { force: true })
    rmSync(path, { force: true })
    throw unusable(path, cause)
  }
}

export function removeServiceFile(dataDir: string): void {
  rmSync(pathIn(dataDir), { force: true })
}

/**
 * Undefined if the file is missing or invalid, or if the data directory is a copy of the one that the
 * service runs on. It may be left over from a service that was killed.
 */
export function readServiceFile(dataDir: string): ServiceFile | undefined {
  const file = parse(dataDir)
  return file === undefined || isCopied(dataDir, file) ? undefined : file
}

/** The file of a service that runs, or ran, on another directory of which this one is a copy. */
export function copiedServiceFile(dataDir: string): ServiceFile | undefined {
  const file = parse(dataDir)
  return file !== undefined && isCopied(dataDir, file) ? file : undefined
}

function isCopied(dataDir: string, { directory }: ServiceFile): boolean {
  return directory !== undefined && directory !== directoryOf(dataDir)
}

function parse(dataDir: string): ServiceFile | undefined {
  try {
    return schema.parse(JSON.parse(readSmallFile(pathIn(dataDir))))
  } catch {
    return undefined
  }
}
