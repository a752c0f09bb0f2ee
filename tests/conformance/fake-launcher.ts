/** A launcher whose workers do what their bundle says, on the wire (fake-worker.ts). */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WorkerFactoryOptions } from '../../src/worker/worker-factory.ts'
import { type Bench, openLauncher } from './harness.ts'

export const READY = `send({ type: 'ready', protocol: 1, engine: 'fake', init_us: 1 });`

/** A worker that says `code` as soon as it has an invocation. */
export const onInvoke = (code: string) =>
  `${READY} on((m) => { if (m.type === 'invoke') { ${code} } })`

export interface FakeBench extends Bench {
  /** A program that stands where the launcher would. */
  script(name: string, body: string): string
}

export function openFakeLauncher(overrides: Partial<WorkerFactoryOptions> = {}): FakeBench {
  const dir = mkdtempSync(join(tmpdir(), 'functions-fake-'))
  const script = (name: string, body: string) => {
    const path = join(dir, name)
    writeFileSync(path, `#!/bin/sh\n${body}\n`)
    chmodSync(path, 0o755)
    return path
  }
  const program = `exec ${process.execPath} ${join(import.meta.dir, 'fake-worker.ts')}`
  const { launcher, close } = openLauncher({
    // There is no sandbox around a fake.
    allowDegraded: true,
    launcherPath: script('fake', program),
    ...overrides,
  })
  return {
    ...{ launcher, script },
    close: async () => {
      await close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
