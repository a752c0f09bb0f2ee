import { afterEach, beforeEach, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { readTlsFiles } from './tls-files.ts'

let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-tls-'))
})

afterEach(() => rmSync(dir, { recursive: true }))

function refusal(flags: Record<string, string>): string {
  try {
    readTlsFiles(loadConfig({ flags, env: {} }).config)
  } catch (error) {
    if (error instanceof FunctionError) return error.message
    throw error
  }
  return ''
}

function file(name: string, text: string, mode = 0o600): string {
  const path = join(dir, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

test('without files there is no TLS, and one needs the other', () => {
  expect(readTlsFiles(loadConfig({ flags: {}, env: {} }).config)).toBeUndefined()
  expect(refusal({ 'admin-tls-cert': '/x' })).toContain('need each other')
  expect(refusal({ 'admin-tls-key': '/x' })).toContain('need each other')
})

test('what cannot be used is named', () => {
  const cert = file('cert.pem', 'nonsense')
  const key = file('key.pem', 'nonsense')
  const both = { 'admin-tls-cert': cert, 'admin-tls-key': key }
  expect(refusal(both)).toContain('is not a certificate')
  expect(refusal({ ...both, 'admin-tls-cert': join(dir, 'nothing') })).toContain('ENOENT')
  expect(refusal({ ...both, 'admin-tls-cert': dir })).toContain('not a regular file')
  chmodSync(key, 0o644)
  expect(refusal(both)).toContain(`chmod 600 ${key}`)
})
