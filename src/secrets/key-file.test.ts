import { afterEach, beforeEach, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KeyFile } from './key-file.ts'
import { SecretKey } from './secret-key.ts'

let dir: string
let file: KeyFile

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-key-'))
  file = new KeyFile(join(dir, 'secret.key'))
})

afterEach(() => rmSync(dir, { recursive: true }))

test('a new key file can be read by its owner only', () => {
  const key = SecretKey.generate()
  expect(file.read()).toBeUndefined()
  file.create(key)
  expect(file.read()?.id).toBe(key.id)
  expect(statSync(file.path).mode & 0o777).toBe(0o600)
  expect(file.readNext()).toBeUndefined()
})

test('an existing key file is never replaced by a new key', () => {
  const key = SecretKey.generate()
  file.create(key)
  expect(() => file.create(SecretKey.generate())).toThrow('secret.key cannot be used')
  expect(file.read()?.id).toBe(key.id)
})

test('a file that others may read or write is refused', () => {
  file.create(SecretKey.generate())
  for (const mode of [0o644, 0o640, 0o602, 0o620]) {
    chmodSync(file.path, mode)
    expect(() => file.read()).toThrow(/others may read or change it .* 'chmod 600/)
  }
})

test('a file without a key is refused', () => {
  for (const text of ['', 'secret\n', 'A'.repeat(2000)]) {
    writeFileSync(file.path, text, { mode: 0o600 })
    expect(() => file.read()).toThrow('has no key for secrets')
  }
  rmSync(file.path)
  Bun.spawnSync(['mkfifo', '-m', '600', file.path])
  expect(() => file.read()).toThrow('has no key for secrets')
})

test('a rotation puts the next key in the place of the current one', () => {
  const next = SecretKey.generate()
  file.create(SecretKey.generate())
  file.stage(SecretKey.generate())
  file.stage(next)
  expect(file.readNext()?.id).toBe(next.id)
  file.promoteNext()
  expect(file.read()?.id).toBe(next.id)
  expect(existsSync(`${file.path}.next`)).toBe(false)
})
