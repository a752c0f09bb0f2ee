/** `version.json` beside each bundle: enough to record the version again if the database is lost. */
import { lstatSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { RUNTIMES } from '../capabilities/runtime.ts'
import { capabilitiesSchema } from '../capabilities/schema.ts'
import { functionConfigSchema, functionId, type NewVersion } from '../metadata/records.ts'
import { bundleOwner, MANIFEST_FILE } from './files.ts'

/** A larger file is not read as a manifest. */
export const MAX_MANIFEST_BYTES = 2 ** 20

/** A reader refuses a higher number. Keys may be added without a new one. */
const FORMAT = 1

const manifestSchema = z.object({
  format: z.literal(FORMAT),
  project: z.string(),
  function: z.string(),
  version: z.string(),
  runtime: z.enum(RUNTIMES),
  handler: z.string(),
  capabilities: capabilitiesSchema,
  config: functionConfigSchema,
  engine: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Bytes of the bundle. */
  size: z.int().nonnegative(),
  createdAt: z.iso.datetime(),
})

export type VersionManifest = z.infer<typeof manifestSchema>

export function manifestText(version: NewVersion & { createdAt: string }): string {
  const { project, name, runtime, handler, capabilities, config, engine, bundle, createdAt } =
    version
  const { sha256, size } = bundle
  const manifest: VersionManifest = {
    format: FORMAT,
    project,
    function: name,
    version: version.version,
    runtime,
    handler,
    capabilities,
    config,
    engine,
    sha256,
    size,
    createdAt,
  }
  return `${JSON.stringify(manifest, null, 2)}\n`
}

/** Undefined for a text that is not a manifest of this format. */
export function parseManifest(text: string): VersionManifest | undefined {
  try {
    return manifestSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** The manifest in a version's folder, if it is that version's own; undefined for anything else. */
export async function ownManifest(
  dataDir: string,
  folder: string,
): Promise<VersionManifest | undefined> {
  const path = join(dataDir, folder, MANIFEST_FILE)
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found?.isFile() || found.size > MAX_MANIFEST_BYTES) return undefined
  const manifest = parseManifest(await readFile(path, 'utf8').catch(() => ''))
  const owner = bundleOwner(folder)
  if (manifest === undefined || owner === undefined) return undefined
  const own =
    owner.functionId === functionId(manifest.function, manifest.project) &&
    owner.version === manifest.version
  return own ? manifest : undefined
}
