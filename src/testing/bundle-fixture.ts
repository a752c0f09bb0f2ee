/** Test fixture: a tenant's project in a temporary directory, bundled as in a deployment. */

import { afterEach, beforeEach, expect } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type BuiltBundle, buildBundle } from '../bundles/build.ts'
import type { Bundle } from '../bundles/bundle-store.ts'
import { findProject } from '../bundles/project.ts'
import { NAMED_PROFILES } from '../capabilities/profiles.ts'
import type { Runtime } from '../capabilities/runtime.ts'
import { FunctionError } from '../errors.ts'

export const STRICT = { ...NAMED_PROFILES.strict, projectId: 'default' }

/** What a worker gives natively is put in its place: functions that do nothing. */
function withoutNative(code: string): string {
  return code.replace(/^import \{ ?(.+?) ?\} from "fn:[\w-]+";$/gm, (_, names: string) => {
    const locals = names.split(',').map((name) => name.trim().split(' as ').at(-1))
    return locals.map((name) => `const ${name} = () => undefined`).join('; ')
  })
}

export function useProject() {
  let dir = ''
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'functions-build-'))
    write('package.json', '{"name":"tenant"}')
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  const root = () => join(dir, 'project')

  function write(name: string, text: string): string {
    const path = join(root(), name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return path
  }

  function build(text: string, runtime: Runtime = 'quickjs-ng'): Promise<BuiltBundle> {
    return buildBundle(findProject(write('index.ts', text)), runtime, STRICT)
  }

  async function refused(text: string, runtime?: Runtime): Promise<FunctionError> {
    try {
      await build(text, runtime)
    } catch (error) {
      if (error instanceof FunctionError) {
        expect(error.code).toBe('BUNDLE_REFUSED')
        return error
      }
      throw error
    }
    throw new Error('it was not refused')
  }

  /** Runs a bundle in this process, which is safe because the sources are the tests'. */
  async function run(bundle: Bundle): Promise<unknown> {
    const path = join(dir, `${crypto.randomUUID()}.mjs`)
    writeFileSync(path, withoutNative(text(bundle)))
    return (await import(path)).default
  }

  const text = (bundle: Bundle) => new TextDecoder().decode(bundle.code)

  return { build, dir: () => dir, refused, root, run, text, write }
}
