import { afterAll, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCli } from './cli.ts'

const dir = mkdtempSync(join(tmpdir(), 'functions-doctor-test-'))
afterAll(() => rmSync(dir, { recursive: true }))

interface Report {
  ok: boolean
  checks: { name: string; result: string; detail: string }[]
  layers: { layer: string; available: boolean; inUse: boolean; detail: string }[]
}

async function doctor(...args: string[]): Promise<{ status: number; report: Report }> {
  let text = ''
  const status = await runCli(['doctor', '--json', '--port', '0', ...args], {
    env: {},
    stdout: (part) => {
      text += part
    },
    stderr: (part) => {
      text += part
    },
  })
  return { status, report: JSON.parse(text) }
}

function find(report: Report, name: string) {
  return report.checks.find((check) => check.name === name)
}

test('a machine that can run functions passes, with a real worker, and nothing is left behind', async () => {
  const dataDir = join(dir, 'data')
  const { status, report } = await doctor('--data-dir', dataDir)
  expect(status).toBe(0)
  expect(report.ok).toBe(true)
  expect(find(report, 'worker')?.detail).toMatch(/ready in [\d.]+ ms; layers: .*no_new_privs/)
  expect(find(report, 'quickjs-worker')?.detail).toContain('quickjs-ng')
  expect(existsSync(dataDir)).toBe(false)
})

test('each layer is listed: whether it is available, whether it is in use, and why not', async () => {
  const { report } = await doctor('--data-dir', join(dir, 'layers'))
  const names = report.layers.map(({ layer }) => layer)
  for (const name of ['uid', 'mount_namespace', 'network_namespace', 'landlock', 'seccomp']) {
    expect(names).toContain(name)
  }
  for (const { layer, available, inUse, detail } of report.layers) {
    expect(`${layer}: ${detail}`).toMatch(/: .{8}/)
    // A layer in use is available; an available layer is in use by a strict worker, except those
    // that only serve sets up.
    if (inUse) expect(`${layer} ${available}`).toBe(`${layer} true`)
    if (available && layer !== 'cgroup') expect(`${layer} ${inUse}`).toBe(`${layer} true`)
  }
  expect(find(report, 'the permissive profile')?.detail).toMatch(/layers: |refused: /)
  expect(find(report, 'bun workers')?.detail).toMatch(/layers: |refused: /)
})

test('a data directory that cannot be made fails', async () => {
  const { status, report } = await doctor('--data-dir', '/proc/functions')
  expect(status).toBe(1)
  expect(find(report, 'data directory')?.result).toBe('fail')
  expect(find(report, 'worker')?.result).toBe('ok')
})

test('a program that is configured and does not run fails', async () => {
  const program = join(dir, 'quickjs-worker')
  writeFileSync(program, '#!/bin/sh\nexit 3\n', { mode: 0o755 })
  const { status, report } = await doctor('--worker-quickjs-path', program)
  expect(status).toBe(1)
  expect(find(report, 'quickjs-worker')?.result).toBe('fail')
  expect(find(report, 'worker')?.result).toBe('fail')
  expect(find(report, 'worker')?.detail).toContain(`${program} is not a quickjs-worker`)
})

test('a port that is in use is reported', async () => {
  const taken = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { report } = await doctor('--data-dir', join(dir, 'data'), '--port', String(taken.port))
  expect(find(report, 'port')).toMatchObject({ result: 'warn' })
  taken.stop(true)
})
