/** Selects the files of the suite to run: the same ones for the same checkout. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Metadata, metadataOf } from './metadata.ts'

/** A checkout of tc39/test262; without one nothing runs. */
export const TEST262_ROOT = process.env.TEST262_ROOT || undefined

const AREAS = ['language', 'built-ins'] as const
export type Area = (typeof AREAS)[number]
/** Takes every n-th file. */
const STEP = 12

/**
 * Features that the engine lacks (its own test262.conf), and those that a worker does not offer.
 */
const SKIPPED: Record<string, string> = {
  ...Object.fromEntries(
    [
      'Atomics.waitAsync',
      'await-dictionary',
      'canonical-tz',
      'decorators',
      'import-defer',
      'legacy-regexp',
      'ShadowRealm',
      'source-phase-imports',
      'source-phase-imports-module-source',
      'tail-call-optimization',
      'Temporal',
      'host-gc-required',
    ].map((feature) => [feature, 'not in the engine']),
  ),
  'cross-realm': 'a worker has one realm',
  IsHTMLDDA: 'a worker has no document',
  'dynamic-import': 'a bundle holds all that it imports',
  'import-attributes': 'a bundle holds all that it imports',
  'import-bytes': 'a bundle holds all that it imports',
  'import-text': 'a bundle holds all that it imports',
  'json-modules': 'a bundle holds all that it imports',
  'top-level-await': 'of modules',
  'import.meta': 'of modules',
}

export interface TestFile {
  area: Area
  /** Relative to `test/`. */
  name: string
  source: string
  metadata: Metadata
  /** Why it is skipped; undefined when it runs. */
  skipped: string | undefined
}

export function sample(root: string): TestFile[] {
  return AREAS.flatMap((area) => {
    const names = [...new Bun.Glob('**/*.js').scanSync(join(root, 'test', area))]
      .filter((name) => !name.includes('_FIXTURE'))
      .sort()
    return names
      .filter((_, i) => i % STEP === 0)
      .map((name) => {
        const source = readFileSync(join(root, 'test', area, name), 'utf8')
        const metadata = metadataOf(source)
        return { area, name: `${area}/${name}`, source, metadata, skipped: whySkipped(metadata) }
      })
  })
}

function whySkipped({ flags, features, includes }: Metadata): string | undefined {
  if (flags.includes('module')) return 'a module with files beside it'
  if (flags.includes('CanBlockIsTrue')) return 'no thread of a worker may block'
  if (includes.includes('atomicsHelper.js')) return 'a worker has no agents'
  const feature = features.find((name) => Object.hasOwn(SKIPPED, name))
  return feature === undefined ? undefined : SKIPPED[feature]
}

/** A file of the suite's harness. */
export function harnessFile(root: string, name: string): string {
  return readFileSync(join(root, 'harness', name), 'utf8')
}
