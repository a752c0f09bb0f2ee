/** `<data-dir>/service.json`: how a command finds the service that runs on a data directory. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const schema = z.object({
  pid: z.int().positive(),
  /** Path of the management socket. */
  socket: z.string(),
  /** URL of the public HTTP server. */
  url: z.string(),
})

type ServiceFile = z.infer<typeof schema>

const pathIn = (dataDir: string) => join(dataDir, 'service.json')

/** The caller must hold the lock of the data directory. */
export function writeServiceFile(dataDir: string, content: ServiceFile): void {
  const path = pathIn(dataDir)
  const temporary = `${path}.new`
  writeFileSync(temporary, `${JSON.stringify(content)}\n`, { mode: 0o600 })
  renameSync(temporary, path)
}

export function removeServiceFile(dataDir: string): void {
  rmSync(pathIn(dataDir), { force: true })
}

/** Undefined if the file is missing or invalid. It may be left over from a service that was killed. */
export function readServiceFile(dataDir: string): ServiceFile | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(pathIn(dataDir), 'utf8')))
  } catch {
    return undefined
  }
}
