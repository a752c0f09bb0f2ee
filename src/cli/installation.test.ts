import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Installation } from './installation.ts'

let dir: string
let installation: Installation

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-installation-'))
  const current = join(dir, 'functions')
  writeFileSync(current, 'old')
  writeFileSync(join(dir, 'file'), 'new')
  installation = new Installation(current)
  installation.bring(join(dir, 'file'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

test('an exchange keeps the executable before', () => {
  installation.rehearse()
  installation.exchange()
  expect(readFileSync(installation.current, 'utf8')).toBe('new')
  expect(readFileSync(installation.previous, 'utf8')).toBe('old')
  expect(readdirSync(dir).sort()).toEqual(['file', 'functions', 'functions.previous'])
})

test('an exchange that fails half-way deletes nothing, and says what remains', () => {
  installation.rehearse()
  mkdirSync(installation.previous)
  const { current, next, previous } = installation
  expect(() => installation.exchange()).toThrow(
    `${current} is the new executable. The one before is ${next}: rename it to ${previous} to keep it.`,
  )
  expect(readFileSync(current, 'utf8')).toBe('new')
  expect(readFileSync(next, 'utf8')).toBe('old')
})

test('one at a time, and no lock stays behind', async () => {
  const other = new Installation(installation.current)
  const refused = await installation.exclusively(() =>
    other
      .exclusively(async () => {})
      .then(
        () => undefined,
        (error: Error) => error,
      ),
  )
  expect(refused?.message).toContain('Another command is upgrading')
  await other.exclusively(async () => {})
  expect(readdirSync(dir).sort()).toEqual(['file', 'functions', 'functions.new'])
})
