/** Bundles sources as a deployment does, for the real worker. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildBundle } from '../../src/bundles/build.ts'
import { findProject } from '../../src/bundles/project.ts'
import { NAMED_PROFILES } from '../../src/capabilities/profiles.ts'
import type { Capabilities } from '../../src/capabilities/schema.ts'

export { startZygote, type TestZygote } from './harness.ts'

const folder = mkdtempSync(join(tmpdir(), 'functions-node-'))
writeFileSync(join(folder, 'package.json'), '{}')
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

/** Installs a package that the sources can import. */
export function writePackage(name: string, source: string, type = 'commonjs'): void {
  const home = join(folder, 'node_modules', name)
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, 'package.json'), JSON.stringify({ name, type, main: 'index.js' }))
  writeFileSync(join(home, 'index.js'), source)
}

/** @param capabilities the differences from the strict profile */
export async function bundleOf(
  source: string,
  capabilities: Partial<Capabilities> = {},
): Promise<Uint8Array> {
  const file = join(folder, `${crypto.randomUUID()}.ts`)
  writeFileSync(file, source)
  const all = { ...NAMED_PROFILES.strict, projectId: 'default', ...capabilities }
  return (await buildBundle(findProject(file), 'quickjs-ng', all)).code
}
