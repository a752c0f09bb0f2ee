/** `<data-dir>/service.json`: how a command finds the service that runs on a data directory. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const schema = z.object({
  pid: z.int().positive(),
  /** Path of the management socket. */
  socket: z.string(),
  /** Of the public HTTP. */
  url: z.string(),
})

export type ServiceFile = z.infer<typeof schema>

const pathIn = (dataDir: string) => join(dataDir, 'service.json')

/** Only who holds the data directory's lock writes it. */
export function writeServiceFile(dataDir: string, content: ServiceFile): void {
  const path = pathIn(dataDir)
  const temporary = `${path}.new`
  writeFileSync(temporary, `${JSON.stringify(content)}\n`, { mode: 0o600 })
  renameSync(temporary, path)
}

export function removeServiceFile(dataDir: string): void {
  rmSync(pathIn(dataDir), { force: true })
}

/** Undefined when there is none, or none that we wrote. It may be of a service that was killed. */
export function readServiceFile(dataDir: string): ServiceFile | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(pathIn(dataDir), 'utf8')))
  } catch {
    return undefined
  }
}
