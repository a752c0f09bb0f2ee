import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { CONFIG_KEYS } from './keys.ts'
import { type LoadedConfig, loadConfig } from './load.ts'
import { applyReloadable } from './reload.ts'

const dir = mkdtempSync(join(tmpdir(), 'functions-reload-'))
const file = join(dir, 'functions.toml')
afterAll(() => rmSync(dir, { recursive: true }))

function load(toml: string, flags: Record<string, string> = {}): LoadedConfig {
  writeFileSync(file, toml)
  return loadConfig({ flags: { config: file, ...flags }, env: { FUNCTIONS_POOL_QUEUE: '7' } })
}

test('changed settings apply to the same object, or are named as needing a restart', () => {
  const loaded = load(
    '[server]\nport = 1\ntimeout = "10s"\n[egress]\nallow_private = ["::1/128"]\n',
  )
  const { config } = loaded
  const { server } = config
  writeFileSync(
    file,
    '[server]\nport = 2\ntimeout = "20s"\n[egress]\nallow_private = ["::1/128"]\n',
  )
  const change = applyReloadable(config, loaded.again().config)
  expect(change).toEqual({ applied: ['server.timeout'], needRestart: ['server.port'] })
  expect(server).toMatchObject({ timeout: 20_000, port: 1 })
  expect(applyReloadable(config, loaded.again().config).needRestart).toEqual(['server.port'])
})

test('a flag and the environment still override the file', () => {
  const loaded = load('', { timeout: '5s' })
  writeFileSync(file, '[server]\ntimeout = "20s"\n[pool]\nqueue = 9\n')
  expect(applyReloadable(loaded.config, loaded.again().config).applied).toEqual([])
  expect(loaded.config.pool.queue).toBe(7)
})

test('a file that is gone, or is not a file any more, is an error', () => {
  const loaded = load('[server]\ntimeout = "20s"\n')
  rmSync(file)
  expect(() => loaded.again()).toThrow(FunctionError)
  expect(Bun.spawnSync(['mkfifo', file]).exitCode).toBe(0)
  expect(() => loaded.again()).toThrow(/is not a regular file/)
  rmSync(file)
})

test('what decides about the sandbox, paths and ports needs a restart', () => {
  const restart = CONFIG_KEYS.filter((key) => !key.reloadable).map((key) => key.key)
  expect(restart).toContain('server.data_dir')
  expect(restart.filter((key) => /^(worker|sandbox)\./.test(key))).toHaveLength(8)
  expect(restart).not.toContain('server.timeout')
})
