import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MAX_SMALL_FILE_BYTES, readSmallFile, TooLarge } from './small-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'functions-small-file-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a file of the greatest size is read, and one byte more is refused', () => {
  const path = join(folder, 'file')
  const text = 'x'.repeat(MAX_SMALL_FILE_BYTES)
  writeFileSync(path, text)
  expect(readSmallFile(path)).toBe(text)
  writeFileSync(path, `${text}x`)
  expect(() => readSmallFile(path)).toThrow(TooLarge)
})

test('a device without an end is refused, and an empty one is empty', () => {
  expect(() => readSmallFile('/dev/zero')).toThrow(TooLarge)
  expect(readSmallFile('/dev/null')).toBe('')
})

test('a pipe whose writer pauses is read to its end', async () => {
  const path = join(folder, 'pipe')
  Bun.spawnSync(['mkfifo', path])
  const writer = Bun.spawn(['sh', '-c', 'exec > "$0"; printf one; sleep 0.1; printf two', path])
  expect(readSmallFile(path)).toBe('onetwo')
  await writer.exited
})
