import { expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dir, '../..')
const unit = readFileSync(join(ROOT, 'scripts/functions.service'), 'utf8')

/** What the file says for a key, comments left out. */
function settings(key: string): string[] {
  return unit
    .split('\n')
    .filter((line) => line.startsWith(`${key}=`))
    .map((line) => line.slice(key.length + 1))
}

test.skipIf(Bun.which('systemd-analyze') === null)('systemd-analyze verify passes', async () => {
  // It checks that the program is there: the installed path becomes this build's.
  const folder = mkdtempSync(join(tmpdir(), 'functions-unit-'))
  try {
    const path = join(folder, 'functions.service')
    writeFileSync(path, unit.replaceAll('/opt/functions/functions', join(ROOT, 'functions')))
    const child = Bun.spawn(['systemd-analyze', 'verify', '--man=no', path], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const said = await new Response(child.stderr).text()
    const status = await child.exited
    expect(said.split('\n').filter((line) => line.includes('functions.service'))).toEqual([])
    expect(status).toBe(0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the unit starts the service where the settings lie that it speaks of', () => {
  const directory = /settings into[\s#]+(\S+)\/functions\.toml/.exec(unit)?.[1]
  expect(settings('WorkingDirectory')).toEqual([directory ?? 'the unit names no directory'])
  expect(settings('ConfigurationDirectory').map((name) => join('/etc', name))).toEqual([
    directory ?? '',
  ])
})

test('the unit takes nothing away that the sandbox is made of', () => {
  for (const key of [
    'RestrictNamespaces',
    'PrivateUsers',
    'SystemCallFilter',
    'MemoryDenyWriteExecute',
    'ProtectControlGroups',
    'ProtectKernelTunables',
    'ProtectProc',
    'ProtectHostname',
  ]) {
    expect(`${key}: ${settings(key)}`).toBe(`${key}: `)
  }
  expect(settings('Delegate')).toEqual(['yes'])
})
