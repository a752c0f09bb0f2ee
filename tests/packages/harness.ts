/** Runs a function of this folder as a deployment would: bundled, in the real worker, strict. */
import { afterAll, beforeAll } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { buildBundle } from '../../src/bundles/build.ts'
import { findProject } from '../../src/bundles/project.ts'
import { NAMED_PROFILES } from '../../src/capabilities/profiles.ts'
import { startZygote, type TestZygote } from '../worker/harness.ts'
import type { TestWorker } from '../worker/test-worker.ts'

if (!existsSync(join(import.meta.dir, 'node_modules'))) {
  throw new Error('tests/packages has no packages: run scripts/test.sh, or npm ci there')
}

export const STRICT = { ...NAMED_PROFILES.strict, projectId: 'default' }

export function usePackages() {
  let template: TestZygote
  const workers = new Map<string, Promise<TestWorker>>()
  beforeAll(async () => {
    template = await startZygote()
  })
  afterAll(() => template.close())

  /** A worker of the function in this file, the same one for each call. */
  async function worker(file: string): Promise<TestWorker> {
    const made = workers.get(file) ?? start(file)
    workers.set(file, made)
    return await made
  }

  async function start(file: string): Promise<TestWorker> {
    const { code } = await buildBundle(findProject(file), 'quickjs-ng', STRICT)
    // A machine with other tests on it may need long for a large bundle: no limit of a profile's.
    const limits = { load_ms: 60_000 }
    return await template.worker({ bundle: code, capabilities: STRICT, limits })
  }

  /** Sends a request to functions/<name>.ts; a body makes it a POST. */
  async function send(
    name: string,
    path = '/',
    { body, headers = [] }: { body?: string; headers?: [string, string][] } = {},
  ) {
    const target = await worker(join(import.meta.dir, 'functions', `${name}.ts`))
    const result = await target.invoke({
      ...{ url: `http://localhost${path}`, method: body === undefined ? 'GET' : 'POST', headers },
      ...(body !== undefined && { body }),
      deadlineMs: 30_000,
      cpuMs: STRICT.maxCpu,
    })
    if (result.error !== undefined)
      throw new Error(`${result.error.message}\n${result.error.stack}`)
    return result
  }

  const json = async (...args: Parameters<typeof send>) => JSON.parse((await send(...args)).text)

  return { json, send, worker }
}
