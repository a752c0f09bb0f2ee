/** A service that is not root, under a /proc of which a part is covered, as container engines start it. */
import { expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXECUTABLE } from './harness.ts'

const USER = 12_345
const drop = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups']

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'covering /proc needs root'
  const { exitCode } = Bun.spawnSync([...drop, 'test', '-x', EXECUTABLE])
  return exitCode === 0 ? undefined : 'another user cannot execute this build'
}

const skipped = whyNot()

test.skipIf(skipped !== undefined)(
  `Bun workers are refused with the reason, and others run${skipped ? ` (${skipped})` : ''}`,
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'functions-proc-'))
    chmodSync(dir, 0o777)
    try {
      const doctor = [...drop, EXECUTABLE, 'doctor', '--json', '--data-dir', join(dir, 'data')]
      const script = 'mount -t tmpfs none /proc/fs && exec "$@"'
      const child = Bun.spawn(['unshare', '--mount', 'bash', '-c', script, 'bash', ...doctor], {
        cwd: dir,
        env: { PATH: process.env.PATH ?? '', TMPDIR: dir },
        stdout: 'pipe',
      })
      const { checks } = (await new Response(child.stdout).json()) as { checks: { name: string }[] }
      const find = (name: string) => checks.find((check) => check.name === name)
      expect(find('worker')).toMatchObject({ result: 'ok' })
      expect(find('bun workers')).toMatchObject({
        result: 'warn',
        detail: expect.stringContaining("Parts of the service's own /proc are covered"),
      })
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  },
)
