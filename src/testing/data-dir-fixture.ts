/** Test fixture: a data directory with functions whose bundles no build made. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { sha256 } from '../bundles/bundle-store.ts'
import { BUNDLE_FILE, MANIFEST_FILE, MAP_FILE } from '../bundles/files.ts'
import { manifestText } from '../bundles/version-manifest.ts'
import { namedProfile } from '../capabilities/profiles.ts'
import { MetadataStore } from '../metadata/store.ts'

/** A handler that answers `<function> <version>`. */
export const sourceOf = (name: string, version: string) =>
  `export default () => new Response('${name} ${version}')\n`

/** Adds versions v1 to v`count` of each function, as deployments would leave them. */
export function addFunctions(dataDir: string, names: readonly string[], count: number): void {
  const store = MetadataStore.open(dataDir)
  for (const name of names) {
    for (let n = 1; n <= count; n++) addVersion(store, dataDir, name, `v${n}`)
  }
  store.close()
}

function addVersion(store: MetadataStore, dataDir: string, name: string, version: string): void {
  const code = Buffer.from(sourceOf(name, version))
  const path = join('bundles', `func-${name}`, version, BUNDLE_FILE)
  const directory = join(dataDir, dirname(path))
  const record = {
    project: 'default',
    name,
    version,
    runtime: 'quickjs-ng' as const,
    handler: 'default',
    engine: 'quickjs-ng/test',
    capabilities: namedProfile('strict', 'default'),
    config: { profile: 'strict', exposeErrors: false },
    bundle: { path, sha256: sha256(code), size: code.length },
    createdAt: new Date().toISOString(),
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const files: [string, string | Buffer][] = [
    [BUNDLE_FILE, code],
    [MAP_FILE, '{"version":3,"sources":[],"mappings":""}'],
    [MANIFEST_FILE, manifestText(record)],
  ]
  for (const [file, content] of files) {
    writeFileSync(join(directory, file), content, { mode: 0o600 })
  }
  store.addVersion(record)
  writeFileSync(join(dataDir, `bundles/func-${name}/.active`), version, { mode: 0o600 })
}
