/** A folder of files for tests of node:fs, and functions that use them in the real worker. */
import { afterAll, beforeAll } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Capabilities } from '../../src/capabilities/schema.ts'
import { bundleOf, startZygote, type TestZygote } from './node-harness.ts'

export const files = (allowedPaths: string[]): Partial<Capabilities> => ({
  allowFilesystem: true,
  allowedPaths,
  maxFileDescriptors: 50,
})

/** The folder has `data`, which a function may use, and `secret/key`, which it may not. */
export function useFiles() {
  let zygote: TestZygote
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'functions-files-')))
  const data = join(dir, 'data')

  beforeAll(async () => {
    zygote = await startZygote()
    mkdirSync(data)
    mkdirSync(join(dir, 'secret'))
    writeFileSync(join(dir, 'secret/key'), 'secret')
    // The worker runs as another user.
    for (const path of [dir, data, join(dir, 'secret')]) chmodSync(path, 0o777)
    chmodSync(join(dir, 'secret/key'), 0o666)
  })

  afterAll(async () => {
    await zygote.close()
    rmSync(dir, { recursive: true })
  })

  /** What `body`, a function of fs/promises, fs and the data directory, returns as JSON. */
  async function answer(body: string, allowedPaths = [data]): Promise<unknown> {
    const capabilities = files(allowedPaths)
    const source = `import fs from 'node:fs/promises'
      import sync from 'node:fs'
      const DATA = ${JSON.stringify(data)}, DIR = ${JSON.stringify(dir)}
      const refused = async (call) => {
        try { return ['allowed', await call()] } catch (error) { return error.code ?? String(error) }
      }
      export default async () => Response.json((await (async () => { ${body} })()) ?? null)`
    const worker = await zygote.worker({
      bundle: await bundleOf(source, capabilities),
      capabilities,
    })
    try {
      return await worker.json()
    } finally {
      worker.close()
    }
  }

  return { answer, data, dir, zygote: () => zygote }
}
