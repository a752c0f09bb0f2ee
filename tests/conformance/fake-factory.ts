/** A worker factory whose workers send what their bundle says (fake-worker.ts). */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WorkerFactoryOptions } from '../../src/worker/worker-factory.ts'
import { type FactoryFixture, openFactory } from './harness.ts'

export const READY = `send({ type: 'ready', protocol: 2, engine: 'fake', init_us: 1 });`

/** A worker that runs `code` as soon as it has an invocation. */
export const onInvoke = (code: string) =>
  `${READY} on((m) => { if (m.type === 'invoke') { ${code} } })`

export interface FakeFixture extends FactoryFixture {
  /** Writes a program that replaces the launcher. */
  script(name: string, body: string): string
}

export function openFakeFactory(overrides: Partial<WorkerFactoryOptions> = {}): FakeFixture {
  const dir = mkdtempSync(join(tmpdir(), 'functions-fake-'))
  const script = (name: string, body: string) => {
    const path = join(dir, name)
    writeFileSync(path, `#!/bin/sh\n${body}\n`)
    chmodSync(path, 0o755)
    return path
  }
  const program = `exec ${process.execPath} ${join(import.meta.dir, 'fake-worker.ts')}`
  const { factory, close } = openFactory({
    // A fake has no sandbox.
    allowDegraded: true,
    launcherPath: script('fake', program),
    ...overrides,
  })
  return {
    factory,
    script,
    close: async () => {
      await close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
