/**
 * Workers under what the systemd unit leaves of root's rights, as far as that can be had without
 * systemd: its capabilities, no new privileges, a file system that is read-only but for its own folder.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Bench, call, openLauncher, start } from '../conformance/harness.ts'

const ROOT = resolve(import.meta.dir, '../..')
const LAUNCHER = join(ROOT, '.build/bin/functions-launcher')
const unit = readFileSync(join(ROOT, 'scripts/functions.service'), 'utf8')

const kept = unit
  .split('\n')
  .filter((line) => line.startsWith('CapabilityBoundingSet='))
  .flatMap((line) => line.slice(line.indexOf('=') + 1).split(' '))
  .map((name) => `+${name.replace('CAP_', '').toLowerCase()}`)

const folder = mkdtempSync(join(tmpdir(), 'functions-unit-'))
chmodSync(folder, 0o755)
let bench: Bench

const isRoot = process.getuid?.() === 0
beforeAll(() => {
  const script = join(folder, 'under-the-unit')
  const runDir = join(folder, 'run')
  mkdirSync(runDir, { mode: 0o700 })
  writeFileSync(
    script,
    `#!/bin/sh
export PATH=${process.env.PATH}
exec unshare --mount --propagation private /bin/sh -c '
  mount --bind ${folder} ${folder} && mount -o remount,bind,ro / || exit 99
  exec setpriv --no-new-privs --bounding-set=-all,${kept.join(',')} -- "$@"
' sh ${LAUNCHER} "$@"
`,
  )
  chmodSync(script, 0o755)
  bench = openLauncher({ launcherPath: script, runDir })
})
afterAll(async () => {
  await bench.close()
  rmSync(folder, { recursive: true, force: true })
})

const OK = `export default () => new Response('ok')`
const everything = { allowFilesystem: true, allowNetwork: true, allowChildProcess: true }

describe.if(isRoot)('under the unit', () => {
  test.each([
    ['strict', 'quickjs-ng', {}],
    ['with paths', 'quickjs-ng', { allowFilesystem: true, allowedPaths: ['/usr/share'] }],
    ['with everything', 'quickjs-ng', everything],
    ['bun', 'bun', {}],
    ['bun with everything', 'bun', { ...everything, allowEval: true }],
  ] as const)('a worker starts behind all its layers: %s', async (_what, runtime, capabilities) => {
    const { worker } = await start(bench.launcher, runtime, OK, {
      capabilities: capabilities as never,
    })
    expect((await call(worker)).body.toString()).toBe('ok')
    expect(worker.layers).toEqual(
      expect.arrayContaining(['uid', 'pid_namespace', 'mount_namespace', 'landlock', 'seccomp']),
    )
  })
})
